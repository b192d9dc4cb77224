//! From whatever lies in the directories to a channel that runs: recovery never fails for what it finds.
//!
//! Marks are those of the newest snapshot that verifies and of the marks frames behind it. What the channel holds are
//! these and the ranges of all frames that verify. A hole between them is read again by the stream's source, by itself
//! (P3); where nobody can read it again, it is given up and counted.
//! D7: where the frames behind a hole would come before what fills it, and can be read again as well, they do not count:
//! so it is for what a spillable channel spilled, and for writes that a power cut took out of the middle.
use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::queue::{Cursor, Queue};
use super::shelves::Shelves;
use super::steps::{FileChannel, Hand, Settings};
use super::story::{Holes, Story, Strip, ranges};
use super::takeover::take_over;
use super::voids::Voids;
use crate::codec::marks;
use crate::event::{Entry, Mark, Record, Stream, StreamId};
use crate::flow::{Book, ChannelError, ChannelKey, Counter, Latch, Limit, Pulse};
use crate::store::log::bug::{self, Bug};
use crate::store::log::{self as store, Fault, Log, Reader, Survey};
use crate::sys::LockError;
use crate::sys::disk::Disk;

/// What recovery found wrong, for the log and for tests.
#[derive(Clone, Debug, Default)]
pub struct Harm {
    pub damage: Vec<store::Damage>,
    /// Frames that were written and are gone.
    pub missing_frames: u64,
    /// Ranges that are read again from their sources.
    pub again: Vec<(StreamId, Range<u64>)>,
    /// Ranges of events that nobody can bring again.
    pub lost: Vec<(StreamId, Range<u64>)>,
}

impl FileChannel {
    /// Opens the channel in `log.dirs`. Writes the beginning of a new segment where it can; where it cannot, the first
    /// write tries again.
    pub fn open(
        disk: Arc<dyn Disk>,
        settings: Settings,
        log: store::Settings,
        also: &[PathBuf],
        before: Option<Record>,
        key: ChannelKey,
        pulse: Arc<Pulse>,
    ) -> Result<(Arc<FileChannel>, Harm), ChannelError> {
        let mut story = Story::default();
        let keys = log.keys.clone();
        let opened = store::open(disk.clone(), log, also, &mut |frame| story.hear(&frame));
        let (mut log, survey) = opened.map_err(|(dir, error)| refusal(&dir, error))?;
        if settings.sync_every.is_some() {
            log.count_what_is_written();
        }
        story.second_copy(&*disk, settings.checkpoint.as_deref(), survey.log);
        let (mut record, had) = story.record();
        let mut taken_over = Vec::new();
        match before {
            Some(before) if had => taken_over = take_over(&mut record, before),
            Some(before) => record = before,
            None => {}
        }
        let had = had || !record.streams.is_empty();
        let rebooted = record.boot.as_ref().is_some_and(|boot| *boot != disk.boot_id());
        let opening = [Entry::Key { key: key.to_string() }, Entry::Boot { id: disk.boot_id() }];
        opening.iter().for_each(|entry| record.apply(entry));
        let mut queue = Queue::new(Book::open(record, had), &key.channel, &log);
        marks::encode(&opening, &mut queue.marks);
        marks::encode(&taken_over, &mut queue.marks);
        let torn = rebooted && survey.missing.iter().all(|gone| gone.start >= survey.durable);
        let harm = recover(&mut queue, story, &survey, settings.memory.is_some(), torn);
        let segments = log.segments();
        let reader = Reader::new(disk.clone(), segments.clone(), keys);
        let (room, arrived, work, written, done) = Default::default();
        let channel = Arc::new(FileChannel {
            settings,
            key,
            pulse,
            disk,
            queue: Mutex::new(queue),
            log: Mutex::new(Hand::new(log)),
            syncs: Mutex::default(),
            reader: Mutex::new(reader),
            room,
            arrived,
            work,
            written,
            done,
            threads: Mutex::default(),
        });
        let shown = Arc::downgrade(&channel);
        channel.pulse.keeps_log(move || super::figures::figures(&shown, &segments));
        channel.tell(&harm);
        let mut hand = super::steps::locked(&channel.log);
        if let Err(error) = channel.begin(&mut hand.log) {
            channel.pulse.failing(&format!("cannot begin a segment: {error}"));
            log::error!(component = &*channel.pulse.name; "channel `{}` cannot begin a segment in `{}`: {error}; sources wait until it can", channel.pulse.name, hand.log.place().display());
        }
        channel.set_copies_aside(&mut hand.log, &survey);
        drop(hand);
        Ok((channel, harm))
    }

    /// A segment of which every frame is there in another one: once that is gone, this one would count.
    fn set_copies_aside(&self, log: &mut Log, survey: &Survey) {
        for (segment, found) in &survey.segments {
            let mut faults = survey.damage.iter().filter(|damage| damage.path == found.path);
            let copy = faults.clone().next().is_some() && faults.all(|damage| damage.fault == Fault::Copy);
            if !copy || survey.runs.iter().any(|run| run.segment == *segment) {
                continue;
            }
            match log.remove(*segment) {
                Ok(()) => drop(self.lock().shelves.remove(*segment)),
                Err(error) => {
                    log::warn!(component = &*self.pulse.name; "cannot set `{}` aside: {error}", found.path.display())
                }
            }
        }
    }

    fn tell(&self, harm: &Harm) {
        let name = &*self.pulse.name;
        let used = self.lock().used;
        if used.events > 0 {
            log::info!(component = name, events = used.events; "channel `{name}`: up to {} events ({} bytes) wait from before", used.events, used.bytes);
        }
        harm.damage.iter().for_each(|damage| self.tell_damage(damage));
        if harm.missing_frames > 0 {
            log::error!(component = name, frames = harm.missing_frames; "channel `{name}`: {} frames that were written are not in its log any more; what sources have is read again", harm.missing_frames);
        }
        for (stream, range) in &harm.again {
            log::warn!(component = name; "channel `{name}`: what lay from {} to {} of {} is read again from its source", range.start, range.end, self.describe(*stream));
        }
        for (_, range) in &harm.lost {
            let events = range.end - range.start;
            self.pulse.add(Counter::LostEvents, events);
            log::error!(component = name, events = events; "channel `{name}`: {events} events that came without a position are lost by damage: nobody can read them again");
        }
    }

    /// What is wrong, how much of it, and what becomes of the file.
    fn tell_damage(&self, damage: &store::Damage) {
        let (name, path, from) = (&*self.pulse.name, damage.path.display(), damage.from);
        let (bytes, fault) = (damage.to - from, &damage.fault);
        match fault {
            Fault::Cut => {
                log::info!(component = name; "channel `{name}`: `{path}` ends in {bytes} bytes of a write that was cut off; nobody was told that they are held");
            }
            Fault::NoKey(_) => {
                log::error!(component = name; "channel `{name}`: {bytes} bytes from {from} of `{path}` {fault}; the file stays where it is, and what it holds comes once the key is configured again");
            }
            Fault::Copy | Fault::Foreign => {
                log::warn!(component = name; "channel `{name}`: {bytes} bytes from {from} of `{path}` {fault}; they are left out, and the file is set aside once it is not needed");
            }
            Fault::Broken | Fault::Sealed | Fault::Unreadable(_) => {
                self.pulse.add(Counter::LostBytes, bytes);
                log::error!(component = name; "channel `{name}`: {bytes} bytes from {from} of `{path}` {fault}; all else is kept, and the file is set aside once it is not needed");
            }
        }
    }

    fn describe(&self, stream: StreamId) -> String {
        let queue = self.lock();
        let known = queue.book.record().streams.get(&stream);
        let path = known.and_then(|known| known.attributes.get("path").map(str::to_string));
        path.map_or_else(|| format!("stream {stream}"), |path| format!("`{path}`"))
    }
}

/// Fills the queue with what the log holds.
fn recover(queue: &mut Queue, story: Story, survey: &Survey, spills: bool, torn: bool) -> Harm {
    let locked = |segment: &u64| {
        let path = &survey.segments[segment].path;
        survey.damage.iter().any(|damage| damage.path == *path && matches!(damage.fault, Fault::NoKey(_)))
    };
    // What no key opens now is never done with.
    let (locked, open): (Vec<u64>, Vec<u64>) = survey.order().into_iter().partition(locked);
    open.iter().for_each(|segment| queue.shelves.begin(*segment));
    for (stream, mut strips) in story.strips {
        if spills && !stream.is_of_log() {
            keep_newest(queue, stream, &mut strips);
        }
        for Strip { segment, range, .. } in strips {
            queue.shelves.insert(segment, stream, range.start, range.end);
        }
    }
    for (stream, mut mark) in queue.shelves.by_stream() {
        let source = story.sources.get(&stream).map_or("", String::as_str);
        if (spills || torn) && !stream.is_of_log() {
            keep_in_order(queue, stream, &mut mark, survey.next_number);
        }
        let entries = queue.book.found(stream, source, &mark);
        marks::encode(&entries, &mut queue.marks);
        if let Some(checks) = story.checks.get(&stream) {
            let entries = queue.book.proved(stream, checks);
            marks::encode(&entries, &mut queue.marks);
        }
    }
    shelve_copies(queue, &story.copies);
    for (source, (events, bytes)) in &story.waiting {
        let ledger = queue.book.ledger(source);
        ledger.tally.read += events;
        ledger.in_flight += events;
        queue.used.events += *events as usize;
        queue.used.bytes += bytes;
    }
    queue.runs = VecDeque::from(survey.runs.clone());
    queue.on_disk = story.frames;
    queue.again = story.repeats;
    for stream in queue.book.going() {
        let entries = queue.retire(stream);
        marks::encode(&entries, &mut queue.marks);
    }
    let mut missing = missing(queue);
    for (stream, mark) in story.remains {
        // What lies below was there before it.
        let high = queue.book.held(stream).map_or(0, Mark::high);
        missing.extend((high < mark.high()).then(|| (stream, high..mark.high())));
    }
    let (again, lost) = if locked.is_empty() { give_up(queue, missing) } else { hope(missing) };
    let missing_frames = survey.missing.iter().map(|gone| gone.end - gone.start).sum();
    Harm { damage: survey.damage.clone(), missing_frames, again, lost }
}

/// Once their originals are gone, copies would count: as long as they are there, their streams are not forgotten (D6).
fn shelve_copies(queue: &mut Queue, copies: &[(u64, StreamId, Range<u64>)]) {
    let counts = queue.shelves.by_stream();
    for (segment, stream, Range { start, end }) in copies {
        let Some(counted) = counts.get(stream) else { continue };
        let mut shared = Mark::default();
        shared.insert(*start, *end);
        counted.missing(*start, *end).iter().for_each(|hole| shared.remove(hole.start, hole.end));
        ranges(&shared).for_each(|part| queue.shelves.insert(*segment, *stream, part.start, part.end));
    }
}

/// D7: what was put later at a lower position is what a source has read again after a start at which what lay above did
/// not count; it does not count now either.
fn keep_newest(queue: &mut Queue, stream: StreamId, strips: &mut Vec<Strip>) {
    strips.sort_by_key(|strip| *strip.numbers.start());
    let mut floor = u64::MAX;
    for strip in strips.iter_mut().rev() {
        if floor < strip.range.end {
            queue.voids.add(stream, floor..u64::MAX, strip.numbers.end() + 1);
        }
        let begin = strip.range.start;
        strip.range.end = strip.range.end.min(floor).max(begin);
        floor = floor.min(begin);
    }
    strips.retain(|strip| !strip.range.is_empty());
}

/// D7: above a hole nothing counts.
fn keep_in_order(queue: &mut Queue, stream: StreamId, mark: &mut Mark, next_number: u64) {
    let mut all = queue.book.settled(stream);
    all.union(mark);
    if all.high() > all.low() {
        queue.voids.add(stream, all.low()..u64::MAX, next_number);
        mark.remove(all.low(), u64::MAX);
        queue.shelves.forget_above(stream, all.low());
    }
}

/// The holes in what is held, by stream.
fn missing(queue: &Queue) -> Vec<(StreamId, Range<u64>)> {
    let mut holes = Vec::new();
    for stream in queue.book.record().streams.keys() {
        let Some(held) = queue.book.held(*stream) else { continue };
        holes.extend(held.missing(0, held.high()).into_iter().map(|hole| (*stream, hole)));
    }
    holes
}

/// Holes of streams that can be read again, and those that cannot: the latter are closed.
fn give_up(queue: &mut Queue, holes: Holes) -> (Holes, Holes) {
    let (lost, again): (Holes, Holes) = holes.into_iter().partition(|(stream, _)| stream.is_of_log());
    for (stream, hole) in &lost {
        let entries = queue.book.given_up(*stream, hole.start, hole.end);
        marks::encode(&entries, &mut queue.marks);
    }
    (again, lost)
}

/// While a key is missing, nobody knows what its segments hold: nothing is given up.
fn hope(holes: Holes) -> (Holes, Holes) {
    (holes.into_iter().filter(|(stream, _)| !stream.is_of_log()).collect(), Holes::new())
}

fn refusal(dir: &Path, error: LockError) -> ChannelError {
    let dir = dir.display();
    match error {
        LockError::Owned(pid) => {
            let owner = pid.map_or("another process".to_string(), |pid| format!("process {pid}"));
            let doing = format!(
                "the channel directory `{dir}` belongs to {owner}: give each channel directories of its own"
            );
            ChannelError { doing, cause: None }
        }
        LockError::Io(cause) => ChannelError::io(format!("cannot use the channel directory `{dir}`"), cause),
    }
}

impl Queue {
    fn new(book: Book, channel: &str, log: &Log) -> Queue {
        Queue {
            book,
            marks: Vec::new(),
            pending: VecDeque::new(),
            writing: Vec::new(),
            unheld: VecDeque::new(),
            in_flight: 0,
            unheld_weight: 0,
            window: Default::default(),
            runs: VecDeque::new(),
            cursor: Cursor::default(),
            on_disk: 0,
            held: log.next_number(),
            again: false,
            epoch: 0,
            voids: Voids::default(),
            shelves: Shelves::default(),
            used: Limit { events: 0, bytes: 0 },
            reserved: Limit { events: 0, bytes: 0 },
            settled: true,
            done: true,
            wrote_at: Instant::now(),
            lost: 0,
            waiting: 0,
            retired: Vec::new(),
            back: Vec::new(),
            closed: false,
            unsynced_joins: false,
            own: if bug::on(Bug::OwnStreamKept) {
                Stream::known(StreamId(1 << 64), "channel:c", Default::default())
            } else {
                Stream::of_log(channel)
            },
            next_own: 0,
            latch: Arc::new(Latch::default()),
            syncing: false,
            full: false,
        }
    }
}
