//! Takes events and forgets them, with a word now and then on how many there were.
//!
//! Differs from Flume's: an empty look at the channel never repeats the line.
//! Truth: Flume 1.11 `NullSink`.
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::event::Batch;
use crate::flow::{DeliverError, Kind, Limit, Sink, Stop};

const BATCH_SIZE: Field =
    Field::int("batchSize", 1, 1_000_000).unit(Unit::Events).default("100").doc("events taken at a time");
const LOG_EVERY: Field = Field::int("logEveryNEvents", 1, i64::MAX)
    .unit(Unit::Events)
    .default("10000")
    .doc("says how many events there were, each time so many have gone");

pub static SPEC: Spec = Spec {
    kind: Kind::Sink,
    name: "null",
    class: "org.apache.flume.sink.NullSink",
    aliases: &[],
    summary: "takes events and forgets them",
    fields: &[&[BATCH_SIZE, LOG_EVERY]],
    build: Build::Sink(build),
};

fn build(at: &At) -> Result<Box<dyn Sink>, Refusal> {
    let every = u64::try_from(at.int(&LOG_EVERY)).expect("checked: the field's least is 1");
    Ok(Box::new(Null { name: at.name.into(), batch: at.count(&BATCH_SIZE), every, count: 0 }))
}

struct Null {
    name: String,
    batch: usize,
    every: u64,
    count: u64,
}

impl Null {
    /// The lines that are due after `more` events, in Flume's words.
    fn count(&mut self, more: u64) -> Vec<String> {
        let before = self.count / self.every;
        self.count += more;
        let due = before + 1..=self.count / self.every;
        due.map(|n| format!("Null sink {} successful processed {} events.", self.name, n * self.every))
            .collect()
    }
}

impl Sink for Null {
    fn limit(&self) -> Limit {
        Limit { events: self.batch, bytes: 16 << 20 }
    }

    fn deliver(&mut self, batches: &[Batch], _stop: &Stop) -> Result<(), DeliverError> {
        let events = batches.iter().map(|batch| batch.len() as u64).sum();
        for line in self.count(events) {
            log::info!(target: "org.apache.flume.sink.NullSink", component = self.name.as_str(); "{line}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_at_each_multiple_and_at_no_other_time() {
        let mut sink = Null { name: "k1".into(), batch: 100, every: 100, count: 0 };
        assert!(sink.count(99).is_empty());
        assert!(sink.count(0).is_empty());
        assert_eq!(sink.count(1), ["Null sink k1 successful processed 100 events."]);
        assert!(sink.count(0).is_empty());
        assert_eq!(sink.count(250).len(), 2);
    }
}
