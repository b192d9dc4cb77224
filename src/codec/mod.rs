//! Bytes to events and back, pure: no files, no clocks.
pub mod java_map;
pub mod marks;
pub mod serializer;
