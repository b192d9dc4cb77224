//! Makes messages of events: topic, partition, key, headers, timestamp, value.
//!
//! Errors: what an event asks for and cannot be had (a partition that is no number, an empty topic) is the reason that it
//! becomes a dead letter for.
use rdkafka::message::{Header, OwnedHeaders};

use super::Letter;
use crate::codec::serializer::avro::put_event;
use crate::event::EventRef;

/// How the sink was set.
pub struct Letters {
    /// `%{name}` in it is a header.
    pub topic: String,
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
            return Ok(own);
        }
        if !self.topic.contains("%{") {
            return Ok(&self.topic);
        }
        scratch.clear();
        let mut rest = self.topic.as_str();
        while let Some((before, behind)) = rest.split_once("%{") {
            let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
            scratch.push_str(before);
            scratch.push_str(event.header(name).unwrap_or_default());
            rest = behind;
        }
        scratch.push_str(rest);
        if scratch.is_empty() { Err(format!("`{}` gives no topic for it", self.topic)) } else { Ok(scratch) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Builder;

    fn letters() -> Letters {
        Letters {
            topic: "logs-%{app}".into(),
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
}
