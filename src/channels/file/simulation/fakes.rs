//! Deliberate bugs, each of which the verdict must notice: the disk's lies, breaks in the code, and mistakes of those who
//! use the channel.
use crate::store::log::bug::Bug;
use crate::sys::disk::simulated::Lie;

/// A mistake around the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// P4: a source answers when a batch is accepted.
    AnswersAtPut,
    /// D1: a lease is settled before its batches are delivered.
    SettlesBeforeDelivery,
    /// D5: what was delivered is called durable without a sync.
    SyncedWithoutSync,
    /// S2: a destination's record is not asked for.
    RecordNotAsked,
    /// R1: a source resumes without cuts.
    CutsForgotten,
    /// S6: a reboot goes unnoticed.
    RebootUnnoticed,
    /// D2: a doubtful commit is taken for failed.
    DoubtIsFailure,
    /// D6: a file is unlinked once delivered.
    UnlinksBeforeDurable,
    /// P5: a source does not go back when told.
    BackIgnored,
    /// P2: a reservation is given back twice.
    ReleasesTwice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fake {
    Lie(Lie),
    Bug(Bug),
    Trick(Trick),
}

pub const ALL: &[Fake] = &[
    Fake::Lie(Lie::SyncDoesNothing),
    Fake::Lie(Lie::SyncIsOneBehind),
    Fake::Lie(Lie::SyncForgetsAppends),
    Fake::Lie(Lie::SyncHidesErrors),
    Fake::Lie(Lie::SyncDirectoryDoesNothing),
    Fake::Lie(Lie::RemoveOvertakesSyncs),
    Fake::Lie(Lie::ShortWritesAreHidden),
    Fake::Bug(Bug::EndsNotTold),
    Fake::Bug(Bug::CopiesCount),
    Fake::Bug(Bug::SyncsTogether),
    Fake::Bug(Bug::OldEntriesAgain),
    Fake::Bug(Bug::AgainInReverse),
    Fake::Bug(Bug::AgainWithoutLast),
    Fake::Bug(Bug::LatchShared),
    Fake::Bug(Bug::WritingForgotten),
    Fake::Bug(Bug::SettledComesAgain),
    Fake::Bug(Bug::CursorOffByOne),
    Fake::Bug(Bug::RemovesUnsynced),
    Fake::Bug(Bug::OwnStreamKept),
    Fake::Bug(Bug::RoomKept),
    Fake::Trick(Trick::AnswersAtPut),
    Fake::Trick(Trick::SettlesBeforeDelivery),
    Fake::Trick(Trick::SyncedWithoutSync),
    Fake::Trick(Trick::RecordNotAsked),
    Fake::Trick(Trick::CutsForgotten),
    Fake::Trick(Trick::RebootUnnoticed),
    Fake::Trick(Trick::DoubtIsFailure),
    Fake::Trick(Trick::UnlinksBeforeDurable),
    Fake::Trick(Trick::BackIgnored),
    Fake::Trick(Trick::ReleasesTwice),
];
