//! What the processor of a sink group is: who gets the next lease, and who is left out for a while.
//!
//! Pure: it touches nothing, and time is told to it, so that tables test it. Trying, settling and waiting are the
//! runner's. Members are numbered in the order of the group's `sinks`.
use std::time::Duration;

/// Decides which members of a group are tried. Times count from the group's start.
pub trait Processor: Send {
    /// The members to try with the next lease, in this order, until one of them takes it. Empty: nobody before `due`.
    fn order(&mut self, now: Duration) -> Vec<usize>;

    /// The member took events.
    fn succeeded(&mut self, member: usize);

    /// The member did not take what it was given.
    fn failed(&mut self, member: usize, now: Duration);

    /// The member is out until the agent is restarted: it stands in no order again.
    fn out(&mut self, member: usize);

    /// When the first of those that are left out for a while may be tried again. `None`: nobody is.
    fn due(&self) -> Option<Duration>;
}
