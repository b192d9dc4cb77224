//! Begins what the group gives: each partition where `begin` says, its stream known to all channels before it is read.
use std::ops::Range;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::look::DOUBT;
use super::{ANSWER, Session};
use crate::event::{Span, StreamId};
use crate::flow::{Fatal, Known};
use crate::kafka::begin::{Begin, Committed, How, Seen};
use crate::kafka::cluster::code_of;
use crate::kafka::group::{Offered, Place};
use crate::kafka::partition::{Partition, attributes, is_same};

/// How long before brokers are asked again.
const AGAIN: Duration = Duration::from_millis(500);
/// Evidence so far below the mark is looked at: what lies between is read and dropped.
const EVIDENCE_WITHIN: u64 = 1000;
/// How often brokers may say that a partition is not there before it is done without.
const TRIES: u32 = 10;

/// What the group has given and is not read yet.
pub(super) struct Arriving {
    places: Vec<Place>,
    next_try: Instant,
    tries: u32,
}

/// One of it, as it will begin.
struct Plan {
    place: Place,
    known: Option<Known>,
    committed: Option<Committed>,
    begin: Begin,
}

/// Why it cannot be said yet where to begin.
enum NotYet {
    /// What it seems is not to be believed at once.
    Doubtful,
    /// Something that an operator has to mend.
    Wrong(String),
    Brokers(KafkaError),
}

impl Session<'_> {
    pub(super) fn given(&mut self, places: Vec<Place>) {
        self.arriving = Some(Arriving { places, next_try: Instant::now(), tries: 0 });
    }

    /// Forgets what was given and is taken again.
    pub(super) fn not_given(&mut self, places: &[Place]) {
        if let Some(arriving) = &mut self.arriving {
            arriving.places.retain(|place| !places.contains(place));
        }
        self.arriving.take_if(|arriving| arriving.places.is_empty());
    }

    pub(super) fn arrive(&mut self) -> Result<(), Fatal> {
        let Some(mut arriving) = self.arriving.take_if(|arriving| arriving.next_try <= Instant::now()) else {
            return Ok(());
        };
        let again = match self.plans(&mut arriving) {
            Ok(plans) => return self.begin_with(plans),
            Err(NotYet::Doubtful) => DOUBT,
            Err(NotYet::Wrong(what)) => {
                self.fails(what);
                DOUBT
            }
            Err(NotYet::Brokers(error)) => {
                self.is_troubled(&error);
                AGAIN
            }
        };
        arriving.next_try = Instant::now() + again;
        self.arriving = Some(arriving);
        Ok(())
    }

    /// Where each begins.
    fn plans(&mut self, arriving: &mut Arriving) -> Result<Vec<Plan>, NotYet> {
        if self.cluster.is_none() {
            self.cluster = Some(self.member.cluster_id(ANSWER));
        }
        let committed = self.member.committed(&arriving.places, ANSWER).map_err(NotYet::Brokers)?;
        let (mut plans, known) = (Vec::new(), self.out.known());
        for (place, committed) in arriving.places.iter().zip(committed) {
            match self.member.watermarks(place, ANSWER) {
                Ok(watermarks) => plans.push(self.plan(place, watermarks, committed, &known)?),
                Err(error) if is_unknown(&error) && arriving.tries >= TRIES => {}
                Err(error) => {
                    arriving.tries += 1;
                    return Err(NotYet::Brokers(error));
                }
            }
        }
        Ok(plans)
    }

    fn plan(
        &mut self,
        place: &Place,
        (low, high): (u64, u64),
        committed: Option<Offered>,
        known: &[Known],
    ) -> Result<Plan, NotYet> {
        let known = self.known_as(known, place);
        let family = known.as_ref().map(|known| known.id.family());
        let is_ours = |stream: Option<StreamId>| stream.is_some() && stream.map(StreamId::family) == family;
        let committed = committed.map(|(at, stream)| Committed { at, ours: is_ours(stream) });
        let seen = Seen { low, high, committed, mark: known.as_ref().map(|known| known.from) };
        let start = || self.settings.start.of(&place.0, place.1);
        let begin = seen.begin(start).map_err(NotYet::Wrong)?;
        if begin.how == How::Anew && self.is_doubtful(place) {
            return Err(NotYet::Doubtful);
        }
        Ok(Plan { place: place.clone(), known, committed, begin })
    }

    /// The stream of a partition, the youngest of several.
    fn known_as(&self, known: &[Known], place: &Place) -> Option<Known> {
        let cluster = self.cluster.clone().flatten();
        let own = attributes(cluster.as_deref(), &self.settings.group, place);
        let same = known.iter().filter(|known| is_same(&known.attributes, &own));
        same.max_by_key(|known| (!known.orphan, known.attributes.begun())).cloned()
    }

    /// Whether it is too early to believe that a topic is another one: said so twice, a while apart.
    pub(super) fn is_doubtful(&mut self, place: &Place) -> bool {
        let Some(index) = self.doubted.iter().position(|(of, _)| of == place) else {
            self.doubted.push((place.clone(), Instant::now()));
            return true;
        };
        // A doubt of long ago was another one.
        match self.doubted[index].1.elapsed() {
            passed if passed < DOUBT => true,
            passed => {
                self.doubted.swap_remove(index);
                passed > 10 * DOUBT && self.is_doubtful(place)
            }
        }
    }

    fn begin_with(&mut self, plans: Vec<Plan>) -> Result<(), Fatal> {
        let partitions: Vec<Partition> =
            plans.into_iter().map(|plan| self.begin_one(plan)).collect::<Result<_, _>>()?;
        let asked: Vec<_> = partitions.iter().map(|one| (one.place.clone(), one.asks_for())).collect();
        if let Err(error) = self.member.take(&asked) {
            // The group has decided anew meanwhile, and will tell.
            log::debug!("source `{}` cannot take {asked:?}: {error}", self.name());
            return Ok(());
        }
        let (name, count) = (self.name(), partitions.len());
        log::debug!(component = name; "source `{name}` reads {count} more partitions");
        // The client keeps a pause for as long as it lives, whoever had the partition meanwhile.
        let places = partitions.iter().map(|partition| &partition.place);
        self.tell(if self.paused { self.member.pause(places) } else { self.member.resume(places) });
        self.partitions.extend(partitions);
        self.joined = true;
        self.well();
        Ok(())
    }

    fn begin_one(&mut self, plan: Plan) -> Result<Partition, Fatal> {
        let Plan { place, known, committed, begin } = plan;
        self.say(&place, &begin, known.is_some());
        let cluster = self.cluster.clone().flatten();
        let attributes = attributes(cluster.as_deref(), &self.settings.group, &place);
        let mut partition = match known {
            Some(known) if begin.how != How::Anew => {
                let resumed = self.out.resume(&known, attributes)?;
                // P3: what others have read joins what we have.
                self.skip(Span::new(resumed.stream.clone(), known.from, begin.at))?;
                let evidence = known.checks.below(known.from).filter(|check| {
                    begin.at == known.from && check.at > 0 && known.from - check.at <= EVIDENCE_WITHIN
                });
                Partition::new(place, resumed.stream, begin.at, evidence)
            }
            known => {
                let begun = self.out.begin(attributes, begin.at)?;
                // P7: durable before anything is read.
                self.skip(Span::new(begun.stream.clone(), begin.at, begin.at))?;
                if let Some(old) = known {
                    self.out.retire(old.id)?;
                }
                Partition::new(place, begun.stream, begin.at, None)
            }
        };
        partition.committed = committed.map_or(0, |committed| committed.at);
        Ok(partition)
    }

    fn say(&self, place: &Place, begin: &Begin, known: bool) {
        let ((topic, partition), name, at) = (place, self.name(), begin.at);
        let group = &self.settings.group;
        match begin.how {
            How::Anew => self.say_anew(place, at),
            How::Against(committed) => {
                log::info!(component = name; "source `{name}` goes on with partition {partition} of `{topic}` at {at}, where it was, though group `{group}` has {committed}: to read again, use another group");
            }
            How::Start => {
                log::info!(component = name; "source `{name}` begins partition {partition} of `{topic}` at {at}");
            }
            How::Committed if known => {
                log::debug!(component = name; "others of group `{group}` have read partition {partition} of `{topic}` up to {at}");
            }
            How::Mark | How::Committed => {}
        }
        if let Some(gone) = &begin.gone {
            self.say_gone(place, gone.clone());
        }
    }

    pub(super) fn say_gone(&self, (topic, partition): &Place, gone: Range<u64>) {
        let (name, count) = (self.name(), gone.end - gone.start);
        let Range { start, end } = gone;
        log::warn!(component = name; "the brokers have deleted {count} offsets of partition {partition} of `{topic}` before source `{name}` read them: {start}..{end}; it goes on at {end}");
    }

    pub(super) fn say_anew(&self, (topic, partition): &Place, at: u64) {
        let name = self.name();
        log::warn!(component = name; "topic `{topic}` was made anew: source `{name}` reads its partition {partition} from {at} on");
    }
}

fn is_unknown(error: &KafkaError) -> bool {
    matches!(
        code_of(error),
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition)
    )
}
