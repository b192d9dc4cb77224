//! A lease on its way through a group: who left it in doubt, and what destinations say of it.
//!
//! Invariants: `events` and `bytes` are those of the lease as it was taken. A doubt is forgotten once the destination
//! has told that it has all or nothing of the events; events without a position nobody can tell of.
use crate::event::{Batch, Marks};
use crate::flow::{ChannelError, Lease, Omitted, Outcome, Seat};

/// See the module.
pub struct Errand {
    pub events: u64,
    pub bytes: u64,
    /// The only member that may get it: it has it in doubt, and can never tell.
    pub bound: Option<usize>,
    /// `None`: it went back.
    lease: Option<Lease>,
    /// Members that left events in doubt, and how many.
    doubts: Vec<(usize, u64)>,
}

/// What a destination says of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It cannot be asked now.
    NotNow,
    /// It keeps no record.
    NoRecord,
    Nothing,
    Part,
    All,
}

impl Errand {
    pub fn new(lease: Lease) -> Errand {
        let (events, bytes) = (lease.events() as u64, lease.bytes() as u64);
        Errand { events, bytes, bound: None, lease: Some(lease), doubts: Vec::new() }
    }

    /// What is to be delivered.
    pub fn batches(&self) -> &[Batch] {
        self.lease.as_ref().map_or(&[], |lease| &lease.batches)
    }

    /// The member may have taken it.
    pub fn doubt(&mut self, member: usize) {
        self.doubts.retain(|(known, _)| *known != member);
        self.doubts.push((member, self.events));
    }

    pub fn is_doubted_by(&self, member: usize) -> bool {
        self.doubts.iter().any(|(known, _)| *known == member)
    }

    /// Who left it in doubt first and has not told since.
    pub fn doubted_first(&self) -> Option<usize> {
        self.doubts.first().map(|(member, _)| *member)
    }

    /// Events that may be at a member that has not told.
    pub fn in_doubt(&self) -> u64 {
        self.doubts.iter().map(|(_, events)| *events).max().unwrap_or(0)
    }

    /// What a member's destination has of it, which ends that member's doubt as far as it can be ended.
    pub fn compare(&mut self, member: usize, marks: &Marks) -> Told {
        let told = compare(self.batches(), marks);
        let unplaced = self.batches().iter().filter(|batch| batch.span().is_none());
        let unplaced: usize = unplaced.map(Batch::len).sum();
        if let Some(doubt) = self.doubts.iter_mut().find(|(known, _)| *known == member) {
            doubt.1 = doubt.1.min(unplaced as u64);
        }
        self.doubts.retain(|(_, events)| *events > 0);
        told
    }

    /// Leaves what the marks have to the member that has it: for a lone sink, whose own record will have all of it.
    pub fn keep_missing(&mut self, marks: &Marks) {
        for batch in self.lease.iter_mut().flat_map(|lease| &mut lease.batches) {
            let mark =
                batch.span().and_then(|span| marks.get(&span.stream.id)).map(|record| record.mark.clone());
            if let Some(mark) = mark {
                batch.drop_held(&mark);
            }
        }
    }

    /// Back to the front of the channel; how many of its events are in doubt with others.
    pub fn give_back(&mut self) -> u64 {
        self.lease = None;
        self.in_doubt()
    }

    /// What of each batch did not go along.
    pub fn omitted(&self, events: &[Omitted]) {
        if let Some(lease) = self.lease.as_ref().filter(|_| !events.is_empty()) {
            lease.omitted(events);
        }
    }

    /// Ends the lease for good.
    pub fn settle(&mut self, seat: Seat, outcome: Outcome) -> Result<(), ChannelError> {
        self.lease.take().map_or(Ok(()), |lease| lease.settle_as(seat, outcome))
    }
}

fn compare(batches: &[Batch], marks: &Marks) -> Told {
    let (mut any, mut all) = (false, true);
    for batch in batches {
        let Some(span) = batch.span() else {
            all &= batch.is_empty();
            continue;
        };
        let mark = marks.get(&span.stream.id).map(|record| &record.mark);
        any |= mark.is_some_and(|mark| mark.overlaps(span.from, span.to));
        all &= span.from == span.to || mark.is_some_and(|mark| mark.covers(span.from, span.to));
    }
    match (any, all) {
        (_, true) => Told::All,
        (true, false) => Told::Part,
        (false, false) => Told::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, Builder, Checks, Mark, Span, Stream, StreamRecord};

    #[test]
    fn d2_what_a_destination_says_of_a_lease() {
        let stream = Stream::mint("s", Attributes::default());
        let batch = |from: u64, to: u64| {
            let mut builder = Builder::default();
            builder.push(b"x", from..to);
            builder.finish(Some(Span::new(stream.clone(), from, to)))
        };
        let lease = [batch(0, 10), batch(10, 20)];
        let told = |batches: &[Batch], low: u64| {
            let (mark, checks) = (Mark::at(low), Checks::default());
            let record = StreamRecord { source: "s".into(), attributes: Attributes::default(), mark, checks };
            compare(batches, &Marks::from([(stream.id, record)]))
        };
        assert_eq!(told(&lease, 0), Told::Nothing);
        assert_eq!(told(&lease, 10), Told::Part);
        assert_eq!(told(&lease, 20), Told::All);
        assert_eq!(compare(&lease, &Marks::new()), Told::Nothing);
        let unplaced = Builder::default().push(b"x", 0..0).finish(None);
        assert_eq!(told(&[batch(0, 10), unplaced.clone()], 20), Told::Part, "of the second nobody can tell");
        assert_eq!(told(&[unplaced], 20), Told::Nothing);
    }
}
