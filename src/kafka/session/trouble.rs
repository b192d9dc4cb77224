//! What errors of the client mean to the session, and what the source says of itself: that it is in trouble, that the
//! trouble is over, and what it waits for.
use std::time::Instant;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::Session;
use crate::flow::Wait;
use crate::kafka::cluster::{code_of, is_away, told_of_reader};

impl Session<'_> {
    pub(super) fn name(&self) -> &str {
        &self.pulse.name
    }

    pub(super) fn on_error(&mut self, error: KafkaError) {
        match &error {
            KafkaError::PartitionEOF(number) => {
                self.well();
                return self.ends(*number);
            }
            KafkaError::MessageConsumptionFatal(_) => {
                self.again = Some(told_of_reader(&error));
                return;
            }
            _ => {}
        }
        match code_of(&error) {
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => {
                self.examine.get_or_insert_with(Instant::now);
            }
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                (self.suspects, self.looked) = (true, None);
            }
            Some(Code::SaslAuthenticationFailed | Code::Authentication | Code::SSL) => {
                // With credentials as they are then.
                self.again = Some(self.waiting_for_brokers(&error));
            }
            Some(
                Code::AllBrokersDown
                | Code::Resolve
                | Code::GroupAuthorizationFailed
                | Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed,
            ) => self.is_troubled(&error),
            _ => log::debug!("source `{}`: {error}", self.name()),
        }
    }

    fn waiting_for_brokers(&self, error: &KafkaError) -> String {
        // One sentence for all signs of it, which come in turn.
        let why = if is_away(error) { "no broker answers".to_string() } else { told_of_reader(error) };
        format!("waiting for brokers `{}`: {why}", self.brokers)
    }

    pub(super) fn is_troubled(&mut self, error: &KafkaError) {
        let what = self.waiting_for_brokers(error);
        self.fails(what);
    }

    pub(super) fn fails(&mut self, what: String) {
        let known = std::mem::replace(&mut self.troubled, true);
        let changed = if known { self.pulse.is_troubled_by(&what) } else { self.pulse.failing(&what) };
        if changed {
            let name = self.name();
            log::warn!(component = name; "source `{name}`: {what}");
        }
    }

    /// Brokers answer.
    pub(super) fn well(&mut self) {
        if !std::mem::take(&mut self.troubled) {
            return;
        }
        if let Some(time) = self.pulse.recovered() {
            let name = self.name();
            log::info!(component = name; "source `{name}` recovered after {} s", time.as_secs());
        }
    }

    /// A request that never waits and fails only where the client has no such partition any more.
    pub(super) fn tell(&self, result: Result<(), KafkaError>) {
        if let Err(error) = result {
            log::debug!("source `{}`: {error}", self.name());
        }
    }

    /// Declares what is waited for, once.
    pub(super) fn rest(&mut self) {
        let (what, on) = self.waits_for();
        if self.resting.as_ref() != Some(&on) {
            self.pulse.rest(what, on.clone());
            self.resting = Some(on);
        }
    }

    fn waits_for(&self) -> (Wait, String) {
        let group = &self.settings.group;
        match () {
            () if self.troubled => (Wait::Peer, format!("brokers `{}`", self.brokers)),
            () if !self.waiting.is_empty() => (Wait::Room, "room in its channels".into()),
            () if !self.partitions.is_empty() => (Wait::Input, "messages".into()),
            () if self.missing.is_some() => (Wait::Peer, self.missing.clone().unwrap_or_default()),
            () if self.joined => {
                (Wait::Input, format!("its turn: others of group `{group}` have all partitions"))
            }
            () => (Wait::Peer, format!("group `{group}` at brokers `{}`", self.brokers)),
        }
    }
}
