//! One try: a transaction of the events that a delivery has left and of its marks, or the same without transactions.
//!
//! Invariants: of what it sent, it waits for the reports of all; it commits only if every message has arrived. Whoever
//! began it decides what becomes of the producer.
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::super::cluster::{Trouble, code_of, sentence};
use super::super::letters::{Letters, Scratch};
use super::super::producer::{Failures, NO_EVENT, Sent};
use super::Settings;
use super::connect::Live;
use super::delivery::{Delivery, Refused};
use crate::event::{EventRef, Marks};
use crate::flow::Stop;

/// What it works with.
pub struct Transaction<'a> {
    pub settings: &'a Settings,
    pub letters: &'a Letters,
    pub scratch: &'a mut Scratch,
    pub live: &'a mut Live,
    pub stop: &'a Stop,
}

/// Why it did not commit.
pub enum Ended {
    /// The brokers will never take these events, or their batches as they were. Without transactions all others have
    /// arrived.
    Refused(Refused, Failures),
    /// `doubtful`: the brokers may have it all the same.
    Trouble { trouble: Trouble, doubtful: bool },
}

impl Ended {
    /// Nothing of it counts.
    fn early(error: KafkaError) -> Ended {
        Ended::Trouble { trouble: error.into(), doubtful: false }
    }
}

impl Transaction<'_> {
    pub fn run(mut self, delivery: &Delivery<'_>) -> Result<(), Ended> {
        self.live.producer.begin().map_err(Ended::early)?;
        let mut refused = self.send_events(delivery)?;
        let marks = self.send_marks(delivery)?;
        let sent = self.live.producer.wait(self.settings.patience);
        refused.extend(self.refused_by_brokers(&sent));
        self.look_for_trouble(&sent, &refused)?;
        match refused.is_empty() {
            true => self.commit(marks),
            false => Err(Ended::Refused(refused, sent.failed)),
        }
    }

    /// Hands the events over; those that are refused at once.
    fn send_events(&mut self, delivery: &Delivery<'_>) -> Result<Refused, Ended> {
        let mut refused = Refused::new();
        for (number, event) in delivery.to_send() {
            match self.send(number, event) {
                Ok(None) => {}
                Ok(Some(why)) => drop(refused.insert(number, why)),
                // A message before it has ended the transaction: its report says why.
                Err(error) if is_over(&error) => break,
                Err(error) => return Err(Ended::early(error)),
            }
        }
        Ok(refused)
    }

    /// `Some`: why the event is refused.
    fn send(&mut self, number: usize, event: EventRef<'_>) -> Result<Option<String>, KafkaError> {
        let letter = match self.letters.letter(event, self.scratch) {
            Ok(letter) => letter,
            Err(why) => return Ok(Some(why)),
        };
        match self.live.producer.send(number, letter, self.stop) {
            Ok(()) => Ok(None),
            Err(error) if code_of(&error).is_some_and(|code| self.is_refusal(code)) => {
                Ok(Some(sentence(&error)))
            }
            Err(error) => Err(error),
        }
    }

    /// K1: what the destination has with this transaction.
    fn send_marks(&self, delivery: &Delivery<'_>) -> Result<Marks, Ended> {
        let Live { producer, keeper: Some(keeper) } = &*self.live else { return Ok(Marks::new()) };
        let touched = keeper.with(delivery.batches());
        match keeper.send(producer, &touched, self.stop) {
            Err(error) if !is_over(&error) => Err(Ended::early(error)),
            _ => Ok(touched),
        }
    }

    fn refused_by_brokers(&self, sent: &Sent) -> Refused {
        let of_events = sent.failed.iter().filter(|failure| self.is_refused_event(failure));
        of_events.map(|(number, code)| (*number, sentence(&KafkaError::MessageProduction(*code)))).collect()
    }

    /// Whether anything but what is refused kept messages from arriving.
    fn look_for_trouble(&self, sent: &Sent, refused: &Refused) -> Result<(), Ended> {
        let mut others = sent.failed.iter().filter(|failure| !self.is_refused_event(failure));
        // A refusal ends a transaction, and the client gives up what else was in it.
        let ended_by_refusal = !refused.is_empty() && !sent.unreported;
        if ended_by_refusal && others.clone().all(|(_, code)| is_given_up(*code)) {
            return Ok(());
        }
        let code = match others.next() {
            Some((_, code)) => *code,
            None if sent.unreported => Code::MessageTimedOut,
            None => return Ok(()),
        };
        // What the client itself gives up says nothing of why.
        let tells = !is_given_up(code) && code != Code::MessageTimedOut;
        let why = if tells { None } else { self.live.producer.why(sent.unreported) };
        let trouble = why.unwrap_or(KafkaError::MessageProduction(code).into());
        Err(Ended::Trouble { trouble, doubtful: !self.live.is_exact() })
    }

    fn commit(self, marks: Marks) -> Result<(), Ended> {
        if let Err(error) = self.live.producer.commit(self.settings.patience) {
            let aborts = matches!(&error, KafkaError::Transaction(error) if error.txn_requires_abort());
            return Err(Ended::Trouble { trouble: error.into(), doubtful: !aborts });
        }
        if let Some(keeper) = &mut self.live.keeper {
            keeper.took(marks);
        }
        Ok(())
    }

    fn is_refused_event(&self, (number, code): &(usize, Code)) -> bool {
        *number != NO_EVENT && self.is_refusal(*code)
    }

    /// Whether the brokers will never take the message.
    fn is_refusal(&self, code: Code) -> bool {
        match code {
            Code::UnknownTopic | Code::UnknownTopicOrPartition => !self.settings.awaits_topic,
            Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidTopic
            | Code::UnknownPartition
            | Code::InvalidRecord
            | Code::InvalidArgument => true,
            _ => false,
        }
    }
}

/// Whether the client gave the message up, for what became of others.
fn is_given_up(code: Code) -> bool {
    matches!(code, Code::PurgeQueue | Code::PurgeInflight)
}

/// Whether the transaction had ended before.
fn is_over(error: &KafkaError) -> bool {
    code_of(error) == Some(Code::State)
}
