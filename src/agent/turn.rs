//! The turns of a component that is started again and again until the agent stops.
use std::sync::{Arc, Mutex, PoisonError};

use crate::flow::Stop;

/// Which turn runs now, and whether it is the last.
#[derive(Default)]
pub struct Turn(Mutex<State>);

#[derive(Default)]
struct State {
    now: Stop,
    over: bool,
}

impl Turn {
    /// Begins a turn; its stop is told by `again` and `end`. `None`: there is none to begin.
    pub fn begin(&self) -> Option<Stop> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.over {
            return None;
        }
        state.now = Stop::new();
        Some(state.now.clone())
    }

    /// Ends the present turn; the component begins another.
    pub fn again(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now.tell();
    }

    /// Ends the present turn for good.
    pub fn end(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.over = true;
        state.now.tell();
    }
}

/// The turns of all sources, by name.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<Vec<Named>>>);

type Named = (String, Arc<Turn>);

impl Turns {
    pub fn add(&self, source: &str) -> Arc<Turn> {
        let turn = Arc::new(Turn::default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((source.into(), turn.clone()));
        turn
    }

    /// A source begins again: a destination has less than was believed (P5).
    pub fn again(&self, source: &str) {
        let turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.iter().filter(|(name, _)| name == source).for_each(|(_, turn)| turn.again());
    }

    /// All sources end.
    pub fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|(_, turn)| turn.end());
    }
}
