//! How the sink gets a producer: with transactions where it wants them and the brokers allow them, else without.
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::super::cluster::{Trouble, code_of};
use super::super::{Cluster, Keeper, Producer};
use super::{FIRST, KafkaSink, Settings, failure};
use crate::event::{Marks, StreamId};
use crate::flow::{ChannelKey, DeliverError, Stop};

/// A producer at work.
pub struct Live {
    pub producer: Producer,
    /// `None`: at least once.
    pub keeper: Option<Keeper>,
}

impl Live {
    /// Whether what it sends counts with its commit alone.
    pub fn is_exact(&self) -> bool {
        self.keeper.is_some()
    }

    /// D6: a transaction of tombstones.
    pub fn retire(&mut self, streams: &[StreamId], patience: Duration) -> Result<(), KafkaError> {
        let Live { producer, keeper: Some(keeper) } = self else { return Ok(()) };
        producer.begin()?;
        keeper.forget(producer, streams, &Stop::new())?;
        producer.wait(patience);
        producer.commit(patience)?;
        keeper.forgot(streams);
        Ok(())
    }
}

impl KafkaSink {
    /// A new producer, and what the destination has; `None`: it keeps no record.
    pub(super) fn connect(&mut self, channel: &ChannelKey) -> Result<Option<Marks>, DeliverError> {
        self.live = None;
        let cluster = self.settings.reach.reveal().map_err(|what| DeliverError::NotThere(what, None))?;
        if self.settings.exactly_once && !self.without {
            match self.connect_exactly(&cluster, channel) {
                Ok(marks) => return Ok(Some(marks)),
                Err(trouble) if lacks_transactions(&trouble.error) => self.go_without(&trouble),
                Err(trouble) => return Err(failure(&self.settings, &trouble, false)),
            }
        }
        let producer = self.producer(&cluster, &[]);
        let producer = producer.map_err(|error| failure(&self.settings, &error.into(), false))?;
        self.live = Some(Live { producer, keeper: None });
        Ok(None)
    }

    fn go_without(&mut self, trouble: &Trouble) {
        self.without = true;
        let (name, why) = (&*self.pulse.name, trouble.sentence());
        log::warn!(component = name; "sink `{name}` delivers at least once: transactions are not to be had: {why}");
    }

    /// K1, S3: first whoever had the name is fenced, then its marks are read.
    fn connect_exactly(&mut self, cluster: &Cluster, channel: &ChannelKey) -> Result<Marks, Trouble> {
        let producer = self.fence(cluster, channel)?;
        let Settings { name, marks_topic, patience, .. } = &self.settings;
        let (keeper, marks) = Keeper::open(cluster, &producer, marks_topic, (channel, name), *patience)
            .map_err(|error| Trouble::of_topic(error, marks_topic))?;
        self.live = Some(Live { producer, keeper: Some(keeper) });
        Ok(marks)
    }

    /// A producer that has its transactional id. One that brokers have not answered yet is kept for the next time.
    fn fence(&mut self, cluster: &Cluster, channel: &ChannelKey) -> Result<Producer, Trouble> {
        let producer = match self.beginning.take() {
            Some(producer) => producer,
            None => {
                let id = format!("dataflowkit/{channel}/{}", self.settings.name);
                let own = [("transactional.id", &*id), ("enable.idempotence", "true"), ("acks", "all")];
                self.producer(cluster, &own)?
            }
        };
        let Err(error) = producer.init(FIRST) else { return Ok(producer) };
        let again = matches!(&error, KafkaError::Transaction(error) if error.is_retriable());
        // Why nobody answers, the client tells beside.
        let reason = if again { producer.reason() } else { None };
        // Where its settings may be wrong, the next one has them anew.
        let mends = reason.as_ref().is_none_or(|reason| reason.rank() < 2);
        self.beginning = (again && mends).then_some(producer);
        Err(reason.unwrap_or(error.into()))
    }

    fn producer(&self, cluster: &Cluster, own: &[(&str, &str)]) -> Result<Producer, KafkaError> {
        let batch = self.batch_bytes.to_string();
        let own = [own, &[("batch.size", &*batch)]].concat();
        Producer::new(&self.settings.name, cluster, self.settings.partition, &own)
    }
}

/// Whether the brokers cannot do transactions, or this user may not.
fn lacks_transactions(error: &KafkaError) -> bool {
    matches!(
        code_of(error),
        Some(Code::UnsupportedFeature | Code::UnsupportedVersion | Code::TransactionalIdAuthorizationFailed)
    )
}
