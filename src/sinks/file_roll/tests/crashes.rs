//! D1 at random: deliveries, rolls, syncs, kills and power cuts in any order.
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What may happen between two starts.
#[derive(Clone, Debug)]
enum Step {
    Deliver(u64),
    Empty(u64),
    Roll,
    Sync,
    /// Killed: so many bytes of the next data were written, or so many of the last frame were not.
    Kill {
        data: usize,
        torn: u64,
    },
    /// Power cut: of what was not synced, this share (of 100) is left.
    PowerCut(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u64..20).prop_map(Step::Deliver),
        1 => (1u64..5).prop_map(Step::Empty),
        2 => Just(Step::Roll),
        2 => Just(Step::Sync),
        2 => (0usize..30, 0u64..20).prop_map(|(data, torn)| Step::Kill { data, torn }),
        1 => (0u64..=100).prop_map(Step::PowerCut),
    ]
}

/// Sizes of all files, hidden ones too.
fn sizes(rig: &Rig) -> BTreeMap<PathBuf, u64> {
    let paths = fs::read_dir(rig.dir()).unwrap().map(|e| e.unwrap().path());
    paths.map(|path| (path.clone(), size(&path))).collect()
}

/// A sink, what it should have written, and what a power cut cannot take.
struct World {
    rig: Rig,
    sink: Option<FileRoll>,
    /// The number of the next line.
    next: u64,
    /// Numbers that were never lines.
    left_out: BTreeSet<u64>,
    /// Lengths that are on the disk.
    synced: BTreeMap<PathBuf, u64>,
}

impl World {
    fn new(rig: Rig) -> World {
        let (sink, _) = rig.start();
        let synced = sizes(&rig);
        World { rig, sink: Some(sink), next: 0, left_out: BTreeSet::new(), synced }
    }

    fn sink(&mut self) -> &mut FileRoll {
        self.sink.as_mut().expect("started again after each end")
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Deliver(count) => self.deliver(count),
            Step::Empty(count) => self.leave_out(count),
            Step::Roll => self.sink().finish_file(),
            Step::Sync => {
                self.sink().sync().unwrap();
                self.synced = sizes(&self.rig);
            }
            Step::Kill { data, torn } => self.kill(data, torn),
            Step::PowerCut(share) => self.cut_power(share),
        }
    }

    fn deliver(&mut self, count: u64) {
        let (from, half, to) = (self.next, self.next + count / 2, self.next + count);
        let batches = [self.rig.lines(from, half), self.rig.lines(half, to)];
        let begins = self.sink().data.is_none();
        self.sink().deliver(&batches, &Stop::new()).unwrap();
        self.left_out.retain(|n| !(from..to).contains(n));
        self.next = to;
        if begins {
            // The record was synced before the file got its first byte.
            self.synced.insert(self.rig.record(), size(&self.rig.record()));
        }
    }

    fn leave_out(&mut self, count: u64) {
        let (from, to) = (self.next, self.next + count);
        let span = Span::new(self.rig.stream.clone(), from, to);
        deliver(self.sink(), Batch::empty(span)).unwrap();
        self.left_out.extend(from..to);
        self.next = to;
    }

    fn kill(&mut self, data: usize, torn: u64) {
        let written_to = self.sink().data.take().map(|file| file.path);
        self.sink = None;
        if let Some(path) = written_to {
            append(&path, &b"line line line line line line line"[..data]);
        }
        // Only the last frame can be torn, and only if its sync has not returned.
        let record = self.rig.record();
        let floor = self.synced.get(&record).copied().unwrap_or(0);
        cut(&record, size(&record).saturating_sub(torn).max(floor));
        self.start();
    }

    fn cut_power(&mut self, share: u64) {
        self.sink = None;
        for (path, now) in sizes(&self.rig) {
            let sure = self.synced.get(&path).copied().unwrap_or(0).min(now);
            cut(&path, sure + (now - sure) * share / 100);
        }
        // What the disk has at the boot, it has.
        self.synced = sizes(&self.rig);
        self.rig.boot.push('+');
        self.start();
    }

    fn start(&mut self) {
        let (sink, marks) = self.rig.start();
        self.sink = Some(sink);
        self.next = self.rig.low(&marks);
    }

    /// What the files must hold after a last start.
    fn expected(&mut self) -> String {
        self.sink = None;
        self.start();
        let there = (0..self.next).filter(|n| !self.left_out.contains(n));
        there.map(|n| format!("line {n}\n")).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn d1_every_line_is_there_exactly_once_whatever_happens_in_between(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let mut world = World::new(Rig::new());
        steps.iter().for_each(|step| world.step(step));
        let expected = world.expected();
        prop_assert_eq!(world.rig.text(), expected);
    }

    #[test]
    fn d1_a_container_is_whole_at_every_recorded_length(
        steps in prop::collection::vec(step(), 1..40), codec in 0usize..3, interval in 1usize..60
    ) {
        let codec = [Codec::Null, Codec::Deflate, Codec::Snappy][codec];
        let serializer = Serializer::AvroEvent(Blocks { codec, interval });
        let mut world = World::new(Rig { serializer, ..Rig::new() });
        steps.iter().for_each(|step| {
            world.step(step);
            // A reader that comes by at any time finds nothing that is torn.
            world.rig.text();
        });
        let expected = world.expected();
        prop_assert_eq!(world.rig.text(), expected);
    }
}
