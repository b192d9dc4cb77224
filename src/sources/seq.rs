//! Counts upwards, one number per event: the smallest proof that a pipeline works.
//!
//! The count begins at 0 with every start of the process, as Flume's does; so the events are no stream that can be read
//! again, and carry no span. With `--until-drained` the source ends at `totalEvents`, else it stays and waits.
//! Truth: Flume 1.11 user guide, "Sequence Generator Source"; `SequenceGeneratorSource`.
use std::io::Write;
use std::time::Duration;

use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::event::{Batch, Builder};
use crate::flow::{Fatal, Kind, Outlet, PutError, Source, Stop, Wait};

const BATCH_SIZE: Field =
    Field::int("batchSize", 1, 1_000_000).unit(Unit::Events).default("1").doc("events per put");
const TOTAL: Field = Field::int("totalEvents", 1, i64::MAX)
    .unit(Unit::Events)
    .default("9223372036854775807")
    .doc("stop after so many events");

const BACKOFF: Field = Field::int("backoffSleepIncrement", i64::MIN, i64::MAX)
    .default("1000")
    .ignored("it never waits for input");
const MAX_BACKOFF: Field =
    Field::int("maxBackoffSleep", i64::MIN, i64::MAX).default("5000").ignored("it never waits for input");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "seq",
    class: "org.apache.flume.source.SequenceGeneratorSource",
    aliases: &[],
    summary: "counts upwards; proves a pipeline end to end",
    fields: &[&[BATCH_SIZE, TOTAL, BACKOFF, MAX_BACKOFF]],
    build: Build::Source(build),
};

fn build(at: &At) -> Result<Box<dyn Source>, Refusal> {
    Ok(Box::new(Seq { next: 0, end: at.int(&TOTAL), step: at.int(&BATCH_SIZE) }))
}

struct Seq {
    next: i64,
    end: i64,
    step: i64,
}

impl Seq {
    /// The next numbers; none at the end.
    fn batch(&mut self) -> Batch {
        let to = self.next.saturating_add(self.step).min(self.end);
        let (mut builder, mut text) = (Builder::default(), Vec::new());
        for number in self.next..to {
            text.clear();
            write!(text, "{number}").expect("a vector takes all bytes");
            builder.push(&text, 0..0);
        }
        self.next = to;
        builder.finish(None)
    }
}

impl Source for Seq {
    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        while !stop.is_told() && self.next < self.end {
            let first = self.next;
            let refused = match out.put_all(self.batch(), stop) {
                Ok(receipt) => {
                    receipt.forget();
                    continue;
                }
                Err(PutError::Closed) => return Ok(()),
                Err(PutError::Broken(error)) => Fatal::new(error.to_string()),
                Err(other) => Fatal::new(format!("the channels refuse a batch: {other:?}")),
            };
            // Numbers of a failed batch come again, as in Flume since 1.7.
            self.next = first;
            return Err(refused);
        }
        let _waiting = out.pulse().wait(Wait::Input, "nothing: all numbers have been counted");
        while !out.until_drained() && !stop.wait(Duration::from_secs(3600)) {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_at_zero_and_end_at_the_total() {
        let mut seq = Seq { next: 0, end: 5, step: 3 };
        let bodies = |batch: Batch| -> Vec<String> {
            batch.events().map(|e| String::from_utf8_lossy(e.body()).into_owned()).collect()
        };
        assert_eq!(bodies(seq.batch()), ["0", "1", "2"]);
        assert_eq!(bodies(seq.batch()), ["3", "4"]);
        assert!(seq.batch().is_empty());
    }
}
