//! Where to go on with a partition: pure, from what the brokers, the group and our channels know of it.
//!
//! Rule: the higher of what somebody else has committed for the group and our own mark. What we have committed ourselves
//! is no evidence against our mark: where the channels have less by now, it is read again (P5). Offsets below the lowest
//! that is left were deleted unread; an offset above the highest is of a topic that is there no more.
use std::ops::Range;

use super::start::Place;

/// What the group's offset is, and whether we have committed it, of this very stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub at: u64,
    pub ours: bool,
}

/// What is known of a partition.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The lowest offset that is left, and the one behind the highest.
    pub low: u64,
    pub high: u64,
    pub committed: Option<Committed>,
    /// The lowest mark of our channels, if they have one.
    pub mark: Option<u64>,
}

/// How the partition goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    pub at: u64,
    /// Offsets that nobody can read any more.
    pub gone: Option<Range<u64>>,
    pub how: How,
}

/// Why there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Our mark.
    Mark,
    /// Our mark, though the group's offset was put lower by somebody.
    Against(u64),
    /// Somebody else of the group has read this far.
    Committed,
    /// Nobody knew it.
    Start,
    /// The offset that was known lies above what there is: another topic of the same name.
    Anew,
}

impl Seen {
    /// Where; `start` is asked for if nobody knows the partition.
    pub fn begin<E>(self, start: impl FnOnce() -> Result<Place, E>) -> Result<Begin, E> {
        Ok(match self.known() {
            Some((at, _)) if at > self.high => Begin { at: self.low, gone: None, how: How::Anew },
            Some((at, how)) => self.at(at, how),
            None => match start()? {
                Place::Earliest => self.at(self.low, How::Start),
                Place::Latest => self.at(self.high, How::Start),
                Place::At(at) => self.at(at.min(self.high), How::Start),
            },
        })
    }

    fn known(&self) -> Option<(u64, How)> {
        // One above the end is left over from an earlier topic, where our mark is not.
        let sound = |committed: &Committed| self.mark.is_none() || committed.at <= self.high;
        match (self.mark, self.committed.filter(sound)) {
            (Some(mark), Some(Committed { at, ours: false })) if at > mark => Some((at, How::Committed)),
            (Some(mark), Some(Committed { at, ours: false })) if at < mark => Some((mark, How::Against(at))),
            (Some(mark), _) => Some((mark, How::Mark)),
            (None, Some(Committed { at, .. })) => Some((at, How::Committed)),
            (None, None) => None,
        }
    }

    fn at(&self, at: u64, how: How) -> Begin {
        let gone = (at < self.low).then_some(at..self.low);
        Begin { at: at.max(self.low), gone, how }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(mark: Option<u64>, committed: Option<(u64, bool)>) -> Seen {
        let committed = committed.map(|(at, ours)| Committed { at, ours });
        Seen { low: 10, high: 100, committed, mark }
    }

    /// Of a partition that is known.
    fn begin(mark: Option<u64>, committed: Option<(u64, bool)>) -> (u64, How) {
        let begin = seen(mark, committed).begin(|| Err("asked for")).unwrap();
        (begin.at, begin.how)
    }

    #[test]
    fn the_higher_of_mark_and_committed_offset_counts() {
        assert_eq!(begin(Some(50), Some((60, false))), (60, How::Committed));
        assert_eq!(begin(Some(50), Some((40, false))), (50, How::Against(40)));
        assert_eq!(begin(Some(50), Some((50, false))), (50, How::Mark));
        assert_eq!(begin(Some(50), None), (50, How::Mark));
        assert_eq!(begin(None, Some((60, false))), (60, How::Committed));
    }

    #[test]
    fn p5_what_we_have_committed_ourselves_says_nothing_against_a_lower_mark() {
        assert_eq!(begin(Some(50), Some((60, true))), (50, How::Mark));
        assert_eq!(begin(Some(50), Some((40, true))), (50, How::Mark));
        assert_eq!(begin(None, Some((60, true))), (60, How::Committed));
    }

    #[test]
    fn what_nobody_knows_begins_as_was_asked() {
        let at = |start| seen(None, None).begin(|| Ok::<_, ()>(start)).unwrap();
        assert_eq!(at(Place::Earliest), Begin { at: 10, gone: None, how: How::Start });
        assert_eq!(at(Place::Latest).at, 100);
        assert_eq!((at(Place::At(30)).at, at(Place::At(300)).at), (30, 100));
        assert_eq!(at(Place::At(3)), Begin { at: 10, gone: Some(3..10), how: How::Start });
        assert_eq!(seen(None, None).begin(|| Err("no file")), Err("no file"));
    }

    #[test]
    fn offsets_outside_of_what_there_is_are_named() {
        let at = |mark| seen(mark, None).begin(|| Err("asked for")).unwrap();
        assert_eq!(at(Some(4)), Begin { at: 10, gone: Some(4..10), how: How::Mark });
        assert_eq!(at(Some(101)), Begin { at: 10, gone: None, how: How::Anew });
        assert_eq!(begin(None, Some((101, false))), (10, How::Anew));
        assert_eq!(begin(Some(50), Some((101, false))), (50, How::Mark), "left over from an earlier topic");
    }
}
