//! Puts the same event again and again: load for a test of what is behind it.
//!
//! Differs from Flume's: a put waits for room instead of failing, so events tried and events accepted are the same
//! number, and whichever limit is lower ends it. With `--until-drained` the source ends there, else it stays and waits.
//! Truth: Flume 1.11 `StressSource`.
use std::time::{Duration, Instant};

use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::event::{Batch, Builder};
use crate::flow::{Fatal, Kind, Outlet, PutError, Source, Stop, Wait};

const SIZE: Field = Field::int("size", 0, 16 << 20)
    .unit(Unit::Bytes)
    .default("500")
    .doc("the length of a body, all bytes 0x7F");
const BATCH_SIZE: Field =
    Field::int("batchSize", 1, 1_000_000).unit(Unit::Events).default("1").doc("events per put");
const TOTAL: Field = Field::int("maxTotalEvents", i64::MIN, i64::MAX)
    .unit(Unit::Events)
    .default("-1")
    .doc("stop after so many events, the last batch cut short; below 0: never");
const SUCCESSFUL: Field = Field::int("maxSuccessfulEvents", i64::MIN, i64::MAX)
    .unit(Unit::Events)
    .default("-1")
    .doc("stop with the batch that reaches so many events; below 0: never");
const PER_SECOND: Field = Field::int("maxEventsPerSecond", i64::MIN, i64::MAX)
    .unit(Unit::Events)
    .default("0")
    .doc("no more than so many in a second; below 1: as many as there is room for");

const BACKOFF: Field = Field::int("backoffSleepIncrement", i64::MIN, i64::MAX)
    .default("1000")
    .ignored("it never waits for input");
const MAX_BACKOFF: Field =
    Field::int("maxBackoffSleep", i64::MIN, i64::MAX).default("5000").ignored("it never waits for input");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "stress",
    class: "org.apache.flume.source.StressSource",
    aliases: &[],
    summary: "puts the same event again and again: load for tests",
    fields: &[&[SIZE, BATCH_SIZE, TOTAL, SUCCESSFUL, PER_SECOND, BACKOFF, MAX_BACKOFF]],
    build: Build::Source(build),
};

/// The bytes of one put, however large its batch should be.
const AT_ONCE: usize = 64 << 20;

fn build(at: &At) -> Result<Box<dyn Source>, Refusal> {
    let limit = |field: &Field| u64::try_from(at.int(field)).ok();
    Ok(Box::new(Stress {
        batch: batch(at.count(&SIZE), at.count(&BATCH_SIZE)),
        total: limit(&TOTAL),
        successful: limit(&SUCCESSFUL),
        per_second: limit(&PER_SECOND).filter(|count| *count > 0),
        sent: 0,
    }))
}

/// The batch that is put again and again; as large as one put may be.
fn batch(size: usize, events: usize) -> Batch {
    let (body, mut builder) = (vec![0x7f; size], Builder::default());
    let fitting = (AT_ONCE / (size + 1)).max(1);
    (0..events.min(fitting)).for_each(|_| _ = builder.push(&body, 0..0));
    builder.finish(None)
}

struct Stress {
    batch: Batch,
    total: Option<u64>,
    successful: Option<u64>,
    per_second: Option<u64>,
    sent: u64,
}

impl Stress {
    /// What is put next; nothing at the end.
    fn next(&self) -> Option<Batch> {
        let left = self.total.map_or(u64::MAX, |total| total.saturating_sub(self.sent));
        let ended = left == 0 || self.successful.is_some_and(|most| self.sent >= most);
        let count = self.batch.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        (!ended).then(|| self.batch.clone().split_off_front(count))
    }

    /// How long to wait before the next put, `began` being when the first was made.
    fn early(&self, began: Instant) -> Option<Duration> {
        let due = Duration::from_secs_f64(self.sent as f64 / self.per_second? as f64);
        due.checked_sub(began.elapsed())
    }
}

impl Source for Stress {
    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        let began = Instant::now();
        while !stop.is_told()
            && let Some(batch) = self.next()
        {
            if let Some(early) = self.early(began) {
                let _waiting = out.pulse().wait(Wait::Input, "the next second's share");
                if stop.wait(early) {
                    break;
                }
            }
            let count = batch.len() as u64;
            match out.put_all(batch, stop) {
                Ok(receipt) => receipt.forget(),
                Err(PutError::Closed) => return Ok(()),
                Err(PutError::Broken(error)) => return Err(Fatal::new(error.to_string())),
                Err(other) => return Err(Fatal::new(format!("the channels refuse a batch: {other:?}"))),
            }
            self.sent += count;
        }
        let _waiting = out.pulse().wait(Wait::Input, "nothing: all events have been put");
        while !out.until_drained() && !stop.wait(Duration::from_secs(3600)) {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(events: usize, total: Option<u64>, successful: Option<u64>) -> Vec<usize> {
        let mut stress = Stress { batch: batch(3, events), total, successful, per_second: None, sent: 0 };
        let mut counts = Vec::new();
        while let Some(batch) = stress.next() {
            assert!(batch.events().all(|event| event.body() == b"\x7f\x7f\x7f"));
            stress.sent += batch.len() as u64;
            counts.push(batch.len());
        }
        counts
    }

    #[test]
    fn a_total_cuts_the_last_batch_and_successes_do_not() {
        assert_eq!(sent(10, Some(25), None), [10, 10, 5]);
        assert_eq!(sent(10, None, Some(25)), [10, 10, 10]);
        assert_eq!(sent(10, Some(25), Some(15)), [10, 10]);
        assert_eq!(sent(1, Some(2), None), [1, 1]);
        assert!(sent(1, Some(0), None).is_empty());
    }

    #[test]
    fn one_put_is_no_larger_than_memory_allows() {
        assert_eq!(batch(16 << 20, 1_000_000).len(), 3);
        assert_eq!(batch(0, 5).len(), 5);
    }

    #[test]
    fn a_rate_spreads_events_over_time() {
        let mut stress =
            Stress { batch: batch(1, 10), total: None, successful: None, per_second: Some(10), sent: 0 };
        let began = Instant::now();
        assert_eq!(stress.early(began).unwrap_or_default(), Duration::ZERO);
        stress.sent = 100;
        let early = stress.early(began).unwrap();
        assert!(early > Duration::from_secs(5) && early <= Duration::from_secs(10), "{early:?}");
    }
}
