//! One partition as a stream: positions are offsets, a message at `o` has the range `[o, o + 1)`.
//!
//! Why the span has no holes: a stream is read from where it was resumed; what lies between two messages (compacted,
//! aborted, the ends of transactions) will never be there, and belongs to the span.
//! Invariants: all below `next` is put, or is in the builder. A message below it is one that comes again, and is dropped.
use std::sync::Arc;

use rdkafka::Message;

use super::group::Place;
use super::message::{Form, hash};
use crate::event::{Attributes, Batch, Builder, Check, Span, Stream, StreamId};
use crate::flow::DeadLetters;

/// How the stream of a partition is recognised.
pub fn attributes(cluster: Option<&str>, group: &str, (topic, partition): &Place) -> Attributes {
    let attributes =
        Attributes::default().with("topic", topic).with("partition", partition).with("group", group);
    match cluster {
        Some(cluster) => attributes.with("cluster", cluster),
        None => attributes,
    }
}

/// Whether these are of the same partition. Old brokers do not say what their cluster is.
pub fn is_same(one: &Attributes, other: &Attributes) -> bool {
    let cluster = one.get("cluster").zip(other.get("cluster")).is_none_or(|(one, other)| one == other);
    cluster && ["topic", "partition", "group"].iter().all(|name| one.get(name) == other.get(name))
}

/// A partition that is read.
pub struct Partition {
    pub place: Place,
    pub stream: Arc<Stream>,
    /// The offset to be taken next.
    pub next: u64,
    /// All below is put; what follows is in the builder.
    put: u64,
    /// The offset that the group is known to have, or is asked to take.
    pub committed: u64,
    /// What the message before the first must be.
    evidence: Option<Check>,
    builder: Builder,
    bytes: usize,
    check: Option<Check>,
    /// Nothing more is there at the moment.
    pub at_end: bool,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is an event now, of so many bytes.
    Event(usize),
    /// It was known, or it was set aside.
    Nothing,
    /// It is not the one that was read at this place: the topic was made anew.
    Other,
}

impl Partition {
    /// Goes on at `from`; the message before `evidence.at` is to be seen once more, where there is one.
    pub fn new(place: Place, stream: Arc<Stream>, from: u64, evidence: Option<Check>) -> Partition {
        Partition {
            place,
            stream,
            next: from,
            put: from,
            committed: 0,
            evidence,
            builder: Builder::default(),
            bytes: 0,
            check: None,
            at_end: false,
        }
    }

    /// The offset to ask the brokers for.
    pub fn asks_for(&self) -> u64 {
        self.evidence.map_or(self.next, |check| check.at - 1)
    }

    pub fn id(&self) -> StreamId {
        self.stream.id
    }

    /// Takes a message; `Err`: why a dead letter could not be kept.
    pub fn take<M: Message>(
        &mut self,
        message: &M,
        form: &Form,
        dead: &DeadLetters,
    ) -> std::io::Result<Taken> {
        let offset = u64::try_from(message.offset()).unwrap_or(0);
        self.at_end = false;
        let hash = hash(message);
        if let Some(check) = self.evidence.take_if(|check| check.at <= offset + 1)
            && check.at == offset + 1
            && check.hash != hash
        {
            // Until the stream is another one: it may be seen again.
            self.evidence = Some(check);
            return Ok(Taken::Other);
        }
        if offset < self.next {
            return Ok(Taken::Nothing);
        }
        if self.builder.is_empty() {
            let (topic, partition) = &self.place;
            self.builder = Builder::shared(form.shared(topic, *partition));
        }
        let bytes = message.payload().map_or(0, <[u8]>::len);
        let taken = match form.add(message, offset..offset + 1, &mut self.builder) {
            Ok(()) => Taken::Event(bytes),
            Err(why) => {
                self.set_aside(message, offset, form, dead, &why)?;
                Taken::Nothing
            }
        };
        self.next = offset + 1;
        self.bytes += bytes;
        self.check = Some(Check { at: self.next, hash });
        Ok(taken)
    }

    /// Durable before its offset is passed.
    fn set_aside<M: Message>(
        &self,
        message: &M,
        offset: u64,
        form: &Form,
        dead: &DeadLetters,
        why: &str,
    ) -> std::io::Result<()> {
        let (topic, partition) = &self.place;
        let mut one = Builder::shared(form.shared(topic, *partition));
        one.push(message.payload().unwrap_or_default(), offset..offset + 1);
        one.header("topic", topic).header("partition", &partition.to_string());
        one.header("offset", &offset.to_string());
        let letter = one.finish(Some(Span::new(self.stream.clone(), offset, offset + 1)));
        dead.keep(letter.events(), why)
    }

    /// Bytes in the builder.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn events(&self) -> usize {
        self.builder.len()
    }

    /// What was taken since the last batch.
    pub fn batch(&mut self) -> Option<Batch> {
        if self.put == self.next {
            return None;
        }
        let mut span = Span::new(self.stream.clone(), self.put, self.next);
        span.check = self.check.take();
        (self.put, self.bytes) = (self.next, 0);
        Some(self.builder.finish(Some(span)))
    }

    /// Drops what was taken and goes on elsewhere.
    pub fn go(&mut self, to: u64) {
        self.builder = Builder::default();
        (self.next, self.put, self.bytes, self.check, self.evidence) = (to, to, 0, None, None);
        self.at_end = false;
    }

    /// Where the batches end that were made.
    pub fn batched(&self) -> u64 {
        self.put
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Kind, Pulse};
    use rdkafka::Timestamp;
    use rdkafka::message::OwnedMessage;

    fn message(offset: i64, value: &str) -> OwnedMessage {
        let value = Some(value.as_bytes().to_vec());
        OwnedMessage::new(value, None, "t".into(), Timestamp::CreateTime(1), 0, offset, None)
    }

    fn partition(from: u64, evidence: Option<Check>) -> Partition {
        Partition::new(("t".into(), 0), Stream::mint("r1", Attributes::default()), from, evidence)
    }

    fn take(partition: &mut Partition, message: &OwnedMessage, form: &Form) -> (Taken, tempfile::TempDir) {
        let state = tempfile::tempdir().unwrap();
        let dead = DeadLetters::of(state.path(), &Pulse::new(Kind::Source, "r1", "kafka"));
        (partition.take(message, form, &dead).unwrap(), state)
    }

    #[test]
    fn r1_holes_belong_to_the_span_and_to_no_event() {
        let (mut partition, form) = (partition(5, None), Form::default());
        for offset in [5, 9, 8, 12] {
            take(&mut partition, &message(offset, "x"), &form);
        }
        let batch = partition.batch().unwrap();
        let span = batch.span().unwrap();
        assert_eq!((span.from, span.to, span.check.unwrap().at), (5, 13, 13));
        let ranges: Vec<_> = batch.events().map(|event| event.range()).collect();
        assert_eq!(ranges, [5..6, 9..10, 12..13], "8 came again");
        assert!(partition.batch().is_none());
        take(&mut partition, &message(20, "x"), &form);
        assert_eq!(partition.batch().unwrap().span().unwrap().from, 13);
    }

    #[test]
    fn the_message_before_the_first_tells_whether_the_topic_is_the_same() {
        let form = Form::default();
        let evidence = Some(Check { at: 5, hash: hash(&message(4, "x")) });
        let mut same = partition(5, evidence);
        assert_eq!(same.asks_for(), 4);
        assert_eq!(take(&mut same, &message(4, "x"), &form).0, Taken::Nothing);
        assert_eq!(take(&mut same, &message(5, "y"), &form).0, Taken::Event(1));
        assert_eq!(take(&mut partition(5, evidence), &message(4, "y"), &form).0, Taken::Other);
        // It was compacted away: nobody can tell.
        assert_eq!(take(&mut partition(5, evidence), &message(6, "y"), &form).0, Taken::Event(1));
        // Evidence further back: what lies between was read.
        let mut behind = partition(7, evidence);
        assert_eq!(take(&mut behind, &message(4, "x"), &form).0, Taken::Nothing);
        assert_eq!(take(&mut behind, &message(5, "a"), &form).0, Taken::Nothing);
        assert_eq!(take(&mut behind, &message(7, "b"), &form).0, Taken::Event(1));
    }

    #[test]
    fn a_message_that_is_no_event_is_kept_and_passed() {
        let form = Form { event_format: true, ..Form::default() };
        let mut partition = partition(5, None);
        let (taken, state) = take(&mut partition, &message(5, "text"), &form);
        assert_eq!((taken, partition.next), (Taken::Nothing, 6));
        let letter = state.path().join(format!("dead-letters/r1/{}-5.json", partition.id()));
        let letter = std::fs::read_to_string(letter).unwrap();
        assert!(letter.contains(r#""body":"text""#) && letter.contains(r#""offset":"5""#), "{letter}");
        let batch = partition.batch().unwrap();
        assert_eq!((batch.len(), batch.span().unwrap().to), (0, 6));
    }

    #[test]
    fn a_partition_is_recognised_by_group_and_cluster_too() {
        let place = ("t".to_string(), 3);
        let of = |cluster, group| attributes(cluster, group, &place);
        assert!(
            is_same(&of(Some("a"), "g"), &of(Some("a"), "g")) && is_same(&of(None, "g"), &of(Some("a"), "g"))
        );
        assert!(!is_same(&of(Some("b"), "g"), &of(Some("a"), "g")));
        assert!(!is_same(&of(Some("a"), "g"), &of(Some("a"), "h")));
        assert!(!is_same(&of(None, "g"), &attributes(None, "g", &("t".into(), 2))));
    }
}
