//! A channel that was a file channel, then a memory channel, and keeps a log again: what the memory channel had
//! delivered meanwhile counts beside what the log remembers, else both would be delivered.
//!
//! Invariant: what was certain of either is certain of both, and nothing more.
use std::collections::HashMap;

use crate::event::{Entry, Record};
use crate::sys;

/// Adds the newer record to the log's own; the entries that make it so.
pub fn take_over(record: &mut Record, mut newer: Record) -> Vec<Entry> {
    newer.apply(&Entry::Boot { id: sys::boot_id() });
    let mut places: HashMap<u32, (u32, bool)> = HashMap::new();
    let mut free = record.places().map(|(number, _)| number).filter(|n| *n < u32::MAX).max().unwrap_or(0);
    let mut entries = Vec::new();
    for entry in newer.entries() {
        match entry {
            Entry::Key { .. } | Entry::Boot { .. } | Entry::Opened { .. } | Entry::Closed { .. } => {}
            Entry::Place { place, destination } => {
                let own = same(record, place, &destination).unwrap_or_else(|| {
                    free += 1;
                    free
                });
                // Calling the place durable would speak for what the log's own record is not certain of.
                places.insert(place, (own, is_certain(record, own)));
                entries.push(Entry::Place { place: own, destination });
            }
            Entry::Delivered { place, had, .. } => {
                entries.push(Entry::Delivered { place: places[&place].0, had, files: Vec::new() });
            }
            Entry::Durable { place } if places[&place].1 => {
                entries.push(Entry::Durable { place: places[&place].0 })
            }
            Entry::Durable { .. } => {}
            other => entries.push(other),
        }
    }
    entries.iter().for_each(|entry| record.apply(entry));
    entries
}

/// The place of the log's record that stands for the same; those without a name have fixed numbers.
fn same(record: &Record, place: u32, destination: &str) -> Option<u32> {
    if destination.is_empty() {
        return Some(place);
    }
    record.places().find(|(_, known)| known.destination == destination).map(|(number, _)| number)
}

fn is_certain(record: &Record, place: u32) -> bool {
    let known = record.place(place);
    known.is_none_or(|known| known.delivered.iter().all(|(stream, mark)| known.durable(stream) == Some(mark)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Had, StreamId};

    fn record(destination: &str, to: u64, durable: bool) -> Record {
        let had = vec![Had { stream: StreamId(7), from: 0, to, check: None }];
        let mut entries = vec![
            Entry::Boot { id: sys::boot_id() },
            Entry::Describe { stream: StreamId(7), source: "r1".into(), attributes: Default::default() },
            Entry::Place { place: 1, destination: destination.into() },
            Entry::Delivered { place: 1, had, files: Vec::new() },
        ];
        if durable {
            entries.push(Entry::Durable { place: 1 });
        }
        let mut record = Record::default();
        entries.iter().for_each(|entry| record.apply(entry));
        record
    }

    #[test]
    fn what_the_newer_record_has_counts_for_the_same_destination() {
        let mut old = record("file_roll:/out", 10, true);
        take_over(&mut old, record("file_roll:/out", 30, true));
        assert_eq!(old.places().filter(|(_, place)| !place.destination.is_empty()).count(), 1);
        assert_eq!((old.had(StreamId(7)).low(), old.durable(StreamId(7)).low()), (30, 30));
    }

    #[test]
    fn nothing_becomes_certain_that_was_not() {
        let mut old = record("file_roll:/out", 20, false);
        take_over(&mut old, record("file_roll:/out", 10, true));
        assert_eq!((old.had(StreamId(7)).low(), old.durable(StreamId(7)).low()), (20, 0));
        let mut old = record("sink:k1", 10, true);
        take_over(&mut old, record("sink:k2", 30, false));
        assert_eq!((old.had(StreamId(7)).low(), old.durable(StreamId(7)).low()), (30, 10));
    }
}
