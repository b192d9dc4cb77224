//! One life of the process: the channel, its sources with their outlets, its sinks' runners, and what they do next.
//!
//! Every step leaves the disk's calls to the channel; what happens outside of it (an answer, a commit) happens between
//! calls. `meanwhile` takes steps from within a call, as other threads do.
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::fakes::Trick;
use super::input::{Input, attributes_of};
use super::store::items_of;
use super::watched::Watched;
use super::world::World;
use crate::channels::file::FileChannel;
use crate::event::{Batch, EventRef, Stream, StreamId};
use crate::flow::{
    Channel, ChannelKey, Counter, Destination, Interceptor, Kind, Lease, Limit, Outcome, Outlet, Prepared,
    Pulse, PutError, Routes, Seat, Selector, Stop, Wiring,
};

mod sinks;
mod sources;

thread_local! {
    static STOP: Stop = Stop::new();
}

/// Where the tailing source is in one file.
struct Reader {
    stream: Arc<Stream>,
    from: u64,
    cuts: Vec<u64>,
    pending: Option<(Prepared, u64)>,
}

/// The source that can read again.
#[derive(Default)]
struct Tail {
    outlet: Option<Outlet>,
    readers: BTreeMap<usize, Reader>,
}

enum Hand {
    Empty,
    Leased(Lease),
    /// Was in doubt: stays with this sink (D2).
    Kept(Lease),
    Delivered(Lease),
    Doubtful(Lease),
    Late(Vec<Batch>),
}

struct Runner {
    seat: Seat,
    reported: bool,
    hand: Hand,
}

pub struct Life {
    pub world: Rc<World>,
    pub channel: Arc<FileChannel>,
    tail: RefCell<Tail>,
    net: RefCell<Option<Outlet>>,
    runners: RefCell<Vec<Runner>>,
    /// The tailing source is to start again.
    back: Cell<bool>,
    reserved: RefCell<Vec<Limit>>,
    nested: Cell<bool>,
}

struct Everything;

impl Interceptor for Everything {
    fn apply(&mut self, batch: &mut Batch) {
        batch.retain(|event| event.header("drop").is_none());
    }
}

impl Selector for Everything {
    fn route(&self, _: EventRef<'_>) -> Routes {
        Routes { required: 1, optional: 0 }
    }
    fn constant(&self) -> Option<Routes> {
        Some(Routes { required: 1, optional: 0 })
    }
    fn required(&self) -> u64 {
        1
    }
}

const TAIL: &str = "tail";
const NET: &str = "net";

impl Life {
    /// Opens the channel; none if the crash came first.
    pub fn open(world: &Rc<World>) -> Option<Rc<Life>> {
        let one_boot = world.tricks(Trick::RebootUnnoticed);
        let disk = Arc::new(Watched { disk: world.disk.process(), one_boot });
        let key = ChannelKey { installation: "i".into(), instance: "a".into(), channel: "c".into() };
        let pulse = Pulse::new(Kind::Channel, "c", "file");
        let plan = &world.plan;
        let also = ["/marks".into()];
        if world.disk.used() + 2000 > world.room.get() {
            world.set_room(2000);
        }
        let opened = FileChannel::open(disk, plan.settings.clone(), plan.log(), &also, None, key, pulse);
        let (channel, harm) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                if !world.disk.is_down() {
                    world.fail(format!("it does not open: {error}"));
                }
                return None;
            }
        };
        world.say(|| format!("opened: {harm:?}"));
        let voids = world.plan.settings.memory.is_none() && !channel.lock().voids.is_empty();
        let holes = !harm.again.is_empty() || voids;
        world.holes.set(world.holes.get() || holes);
        let runner = |(n, store): (usize, &super::store::Store)| {
            let place = store.records.then(|| Destination(format!("store{n}")));
            Runner { seat: channel.attach(&format!("sink{n}"), place), reported: false, hand: Hand::Empty }
        };
        let runners = world.stores.borrow().iter().enumerate().map(runner).collect();
        Some(Rc::new(Life {
            world: world.clone(),
            channel,
            tail: RefCell::default(),
            net: RefCell::default(),
            runners: RefCell::new(runners),
            back: Cell::new(false),
            reserved: RefCell::default(),
            nested: Cell::new(false),
        }))
    }

    fn is_down(&self) -> bool {
        self.world.disk.is_down() || self.world.fault.borrow().is_some()
    }

    /// Other threads' work, while one waits for the disk.
    pub fn meanwhile(&self, call: &str) {
        if self.nested.get() || self.is_down() || self.world.draining.get() || !self.world.chance(0.12) {
            return;
        }
        let Ok(queue) = self.channel.queue.try_lock() else {
            return self.world.fail(format!("a {call} under the queue's lock"));
        };
        let (on_disk, joins, closed) = (queue.is_on_disk(), queue.unsynced_joins, queue.closed);
        drop(queue);
        let free = self.channel.log.try_lock().is_ok() && self.channel.reader.try_lock().is_ok();
        let may_sync = free && self.channel.syncs.try_lock().is_ok();
        self.nested.set(true);
        self.world.say(|| format!("meanwhile ({call}):"));
        match self.world.below(9) {
            0 | 7 | 8 if !closed => self.report_again(),
            1 | 2 if (may_sync || !joins && self.sources_run()) && !closed => self.source_step(),
            3 | 4 if free || (!on_disk && !closed) => self.sink_step(),
            5 if free => self.write(),
            6 if may_sync => self.sync(),
            _ => {}
        }
        self.nested.set(false);
    }

    fn sources_run(&self) -> bool {
        let runs = |tail: std::cell::Ref<'_, Tail>| tail.outlet.is_some();
        self.tail.try_borrow().is_ok_and(runs)
            && self.net.try_borrow().is_ok_and(|net| net.is_some())
            && !self.back.get()
    }

    pub fn step(&self) {
        match self.world.below(40) {
            0..=6 => self.write(),
            7..=11 => self.sync(),
            12..=14 => self.retain(),
            15..=22 => self.source_step(),
            23..=32 => self.sink_step(),
            33..=34 => self.sink_sync(),
            35..=36 => self.grow(),
            37 => self.reserve(),
            38 => self.unlink(),
            _ => self.mischief(),
        }
        self.own_answers();
        self.check();
    }

    fn own_answers(&self) {
        let answered = self.world.own.borrow_mut().answer();
        if answered > 0 {
            self.world.say(|| format!("{answered} puts are answered"));
        }
    }

    pub fn write(&self) {
        let wrote = self.channel.write();
        self.world.say(|| format!("write: {wrote:?}"));
    }

    pub fn sync(&self) {
        let synced = self.channel.sync();
        self.world.say(|| format!("sync: {synced:?}"));
    }

    pub fn retain(&self) {
        let retained = self.channel.retain();
        self.channel.empty_trash(&mut || true);
        self.world.say(|| format!("retain: {retained:?}, {} segments", self.world.segments()));
    }

    /// The writers of files write on.
    fn grow(&self) {
        let mut inputs = self.world.inputs.borrow_mut();
        for input in inputs.iter_mut().filter(|input| !input.is_final()) {
            let more = self.world.below(12) as usize;
            input.written = (input.written + more).min(input.lines.len());
        }
        if inputs.len() < 7 && self.world.chance(0.15) {
            let input = Input::random(&mut self.world.dice.borrow_mut());
            inputs.push(input);
        }
    }

    fn reserve(&self) {
        let mut reserved = self.reserved.borrow_mut();
        if let Some(limit) = reserved.pop() {
            self.channel.release(limit);
            if self.world.tricks(Trick::ReleasesTwice) {
                self.channel.release(limit);
            }
            return;
        }
        let events = 1 + self.world.below(10) as usize;
        let limit = Limit { events, bytes: 100 * events };
        if STOP.with(|stop| self.channel.reserve(limit, Duration::ZERO, stop)) {
            reserved.push(limit);
        }
    }

    /// D6: a file that is final and durable at its destinations is unlinked, then its marks go.
    fn unlink(&self) {
        let Ok(mut tail) = self.tail.try_borrow_mut() else { return };
        if self.is_down() || self.back.get() || !self.runners.borrow().iter().all(|runner| runner.reported) {
            return;
        }
        let Tail { outlet: Some(outlet), readers } = &mut *tail else { return };
        let early = self.world.tricks(Trick::UnlinksBeforeDurable);
        let done = |stream: StreamId| match early {
            true => self.channel.held(stream).map_or(0, |held| held.low()),
            false => outlet.durable(stream),
        };
        let mut inputs = self.world.inputs.borrow_mut();
        let file = readers.iter().find(|(file, reader)| {
            inputs[**file].is_final() && done(reader.stream.id) >= inputs[**file].end()
        });
        let Some((file, stream)) = file.map(|(file, reader)| (*file, reader.stream.id)) else { return };
        inputs[file].gone = true;
        drop(inputs);
        self.world.say(|| format!("file {file} is unlinked, {stream:?} retired"));
        readers.remove(&file);
        let _ = outlet.retire(stream);
    }

    /// The world outside changes.
    fn mischief(&self) {
        match self.world.below(3) {
            0 => self.report_again(),
            1 => self.world.draw_faults(),
            _ if self.world.plan.small_disk => {
                let room = [0, 1000, 6000, 40_000, 1 << 30][self.world.below(5) as usize];
                self.world.set_room(room);
                self.world.say(|| format!("room on the disk: {room}"));
            }
            _ => {}
        }
    }

    /// What holds at every moment.
    pub fn check(&self) {
        if self.channel.pulse().get(Counter::Errors) > 0 {
            // What could not be read back may be readable at the next start, and comes behind what was leased meanwhile.
            self.world.holes.set(true);
        }
        for (source, ledger) in self.channel.ledgers() {
            if !ledger.balances() {
                self.world.fail(format!("the ledger of {source} does not balance: {ledger:?}"));
            }
        }
    }

    /// A clean stop.
    pub fn close(&self) {
        self.world.say(|| "close".into());
        self.channel.close();
    }

    /// Everything that waits goes where it should; false if that never ends.
    pub fn drain(&self) -> bool {
        self.reserved.take().into_iter().for_each(|limit| self.channel.release(limit));
        for input in self.world.inputs.borrow_mut().iter_mut() {
            input.written = input.lines.len();
        }
        for round in 0..400 {
            for _ in 0..8 {
                self.source_step();
                self.sink_step();
            }
            self.write();
            self.sync();
            self.own_answers();
            self.check();
            if self.world.fault.borrow().is_some() {
                return true;
            }
            if round % 8 == 7 && self.is_quiet() {
                (0..30).for_each(|_| self.sink_sync());
                self.retain();
                if self.is_quiet() {
                    return true;
                }
            }
        }
        false
    }

    fn is_quiet(&self) -> bool {
        let (inputs, tail) = (self.world.inputs.borrow(), self.tail.borrow());
        let read = |(file, input): (usize, &Input)| match tail.readers.get(&file) {
            Some(reader) => reader.from == input.end() && reader.pending.is_none(),
            None => input.gone,
        };
        tail.outlet.is_some()
            && !self.back.get()
            && inputs.iter().enumerate().all(read)
            && self.runners.borrow().iter().all(|r| r.reported && matches!(r.hand, Hand::Empty))
            && self.channel.is_drained()
    }
}

fn told<T>(put: &Result<T, PutError>) -> String {
    match put {
        Ok(_) => "taken".into(),
        Err(PutError::Full(_)) => "full".into(),
        Err(other) => format!("{other:?}"),
    }
}
