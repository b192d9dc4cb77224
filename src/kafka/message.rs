//! Makes events of messages: headers as Flume's source has them, and the message's own.
//!
//! Invariants: `key` and what `header.NAME` asks for overwrite; all else gives way to what a Flume event brought along.
//! A message without a value is an event with an empty body.
//! Errors: a value that should be a Flume event and is none is the reason for a dead letter.
//! Truth: Flume 1.11 `KafkaSource`.
use std::borrow::Cow;
use std::ops::Range;

use rdkafka::Message;
use rdkafka::message::Headers as _;
use xxhash_rust::xxh3::Xxh3;

use crate::codec::avro::event;
use crate::event::{Builder, Headers};
use crate::sys;

/// How messages become events.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// The value is headers and body, as Avro's `AvroFlumeEvent`.
    pub event_format: bool,
    /// The header that gets the topic's name.
    pub topic_header: Option<String>,
    /// Whether there are headers `timestamp`, `partition` and `offset`.
    pub place_headers: bool,
    /// Headers of events, and the message's headers that they are made of.
    pub headers: Vec<(String, String)>,
    /// Whether all other headers of the message come along.
    pub message_headers: bool,
}

const TIMESTAMP: &str = "timestamp";
const PARTITION: &str = "partition";
const OFFSET: &str = "offset";
const KEY: &str = "key";

impl Form {
    /// What all events of a partition share.
    pub fn shared(&self, topic: &str, partition: i32) -> Headers {
        let mut shared = Headers::default();
        if let Some(name) = &self.topic_header {
            shared.set(name, topic);
        }
        if self.place_headers {
            shared.set(PARTITION, &partition.to_string());
        }
        shared
    }

    /// Appends the event of a message; `Err`: why there is none.
    pub fn add<M: Message>(
        &self,
        message: &M,
        range: Range<u64>,
        builder: &mut Builder,
    ) -> Result<(), String> {
        let value = message.payload().unwrap_or_default();
        let (brought, body) = match self.event_format && message.payload().is_some() {
            true => {
                event::read(value).map_err(|fault| format!("its value is no Avro Flume event: {fault}"))?
            }
            false => (Vec::new(), value),
        };
        let offset = range.start;
        builder.push(body, range);
        self.add_message_headers(message, builder);
        if self.place_headers {
            let timestamp = message.timestamp().to_millis().filter(|time| *time >= 0);
            let timestamp = timestamp.map_or_else(sys::wall_ms, |time| time as u64);
            builder.header(TIMESTAMP, &timestamp.to_string()).header(OFFSET, &offset.to_string());
        }
        brought.iter().for_each(|(name, value)| _ = builder.header(name, value));
        if let Some(key) = message.key() {
            builder.header(KEY, &String::from_utf8_lossy(key));
        }
        for (own, theirs) in &self.headers {
            if let Some(value) = last(message, theirs) {
                builder.header(own, &value);
            }
        }
        Ok(())
    }

    fn add_message_headers<M: Message>(&self, message: &M, builder: &mut Builder) {
        let Some(headers) = message.headers().filter(|_| self.message_headers) else { return };
        for header in headers.iter().filter(|header| !self.is_own(header.key)) {
            builder.header(header.key, &String::from_utf8_lossy(header.value.unwrap_or_default()));
        }
    }

    /// Whether a header of this name says something else here.
    fn is_own(&self, name: &str) -> bool {
        let place = self.place_headers && [TIMESTAMP, PARTITION, OFFSET].contains(&name);
        place || name == KEY || self.topic_header.as_deref() == Some(name)
    }
}

/// The last header of a name.
fn last<'m, M: Message>(message: &'m M, name: &str) -> Option<Cow<'m, str>> {
    let headers = message.headers()?;
    let named =
        (0..headers.count()).rev().map(|index| headers.get(index)).find(|header| header.key == name)?;
    Some(String::from_utf8_lossy(named.value?))
}

/// Evidence that a message is still the one that was read: of its key, its value and its time.
pub fn hash<M: Message>(message: &M) -> u64 {
    let mut hash = Xxh3::new();
    for part in [message.key(), message.payload()] {
        // An empty one is another than none.
        hash.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    hash.update(&message.timestamp().to_millis().unwrap_or(-1).to_le_bytes());
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::Timestamp;
    use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};

    fn message(key: Option<&str>, value: Option<&[u8]>, headers: &[(&str, &str)]) -> OwnedMessage {
        let owned = headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
        let (key, value) = (key.map(|key| key.into()), value.map(Vec::from));
        OwnedMessage::new(value, key, "orders".into(), Timestamp::CreateTime(1500), 3, 70, Some(owned))
    }

    fn form() -> Form {
        Form {
            topic_header: Some("topic".into()),
            place_headers: true,
            message_headers: true,
            ..Form::default()
        }
    }

    fn headers_of(form: &Form, message: &OwnedMessage) -> Vec<String> {
        let mut builder = Builder::shared(form.shared("orders", 3));
        form.add(message, 70..71, &mut builder).unwrap();
        let batch = builder.finish(None);
        let headers = batch.event(0).headers();
        let mut all: Vec<String> = headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        all.sort();
        all
    }

    #[test]
    fn an_event_has_flumes_headers_and_those_of_the_message() {
        let message = message(Some("k1"), Some(b"one"), &[("trace", "t"), ("offset", "x"), ("trace", "u")]);
        let expected = ["key=k1", "offset=70", "partition=3", "timestamp=1500", "topic=orders", "trace=u"];
        assert_eq!(headers_of(&form(), &message), expected);
        let headers = vec![("id".to_string(), "trace".to_string())];
        let chosen = Form { headers, message_headers: false, place_headers: false, ..form() };
        assert_eq!(headers_of(&chosen, &message), ["id=u", "key=k1", "topic=orders"]);
    }

    #[test]
    fn headers_of_a_flume_event_win_but_for_the_key() {
        let value: &[u8] =
            &[&b"\x06\x0atopic\x06own\x06key\x06own\x12timestamp\x0412\x00"[..], b"\x08body"].concat();
        let form = Form { event_format: true, ..form() };
        let found = headers_of(&form, &message(Some("k1"), Some(value), &[]));
        assert_eq!(found, ["key=k1", "offset=70", "partition=3", "timestamp=12", "topic=own"]);
        let mut builder = Builder::default();
        let why = form.add(&message(None, Some(b"\x02"), &[]), 0..1, &mut builder).unwrap_err();
        assert_eq!(why, "its value is no Avro Flume event: it ends too early");
        assert!(builder.is_empty());
        form.add(&message(None, None, &[]), 0..1, &mut builder).unwrap();
        assert_eq!(builder.finish(None).event(0).body(), b"");
    }

    #[test]
    fn the_evidence_tells_messages_apart() {
        let of = |key, value| hash(&message(key, value, &[]));
        assert_eq!(of(Some("k"), Some(b"v")), of(Some("k"), Some(b"v")));
        let all =
            [of(Some("k"), Some(b"v")), of(Some("kv"), Some(b"")), of(None, Some(b"v")), of(None, None)];
        assert!((1..4).all(|index| !all[..index].contains(&all[index])));
    }
}
