//! What one delivery has come to, over the tries that it takes.
use std::collections::{BTreeMap, BTreeSet};

use rdkafka::error::RDKafkaErrorCode as Code;

use super::super::producer::{Failures, NO_EVENT};
use crate::event::{Batch, EventRef};
use crate::flow::Omitted;

/// Events that are refused for good, by their number in the delivery, and why.
pub type Refused = BTreeMap<usize, String>;

/// The events of its batches are numbered in their order, from 0.
pub struct Delivery<'a> {
    batches: &'a [Batch],
    refused: Refused,
    /// `Some`: all others have arrived or are refused.
    left: Option<BTreeSet<usize>>,
}

impl<'a> Delivery<'a> {
    pub fn of(batches: &'a [Batch]) -> Delivery<'a> {
        Delivery { batches, refused: Refused::new(), left: None }
    }

    pub fn batches(&self) -> &'a [Batch] {
        self.batches
    }

    pub fn events(&self) -> impl Iterator<Item = (usize, EventRef<'a>)> {
        self.batches.iter().flat_map(Batch::events).enumerate()
    }

    /// The events that the next try has to send.
    pub fn to_send(&self) -> impl Iterator<Item = (usize, EventRef<'a>)> {
        let is_left = |number: &usize| self.left.as_ref().is_none_or(|left| left.contains(number));
        self.events().filter(move |(number, _)| !self.refused.contains_key(number) && is_left(number))
    }

    pub fn refuse(&mut self, refused: Refused) {
        self.refused.extend(refused);
    }

    pub fn has_arrived(&mut self) {
        self.has_arrived_but(BTreeSet::new());
    }

    pub fn has_arrived_but(&mut self, left: BTreeSet<usize>) {
        self.left = Some(left);
    }

    pub fn is_done(&self) -> bool {
        self.left.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// Messages that were too large in batches with others; one that fills a batch of `most` bytes is alone in it.
    pub fn too_large_together(&self, failures: &Failures, most: usize) -> BTreeSet<usize> {
        let is_too_large =
            |(number, code): &&(usize, Code)| *number != NO_EVENT && *code == Code::MessageSizeTooLarge;
        let too_large: BTreeSet<usize> =
            failures.iter().filter(is_too_large).map(|(number, _)| *number).collect();
        if too_large.len() < 2 || most < 2 {
            return BTreeSet::new();
        }
        let small =
            self.events().filter(|(number, event)| too_large.contains(number) && event.body().len() < most);
        small.map(|(number, _)| number).collect()
    }

    /// Of each batch, what did not go along.
    pub fn omitted(&self) -> Vec<Omitted> {
        let mut first = 0;
        let of = |batch: &Batch| {
            let own = first..first + batch.len();
            first = own.end;
            Omitted { filtered: 0, dead_lettered: self.refused.range(own).count() }
        };
        self.batches.iter().map(of).collect()
    }
}
