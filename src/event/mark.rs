//! What somebody has of a stream: everything below `low`, and some ranges above it.
//!
//! Invariants: ranges are sorted, disjoint, not empty, do not touch each other, and lie above `low`. A range that
//! comes to touch `low` is absorbed. Ranges are half-open, so a position is simply the next byte.
use std::ops::Range;

/// Ranges above `low` that a mark may have. Beyond it a channel stops leasing until `low` moves, so that a record of
/// marks stays small whatever several sinks do.
pub const MAX_RANGES: usize = 64;

/// All below `low`, plus ranges above it.
///
/// Shape: nearly no mark has ranges, and of 10,000 files there are 30,000 marks; so one without is two words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    low: u64,
    #[allow(clippy::box_collection)] // a list in place would double the size of every mark
    above: Option<Box<Vec<Range<u64>>>>,
}

impl Mark {
    /// Everything below `low`.
    pub fn at(low: u64) -> Mark {
        Mark { low, above: None }
    }

    /// Everything below this is had.
    pub fn low(&self) -> u64 {
        self.low
    }

    /// Where the highest range ends.
    pub fn high(&self) -> u64 {
        self.ranges().last().map_or(self.low, |r| r.end)
    }

    /// The ranges above `low`.
    pub fn ranges(&self) -> &[Range<u64>] {
        self.above.as_ref().map_or(&[], |ranges| ranges)
    }

    pub fn contains(&self, position: u64) -> bool {
        position < self.low || self.ranges().iter().any(|r| r.contains(&position))
    }

    /// Whether any of `[from, to)` is had.
    pub fn overlaps(&self, from: u64, to: u64) -> bool {
        from < to && (from < self.low || self.ranges().iter().any(|r| r.start < to && from < r.end))
    }

    /// Whether all of `[from, to)` is had.
    pub fn covers(&self, from: u64, to: u64) -> bool {
        from >= to
            || to <= self.low
            || self.ranges().iter().any(|r| r.start <= from.max(self.low) && to <= r.end)
    }

    /// Adds `[from, to)`.
    pub fn insert(&mut self, from: u64, to: u64) {
        if from >= to || to <= self.low {
            return;
        }
        if from <= self.low {
            self.low = to;
            self.absorb();
        } else {
            self.insert_above(from, to);
        }
    }

    fn insert_above(&mut self, mut from: u64, mut to: u64) {
        let ranges = self.above.get_or_insert_default();
        let first = ranges.partition_point(|r| r.end < from);
        let last = ranges.partition_point(|r| r.start <= to);
        if first < last {
            from = from.min(ranges[first].start);
            to = to.max(ranges[last - 1].end);
        }
        ranges.splice(first..last, std::iter::once(from..to));
    }

    /// Takes in the ranges that `low` has come to touch.
    fn absorb(&mut self) {
        let Some(ranges) = &mut self.above else { return };
        let absorbed = ranges.iter().take_while(|r| r.start <= self.low).count();
        for range in ranges.drain(..absorbed) {
            self.low = self.low.max(range.end);
        }
        if ranges.is_empty() {
            self.above = None;
        }
    }

    /// Adds all of `other`, in time that is linear: of two sinks in turn each has a range per batch.
    pub fn union(&mut self, other: &Mark) {
        if other.above.is_none() {
            return self.insert(0, other.low);
        }
        let mut ranges = [self.ranges(), other.ranges()].concat();
        // Two sorted runs, which a stable sort merges.
        ranges.sort_by_key(|range| range.start);
        *self = Mark::at(self.low.max(other.low));
        for range in ranges {
            self.insert(range.start, range.end);
        }
    }

    /// Takes `[from, to)` out: what can no longer be made good.
    pub fn remove(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let before = std::mem::take(self);
        for piece in std::iter::once(0..before.low).chain(before.ranges().iter().cloned()) {
            self.insert(piece.start, piece.end.min(from));
            self.insert(piece.start.max(to), piece.end);
        }
    }

    /// The parts of `[from, to)` that are missing.
    pub fn missing(&self, from: u64, to: u64) -> Vec<Range<u64>> {
        let mut holes = Vec::new();
        let mut at = from.max(self.low);
        for range in self.ranges() {
            if range.start >= to {
                break;
            }
            if at < range.start {
                holes.push(at..range.start);
            }
            at = at.max(range.end);
        }
        if at < to {
            holes.push(at..to);
        }
        holes
    }

    /// Every place where a record must end when the stream is read again (R1): `low` and the ends of all ranges.
    pub fn cuts(&self) -> impl Iterator<Item = u64> + '_ {
        std::iter::once(self.low).chain(self.ranges().iter().flat_map(|r| [r.start, r.end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn invariants(mark: &Mark) {
        let mut above = mark.low;
        for range in mark.ranges() {
            assert!(above < range.start && range.start < range.end, "{mark:?}");
            above = range.end;
        }
    }

    proptest! {
        #[test]
        fn a_mark_is_a_set_of_positions(steps in prop::collection::vec((any::<bool>(), 0u64..60, 0u64..20), 1..40)) {
            let (mut mark, mut set) = (Mark::default(), BTreeSet::new());
            for (add, from, len) in steps {
                if add {
                    mark.insert(from, from + len);
                    set.extend(from..from + len);
                } else {
                    mark.remove(from, from + len);
                    set.retain(|p| !(from..from + len).contains(p));
                }
                invariants(&mark);
                for position in 0..80 {
                    prop_assert_eq!(mark.contains(position), set.contains(&position));
                }
                let missing: BTreeSet<u64> = mark.missing(5, 70).into_iter().flatten().collect();
                let expected: BTreeSet<u64> = (5..70).filter(|p| !set.contains(p)).collect();
                prop_assert_eq!(missing, expected);
                prop_assert_eq!(mark.covers(10, 30), (10..30).all(|p| set.contains(&p)));
                prop_assert_eq!(mark.overlaps(10, 30), (10..30).any(|p| set.contains(&p)));
            }
        }

        #[test]
        fn a_union_has_what_either_has(all in prop::collection::vec((any::<bool>(), 0u64..60, 0u64..9), 0..30)) {
            let (mut one, mut other, mut both) = (Mark::default(), Mark::default(), Mark::default());
            for (first, from, len) in all {
                if first { &mut one } else { &mut other }.insert(from, from + len);
                both.insert(from, from + len);
            }
            one.union(&other);
            invariants(&one);
            prop_assert_eq!(one, both);
        }
    }
}
