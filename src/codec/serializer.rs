//! Events as the bytes of a file, by Flume's event serializers.
//!
//! `TEXT`: the body, then `\n`. `HEADER_AND_TEXT`: the headers as Java prints a map, a space, the body, `\n`. Bodies
//! are written as they are, embedded newlines too.
//! Truth: Flume 1.11 `BodyTextEventSerializer`, `HeaderAndBodyTextEventSerializer`.
use std::io::IoSlice;

use super::java_map;
use crate::event::Batch;

/// How events become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serializer {
    Text { newline: bool },
    HeaderAndText { newline: bool },
}

impl Serializer {
    /// The serializer of this name or Java class; `Err` says what is wrong with it.
    pub fn named(name: &str, newline: bool) -> Result<Serializer, String> {
        const PACKAGE: &str = "org.apache.flume.serialization.";
        let short = name.strip_prefix(PACKAGE).unwrap_or(name);
        match short.strip_suffix("$Builder").unwrap_or(short).to_ascii_uppercase().as_str() {
            "TEXT" | "BODYTEXTEVENTSERIALIZER" => Ok(Serializer::Text { newline }),
            "HEADER_AND_TEXT" | "HEADERANDBODYTEXTEVENTSERIALIZER" => {
                Ok(Serializer::HeaderAndText { newline })
            }
            "AVRO_EVENT"
            | "FLUMEEVENTAVROEVENTSERIALIZER"
            | "ORG.APACHE.FLUME.SINK.HDFS.AVROEVENTSERIALIZER" => {
                Err(format!("the serializer `{name}` writes Avro files, which this version does not"))
            }
            _ => Err(format!("there is no serializer `{name}`")),
        }
    }

    /// The bytes of all events, as few slices as possible; `scratch` holds what is not in the batches' buffers.
    pub fn slices<'a>(self, batches: &'a [Batch], scratch: &'a mut Vec<u8>, out: &mut Vec<IoSlice<'a>>) {
        match self {
            Serializer::Text { newline: true } => batches.iter().for_each(|batch| batch.lines(out)),
            Serializer::Text { newline: false } => {
                let bodies = batches.iter().flat_map(|batch| batch.events().map(|event| event.body()));
                out.extend(bodies.filter(|body| !body.is_empty()).map(IoSlice::new));
            }
            Serializer::HeaderAndText { newline } => {
                scratch.clear();
                for event in batches.iter().flat_map(Batch::events) {
                    java_map::print(&event.headers(), scratch);
                    scratch.push(b' ');
                    scratch.extend_from_slice(event.body());
                    scratch.extend(newline.then_some(b'\n'));
                }
                if !scratch.is_empty() {
                    out.push(IoSlice::new(scratch));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Builder, Headers};

    fn written(serializer: Serializer) -> String {
        let mut one = Builder::shared(Headers::from_iter([("b", "x y"), ("a", "1")]));
        one.push(b"one", 0..0).push(b"", 0..0);
        let batches = [one.finish(None), Builder::default().push(b" three", 0..0).finish(None)];
        let (mut scratch, mut slices) = (Vec::new(), Vec::new());
        serializer.slices(&batches, &mut scratch, &mut slices);
        slices.iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect()
    }

    #[test]
    fn text_is_the_body_and_a_newline_unless_it_is_off() {
        assert_eq!(written(Serializer::named("text", true).unwrap()), "one\n\n three\n");
        assert_eq!(written(Serializer::named("TEXT", false).unwrap()), "one three");
    }

    #[test]
    fn header_and_text_puts_the_headers_before_the_body() {
        let class = "org.apache.flume.serialization.HeaderAndBodyTextEventSerializer$Builder";
        let serializer = Serializer::named(class, true).unwrap();
        assert_eq!(written(serializer), "{a=1, b=x y} one\n{a=1, b=x y} \n{}  three\n");
        let bare = Serializer::named("header_and_text", false).unwrap();
        assert_eq!(written(bare), "{a=1, b=x y} one{a=1, b=x y} {}  three");
    }

    #[test]
    fn avro_files_are_refused_by_name() {
        let refused = Serializer::named("avro_event", true).unwrap_err();
        assert_eq!(refused, "the serializer `avro_event` writes Avro files, which this version does not");
        assert_eq!(Serializer::named("csv", true).unwrap_err(), "there is no serializer `csv`");
    }
}
