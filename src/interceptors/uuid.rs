//! Gives each event an id in a header.
//!
//! An event that has a position gets the same id whenever it is read: UUID version 5 of its stream, its place there and
//! the header's name. So a repeat can be told from a new event, and a selector on this header routes a repeat as it did
//! the first time (P6). Events without a position get a random id, version 4, as all events do in Flume.
//! Truth: Flume 1.11 `UUIDInterceptor`; RFC 9562, sections 5.4 and 5.5.
use sha1::{Digest, Sha1};

use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::{Batch, EventRef, StreamId};
use crate::flow::{Interceptor, Kind};
use crate::sys::random::random;

const HEADER: Field = Field::text("headerName").default("id").doc("the header it is put in");
const PRESERVE: Field =
    Field::flag("preserveExisting").default("true").doc("whether an id that is there stays");
const PREFIX: Field = Field::text("prefix").default("").doc("stands before the id");

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "uuid",
    class: "org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder",
    aliases: &["org.apache.flume.sink.solr.morphline.UUIDInterceptor"],
    summary: "gives each event an id; the same one whenever it is read again",
    fields: &[&[HEADER, PRESERVE, PREFIX]],
    build: Build::Interceptor(build),
};

/// What ids are made under: any fixed number of ours.
const NAMESPACE: [u8; 16] = *b"dataflowkit uuid";

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    Ok(Box::new(Uuid {
        header: at.text(&HEADER).into(),
        preserve: at.flag(&PRESERVE),
        prefix: at.text(&PREFIX).into(),
    }))
}

struct Uuid {
    header: String,
    preserve: bool,
    prefix: String,
}

impl Uuid {
    fn id(&self, stream: Option<StreamId>, event: EventRef<'_>) -> String {
        let Some(stream) = stream else { return shown(random(), 4) };
        let mut hash = Sha1::new_with_prefix(NAMESPACE);
        // Of the family: another generation of the stream is the same events.
        hash.update(stream.family().to_be_bytes());
        hash.update(event.range().start.to_be_bytes());
        hash.update(&self.header);
        let hash = hash.finalize();
        shown(std::array::from_fn(|at| hash[at]), 5)
    }
}

impl Interceptor for Uuid {
    fn apply(&mut self, batch: &mut Batch) {
        let stream = batch.span().map(|span| span.stream.id);
        let keep = self.preserve && batch.may_have_header(&self.header);
        let lacks = |event: &EventRef<'_>| !keep || event.header(&self.header).is_none();
        let of = |(index, event)| {
            let id = format!("{}{}", self.prefix, self.id(stream, event));
            (index as u32, self.header.as_str().into(), id.into())
        };
        let cells = batch.events().enumerate().filter(|(_, event)| lacks(event)).map(of).collect();
        batch.set_headers(cells);
    }
}

/// The usual spelling of 16 bytes, with the bits that tell their version and variant.
fn shown(mut bytes: [u8; 16], version: u8) -> String {
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::super::left::tests::working;
    use super::*;
    use crate::event::{Attributes, Builder, Span, Stream};

    fn ids(keys: &[(&str, &str)], mut batch: Batch) -> Vec<String> {
        working(&SPEC, keys).0.apply(&mut batch);
        let header = keys.iter().find(|(key, _)| *key == "headerName").map_or("id", |(_, name)| name);
        batch.events().map(|event| event.header(header).unwrap_or("").to_string()).collect()
    }

    fn lines() -> Builder {
        let mut lines = Builder::default();
        lines.push(b"a", 0..2).push(b"b", 2..4);
        lines
    }

    #[test]
    fn p6_an_event_that_is_read_again_gets_the_same_id() {
        let stream = Stream::mint("s", Attributes::default());
        let batch = lines().finish(Some(Span::new(stream.clone(), 0, 4)));
        let first = ids(&[], batch.clone());
        assert!(first[0] != first[1] && first[0].len() == 36 && first[0].as_bytes()[14] == b'5', "{first:?}");
        let mut rest = batch.clone();
        let _ = rest.split_off_front(1);
        assert_eq!(ids(&[], rest), first[1..]);
        let renewed = Stream::of(stream.id.renewed(), "s".into(), Attributes::default());
        assert_eq!(ids(&[], lines().finish(Some(Span::new(renewed, 0, 4)))), first, "another generation");
        assert_ne!(ids(&[("headerName", "other")], batch), first, "another header");
        let other = Stream::mint("s", Attributes::default());
        assert_ne!(ids(&[], lines().finish(Some(Span::new(other, 0, 4)))), first, "another stream");
    }

    #[test]
    fn an_event_without_a_position_gets_a_random_id() {
        let (first, second) =
            (ids(&[("prefix", "x-")], lines().finish(None)), ids(&[], lines().finish(None)));
        assert!(first[0].starts_with("x-") && first[0].as_bytes()[16] == b'4', "{first:?}");
        assert!(first[0] != first[1] && first[0][2..] != second[0]);
    }

    #[test]
    fn an_id_that_is_there_stays_unless_told_otherwise() {
        let with_own = || lines().header("id", "own").finish(None);
        assert_eq!(ids(&[], with_own())[1], "own");
        assert_eq!(ids(&[("preserveExisting", "false")], with_own())[1].len(), 36);
    }
}
