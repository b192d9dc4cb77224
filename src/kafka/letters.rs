//! Makes messages of events: topic, partition, key, headers, timestamp, value.
//!
//! Errors: what an event asks for and cannot be had (a partition that is no number, a topic that brokers cannot have, a
//! time in the topic that the event does not have) is the reason that it becomes a dead letter for.
use rdkafka::message::{Header, OwnedHeaders};

use super::Letter;
use crate::codec::escapes::{Escapes, When};
use crate::codec::serializer::avro::put_event;
use crate::event::EventRef;

/// How the sink was set.
pub struct Letters {
    pub topic: Escapes,
    /// The header that names an event's topic, where one may.
    pub topic_header: Option<String>,
    pub partition: Option<i32>,
    pub partition_header: Option<String>,
    pub timestamp_header: Option<String>,
    /// Headers of events and the message's headers that they become.
    pub headers: Vec<(String, String)>,
    pub event_format: bool,
}

/// Buffers that messages are made in.
#[derive(Default)]
pub struct Scratch {
    topic: String,
    value: Vec<u8>,
}

impl Letters {
    /// The message of an event; `Err`: why there is none.
    pub fn letter<'a>(&'a self, event: EventRef<'a>, scratch: &'a mut Scratch) -> Result<Letter<'a>, String> {
        let Scratch { topic, value } = scratch;
        let partition = self.partition_of(event)?;
        let timestamp =
            self.timestamp_header.as_ref().and_then(|name| event.header(name)?.trim().parse().ok());
        let value = if self.event_format {
            value.clear();
            put_event(event, value);
            &value[..]
        } else {
            event.body()
        };
        Ok(Letter {
            topic: self.topic_of(event, topic)?,
            partition,
            key: event.header("key").map(str::as_bytes),
            value: Some(value),
            headers: self.headers_of(event),
            timestamp,
        })
    }

    fn topic_of<'a>(&'a self, event: EventRef<'a>, scratch: &'a mut String) -> Result<&'a str, String> {
        let own = self.topic_header.as_ref().and_then(|name| event.header(name));
        if let Some(own) = own.filter(|own| !own.is_empty()) {
            return named(own);
        }
        if let Some(fixed) = self.topic.fixed() {
            return Ok(fixed);
        }
        scratch.clear();
        self.topic.expand(|name| event.header(name), || time_of(event), scratch)?;
        named(scratch)
    }

    fn partition_of(&self, event: EventRef<'_>) -> Result<Option<i32>, String> {
        let Some((name, text)) =
            self.partition_header.as_ref().and_then(|name| Some((name, event.header(name)?)))
        else {
            return Ok(self.partition);
        };
        match text.trim().parse() {
            Ok(partition) if partition >= 0 => Ok(Some(partition)),
            _ => Err(format!("its header `{name}` is `{text}`, which is no partition")),
        }
    }

    fn headers_of(&self, event: EventRef<'_>) -> Option<OwnedHeaders> {
        let there = self.headers.iter().filter_map(|(own, theirs)| Some((theirs, event.header(own)?)));
        let mut headers: Option<OwnedHeaders> = None;
        for (key, value) in there {
            let all = headers.take().unwrap_or_default();
            headers = Some(all.insert(Header { key, value: Some(value) }));
        }
        headers
    }
}

/// By the header `timestamp`.
fn time_of<'a>(event: EventRef<'a>) -> Result<When<'a>, String> {
    let raw = event
        .header("timestamp")
        .ok_or("the topic has a time in it, and its header `timestamp` is missing")?;
    match raw.parse() {
        Ok(millis) => Ok(When { raw, millis }),
        Err(_) => Err(format!("the topic has a time in it, and its header `timestamp` is `{raw}`")),
    }
}

/// A name that a topic can have.
pub fn named(topic: &str) -> Result<&str, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let why = match topic {
        "" => "it is empty",
        "." | ".." => "Kafka keeps that name for itself",
        _ if topic.len() > 249 => "it is longer than 249 characters",
        _ if !topic.bytes().all(fits) => "it may only have letters, digits, `.`, `_` and `-`",
        _ => return Ok(topic),
    };
    Err(format!("`{topic}` is no name of a topic: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Builder;

    fn letters() -> Letters {
        Letters {
            topic: Escapes::parse("logs-%{app}", jiff::tz::TimeZone::UTC, |_| unreachable!()).unwrap(),
            topic_header: Some("topic".into()),
            partition: None,
            partition_header: Some("part".into()),
            timestamp_header: Some("ts".into()),
            headers: vec![("host".into(), "x-host".into())],
            event_format: false,
        }
    }

    #[test]
    fn headers_say_where_an_event_goes() {
        let mut builder = Builder::default();
        builder.push(b"one", 0..0).header("app", "shop").header("key", "k1").header("part", " 3 ");
        builder.push(b"two", 0..0).header("topic", "other").header("ts", "1500").header("host", "h");
        builder.push(b"three", 0..0).header("part", "x");
        let batch = builder.finish(None);
        let (letters, mut scratch) = (letters(), Scratch::default());
        let one = letters.letter(batch.event(0), &mut scratch).unwrap();
        assert_eq!((one.topic, one.partition, one.key), ("logs-shop", Some(3), Some(&b"k1"[..])));
        assert_eq!((one.value, one.timestamp), (Some(&b"one"[..]), None));
        let two = letters.letter(batch.event(1), &mut scratch).unwrap();
        assert_eq!((two.topic, two.partition, two.timestamp), ("other", None, Some(1500)));
        assert!(two.headers.is_some());
        let why = letters.letter(batch.event(2), &mut scratch).err().unwrap();
        assert_eq!(why, "its header `part` is `x`, which is no partition");
    }

    #[test]
    fn a_topic_that_cannot_be_is_the_reason_of_a_dead_letter() {
        let mut builder = Builder::default();
        builder.push(b"one", 0..0).header("app", "a b");
        builder.push(b"two", 0..0).header("topic", "..");
        let batch = builder.finish(None);
        let why = |letters: &Letters, number: usize| {
            letters.letter(batch.event(number), &mut Scratch::default()).err().unwrap()
        };
        let rule = "it may only have letters, digits, `.`, `_` and `-`";
        assert_eq!(why(&letters(), 0), format!("`logs-a b` is no name of a topic: {rule}"));
        assert_eq!(why(&letters(), 1), "`..` is no name of a topic: Kafka keeps that name for itself");
        let topic = Escapes::parse("logs-%Y", jiff::tz::TimeZone::UTC, |_| unreachable!()).unwrap();
        let missing = "the topic has a time in it, and its header `timestamp` is missing";
        assert_eq!(why(&Letters { topic, ..letters() }, 0), missing);
    }
}
