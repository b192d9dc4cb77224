//! Finds the topics, and sees whether what was read is still there.
use std::time::{Duration, Instant};

use super::{ANSWER, Session};
use crate::event::Span;
use crate::flow::Fatal;
use crate::kafka::cluster::told_of_reader;
use crate::kafka::partition::{Partition, attributes};
use crate::kafka::source::Topics;

/// How often what is not there is looked for, at least.
const MISSING: Duration = Duration::from_secs(5);
/// How long before something is believed that would read a topic from its beginning.
pub(super) const DOUBT: Duration = Duration::from_secs(1);

impl Session<'_> {
    pub(super) fn look_for_topics(&mut self) {
        let awaited = self.missing.is_some() || self.troubled;
        let every = if awaited { self.settings.refresh.min(MISSING) } else { self.settings.refresh };
        if self.looked.is_some_and(|looked| looked.elapsed() < every) {
            return;
        }
        self.looked = Some(Instant::now());
        let settings = self.settings;
        match &settings.topics {
            Topics::List(topics) => {
                if self.subscribed.is_empty() {
                    self.subscribe(topics.clone());
                } else if self.suspects || awaited {
                    self.look_for_missing(topics);
                }
            }
            Topics::Matching(pattern, text) => {
                let Some(there) = self.there() else { return };
                // Java's client leaves out the brokers' own, too.
                let own = |topic: &String| topic.starts_with("__");
                let mut matching: Vec<String> = there
                    .into_iter()
                    .filter(|topic| !own(topic) && pattern.is_match(topic.as_bytes()))
                    .collect();
                matching.sort();
                self.is_missing(
                    matching.is_empty().then(|| format!("topics that match `{text}`: there is none")),
                );
                if matching != self.subscribed {
                    self.subscribe(matching);
                }
            }
        }
    }

    fn subscribe(&mut self, topics: Vec<String>) {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        match self.member.subscribe(&names) {
            Ok(()) => self.subscribed = topics,
            Err(error) => self.is_troubled(&error),
        }
    }

    /// All topics there are, if brokers answer.
    fn there(&mut self) -> Option<Vec<String>> {
        match self.member.topics(ANSWER) {
            Ok(topics) => {
                self.well();
                Some(topics)
            }
            Err(error) => {
                self.is_troubled(&error);
                None
            }
        }
    }

    fn look_for_missing(&mut self, topics: &[String]) {
        let Some(there) = self.there() else { return };
        self.suspects = false;
        let missing: Vec<String> =
            topics.iter().filter(|topic| !there.contains(topic)).map(|topic| format!("`{topic}`")).collect();
        let missing =
            (!missing.is_empty()).then(|| format!("topic {}, which is not there", missing.join(", ")));
        self.is_missing(missing);
    }

    fn is_missing(&mut self, missing: Option<String>) {
        if self.missing == missing {
            return;
        }
        let name = self.name();
        match &missing {
            Some(missing) => log::warn!(component = name; "source `{name}` waits for {missing}"),
            None => log::info!(component = name; "source `{name}` has found its topics"),
        }
        self.missing = missing;
    }

    /// Whether what comes next is there; asked for when the brokers refused an offset.
    pub(super) fn examine(&mut self) -> Result<(), Fatal> {
        if self.examine.is_none_or(|when| when > Instant::now()) {
            return Ok(());
        }
        self.make_batches();
        if !self.waiting.is_empty() {
            return Ok(());
        }
        self.examine = None;
        for index in 0..self.partitions.len() {
            self.examine_one(index)?;
        }
        Ok(())
    }

    fn examine_one(&mut self, index: usize) -> Result<(), Fatal> {
        let Partition { place, next, stream, .. } = &self.partitions[index];
        let (place, next) = (place.clone(), *next);
        let (low, high) = match self.member.watermarks(&place, ANSWER) {
            Ok(watermarks) => watermarks,
            Err(error) => {
                log::debug!("{place:?}: {}", told_of_reader(&error));
                self.examine = Some(Instant::now() + DOUBT);
                return Ok(());
            }
        };
        if next > high {
            if self.is_doubtful(&place) {
                self.examine = Some(Instant::now() + DOUBT);
                return Ok(());
            }
            return self.begin_anew(index);
        }
        let to = next.max(low);
        if next < low {
            self.say_gone(&place, next..low);
            self.skip(Span::new(stream.clone(), next, low))?;
        }
        self.partitions[index].go(to);
        self.seek(&place, to);
        Ok(())
    }

    /// A topic of the same name that is another one: its partition is a stream of its own, from its beginning.
    pub(super) fn begin_anew(&mut self, index: usize) -> Result<(), Fatal> {
        let (place, old) = (self.partitions[index].place.clone(), self.partitions[index].id());
        let Ok((low, _)) = self.member.watermarks(&place, ANSWER) else {
            // Nothing of it has been taken: it is seen again.
            self.seek(&place, self.partitions[index].asks_for());
            return Ok(());
        };
        self.waiting.retain(|(of, _)| *of != place);
        self.say_anew(&place, low);
        let cluster = self.cluster.clone().flatten();
        let attributes = attributes(cluster.as_deref(), &self.settings.group, &place);
        let begun = self.out.begin(attributes, low)?;
        self.skip(Span::new(begun.stream.clone(), low, low))?;
        self.out.retire(old)?;
        self.partitions[index] = Partition::new(place.clone(), begun.stream, low, None);
        self.seek(&place, low);
        Ok(())
    }
}
