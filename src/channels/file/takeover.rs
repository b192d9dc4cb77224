//! A channel that was a file channel, then a memory channel, and keeps a log again: what the memory channel had
//! delivered meanwhile counts beside what the log remembers, else both would be delivered.
//!
//! Invariant: what was certain of either is certain of both, and nothing more.
use crate::event::{Entry, Had, Mark, Record, StreamId};
use crate::sys;

use super::story::ranges;

/// Adds the newer record to the log's own; the entries that make it so.
pub fn take_over(record: &mut Record, mut newer: Record) -> Vec<Entry> {
    newer.apply(&Entry::Boot { id: sys::boot_id() });
    let mut entries = Vec::new();
    for (stream, known) in &newer.streams {
        let (source, attributes) = (known.source.clone(), known.attributes.clone());
        entries.push(Entry::Describe { stream: *stream, source, attributes });
    }
    let mut free = record.places().map(|(number, _)| number).filter(|n| *n < u32::MAX).max().unwrap_or(0);
    for (number, place) in newer.places() {
        let same = record.places().find(|(own, known)| match place.destination.is_empty() {
            true => *own == number,
            false => known.destination == place.destination,
        });
        let certain = same.is_none_or(|(_, known)| known.delivered == known.durable);
        let own = same.map(|(own, _)| own).unwrap_or_else(|| match place.destination.is_empty() {
            true => number,
            false => {
                free += 1;
                free
            }
        });
        if same.is_none() {
            entries.push(Entry::Place { place: own, destination: place.destination.clone() });
        }
        // Making the place durable would speak for what the log's own record is not certain of.
        if certain {
            entries.push(delivered(own, place.durable.iter()));
            entries.push(Entry::Durable { place: own });
        }
        entries.push(delivered(own, place.delivered.iter()));
    }
    entries.extend(newer.streams.iter().map(|(stream, known)| {
        let checks =
            known.checks.iter().map(|check| Had { stream: *stream, from: 0, to: 0, check: Some(*check) });
        Entry::Delivered { place: 0, had: checks.collect(), files: Vec::new() }
    }));
    entries.iter().for_each(|entry| record.apply(entry));
    entries
}

fn delivered<'a>(place: u32, marks: impl Iterator<Item = (&'a StreamId, &'a Mark)>) -> Entry {
    let had = marks.flat_map(|(stream, mark)| {
        ranges(mark).map(|range| Had { stream: *stream, from: range.start, to: range.end, check: None })
    });
    Entry::Delivered { place, had: had.collect(), files: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
