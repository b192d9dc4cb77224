//! Deliberate bugs: each breaks one rule somewhere in the model's code, and the verdict must notice.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug { $($(#[doc = $doc])* $name,)* }
        pub const ALL: &[Bug] = &[$(Bug::$name,)*];
    };
}

bugs! {
    /// R1: a source resumes without the cuts.
    NoCutsOnResume,
    /// A destination answers with its highest position instead of ranges.
    HighWaterInsteadOfRanges,
    /// K1: a destination's record is found without the channel's name.
    KeyWithoutChannel,
    /// D1: the channel is told before the destination has the batch.
    SettleBeforeDeliver,
    /// S2: local marks beat an older record of the destination.
    LocalMarksBeatOlderRecord,
    /// S3: leasing begins before all sinks have reported.
    LeaseBeforeAllReports,
    /// P1: a channel ignores spans without events.
    EmptySpansIgnored,
    /// D3: spans without events count as held and never travel to the sinks.
    EmptySpansStayInChannel,
    /// S6: what was delivered counts as durable after a reboot.
    DurableIsDeliveredAfterReboot,
    /// P3: a span that does not join is taken.
    GapAccepted,
    /// P3: a batch that overlaps what is held is dropped whole.
    OverlapDroppedWhole,
    /// P3: nothing that is held is dropped.
    RepeatsKept,
    /// D5: a file is deleted once delivered.
    RetireBeforeDurable,
    /// P6: the fingerprint of interceptors and selector is ignored.
    FingerprintIgnored,
    /// D2: a doubtful commit is taken for failed.
    DoubtIsFailure,
    /// D2: a doubtful commit is taken for done.
    DoubtIsSuccess,
    /// D5: marks are called durable without a sync of the data.
    DurableWithoutSync,
    /// The destination's record is written before the data.
    RecordBeforeData,
    /// An open file is not cut back to its recorded length.
    DataNotCutBack,
    /// A memory channel's marks advance when it takes a batch.
    MarksAdvanceAtPut,
    /// S3: a source that must go back is not told.
    BackIgnored,
    /// S4: sources do not wait for reports when the local record is lost.
    LostRecordNotAwaited,
    /// A later report forgets what is leased.
    LeasesForgottenByReport,
    /// C4: the old destination of a changed sink is not asked.
    OldDestinationNotAsked,
    /// Where a stream begins at a channel is not durable before it is read.
    JoinNotDurable,
    /// A failed delivery goes to the end of the queue.
    FailedGoesToTheEnd,
    /// C3: a renamed source begins its files anew.
    RenamedSourceStartsAnew,
}
