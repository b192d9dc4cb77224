//! Bytes to events and back, pure: no files, no clocks.
pub mod avro;
pub mod base64;
pub mod charset;
pub mod encode;
pub mod escapes;
pub mod java_map;
pub mod java_object;
pub mod java_regex;
pub mod jceks;
pub mod joda;
pub mod json_event;
pub mod lines;
pub mod marks;
pub mod records;
pub mod serializer;
pub mod stored;
