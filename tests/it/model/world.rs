//! The world: inputs, destinations, state directory, and what may happen to them. What the process does is in `run`,
//! what must hold at the end in `verdict`.
use std::sync::{Arc, Mutex};

use super::bug::Bug;
use super::destination::{Class, Fate, Store};
use super::dice::Dice;
use super::disk::{Log, Shared};
use super::input::{File, Kind, Rule};
use super::run::Run;

/// A source as configured, and all versions of its rule so far.
pub struct SourcePlan {
    pub name: String,
    pub channels: Vec<usize>,
    pub rules: Vec<Rule>,
}

impl SourcePlan {
    pub fn rule(&self) -> Rule {
        *self.rules.last().expect("a source has a rule from the start")
    }
}

pub struct SinkPlan {
    pub name: String,
    pub destination: usize,
}

/// A channel as configured, its journal, and what is promised of it.
pub struct ChannelPlan {
    pub capacity: usize,
    pub transaction: usize,
    pub sinks: Vec<SinkPlan>,
    pub log: Arc<Mutex<Log>>,
    /// Some sink of it keeps no record: repeats are allowed.
    pub at_least_once: bool,
    /// Always one sink into one destination that never went back: order holds (D7). What a restored destination
    /// misses comes behind what was queued already.
    pub ordered: bool,
}

pub struct World {
    pub shared: Arc<Shared>,
    pub boot: u64,
    pub files: Vec<File>,
    /// Per file: versions of its source's rule that it has seen, and stretches that may come twice (P6).
    pub versions_seen: Vec<usize>,
    pub twice: Vec<Vec<(u64, u64)>>,
    pub sources: Vec<SourcePlan>,
    pub channels: Vec<ChannelPlan>,
    /// By channel, then destination.
    pub stores: Vec<Vec<Store>>,
    /// Where a file begins at a channel, by channel, then file.
    pub joined: Vec<Vec<Option<u64>>>,
    pub run: Option<Run>,
    pub broken: Option<String>,
    pub crashes: u64,
    power: bool,
    spare_channel: bool,
    moved: bool,
    /// The state directory was lost, now or ever. Named limit: a second fault before all sources run again may be
    /// taken for an added channel (C2).
    recovering: bool,
    lost: bool,
    /// Interceptors or selector have changed once.
    rerouted: bool,
    long: bool,
}

const DESTINATIONS: usize = 4;

impl World {
    pub fn new(seed: u64, shared: Arc<Shared>) -> World {
        let mut dice = Dice::of(seed, u64::MAX);
        let long = dice.one_in(400);
        let channels = dice.between(1, 3);
        let plain = dice.one_in(5);
        let classes: Vec<Class> = (0..DESTINATIONS)
            .map(|_| [Class::Files, Class::Files, Class::Transaction, Class::Plain][dice.below(4)])
            .map(|class| if plain { Class::Plain } else { class })
            .collect();
        let stores =
            (0..channels).map(|_| classes.iter().map(|class| Store::new(*class)).collect()).collect();
        let mut world = World {
            shared,
            boot: 1,
            files: Vec::new(),
            versions_seen: Vec::new(),
            twice: Vec::new(),
            sources: Vec::new(),
            channels: (0..channels).map(|c| channel(&mut dice, c, &classes, long)).collect(),
            stores,
            joined: Vec::new(),
            run: None,
            broken: None,
            crashes: 0,
            power: false,
            spare_channel: channels > 1 && dice.one_in(3),
            moved: false,
            recovering: false,
            lost: false,
            rerouted: false,
            long,
        };
        world.add_sources(&mut dice);
        world.joined = vec![vec![None; world.files.len()]; channels];
        world
    }

    fn add_sources(&mut self, dice: &mut Dice) {
        let count = if self.long { 1 } else { dice.between(1, 2) };
        let active = self.channels.len() - usize::from(self.spare_channel);
        for source in 0..count {
            let mut channels: Vec<usize> = (0..active).collect();
            if source > 0 && active > 1 && dice.one_in(2) {
                channels.remove(dice.below(active));
            }
            let kind = [Kind::Replicate, Kind::Multiplex, Kind::Subset][dice.below(3)];
            let optional = if dice.one_in(5) { 1 << dice.below(channels.len()) } else { 0 };
            let (salt, base) = (dice.next(), channels.len() as u32);
            let filters = dice.one_in(3);
            let rule = Rule { salt, version: 0, kind, filters, base, channels: base, optional };
            self.sources.push(SourcePlan { name: format!("s{source}"), channels, rules: vec![rule] });
            for _ in 0..if self.long { 1 } else { dice.between(1, 2) } {
                let lines = if self.long { 220 } else { dice.between(2, 9) };
                self.files.push(File::random(dice, source, lines));
                self.versions_seen.push(usize::MAX);
                self.twice.push(Vec::new());
            }
        }
    }

    /// Steps of this history.
    pub fn length(&self, dice: &mut Dice) -> u64 {
        if self.long { 500 } else { dice.between(20, 80) as u64 }
    }

    /// One thing happens.
    pub fn step(&mut self, dice: &mut Dice) {
        let file = dice.below(self.files.len());
        match dice.below(26) {
            0..=2 => self.write(file, dice),
            3..=8 => self.source_step(file, dice.between(1, 4), dice.one_in(3)),
            9..=17 => {
                let fate = match dice.below(12) {
                    0 => Fate::Failed,
                    1 => Fate::DoubtfulDone,
                    2 => Fate::DoubtfulFailed,
                    _ => Fate::Done,
                };
                self.sink_step(dice.next() as usize, fate, dice.between(1, 3));
            }
            18 | 19 => self.sync(dice.next() as usize),
            20 => self.back_up(dice),
            21 => self.restore_while_running(dice),
            22 => self.delete(file),
            23 if !self.is_recovering() && (!self.long || dice.one_in(20)) => {
                let effects = dice.below(12) as u64;
                self.power = dice.one_in(2);
                self.shared.say(|| format!("the fuse is set to {effects}, power cut: {}", self.power));
                self.shared.arm(effects);
            }
            24 if self.long => (0..20).for_each(|_| self.write(file, dice)),
            _ => {}
        }
        while self.shared.is_dead() {
            self.crash(dice);
        }
    }

    fn write(&mut self, file: usize, dice: &mut Dice) {
        let input = &mut self.files[file];
        input.written = (input.written + dice.between(1, 3)).min(input.lines.len());
    }

    fn back_up(&mut self, dice: &mut Dice) {
        let (channel, destination) = self.any_sink(dice);
        self.shared.say(|| format!("c{channel} at d{destination} is backed up"));
        self.stores[channel][destination].back_up();
    }

    fn any_sink(&self, dice: &mut Dice) -> (usize, usize) {
        let channel = dice.below(self.channels.len());
        let sinks = &self.channels[channel].sinks;
        (channel, sinks[dice.below(sinks.len())].destination)
    }

    /// Kill or power cut, perhaps a change, and the next start.
    pub fn crash(&mut self, dice: &mut Dice) {
        self.run = None;
        self.shared.disarm();
        self.crashes += 1;
        let power = self.power;
        self.shared.say(|| format!("=== {}", if power { "power cut" } else { "kill -9" }));
        if power {
            self.boot += 1;
            self.channels.iter().for_each(|channel| channel.log.lock().unwrap().power_cut(dice));
            self.stores.iter_mut().flatten().for_each(|store| store.power_cut(dice));
        }
        if dice.one_in(3) {
            self.change(dice);
        }
        if !self.recovering && dice.one_in(5) {
            self.power = dice.one_in(2);
            self.shared.arm(dice.below(8) as u64);
        }
        self.start();
    }

    fn change(&mut self, dice: &mut Dice) {
        let (channel, source) = (dice.below(self.channels.len()), dice.below(self.sources.len()));
        match dice.below(9) {
            0 => self.move_sink(channel, dice),
            1 => self.channels[channel].sinks.iter_mut().for_each(|sink| sink.name.push('+')),
            2 => self.add_channel(),
            3 if self.sources[source].rules.len() == 1 => self.sources[source].name.push('+'),
            4 | 7 | 8 if !self.lost => self.reroute(source, dice),
            5 if !self.moved && !self.rerouted => {
                self.shared.say(|| "the state directory is lost".into());
                self.channels.iter().for_each(|channel| channel.log.lock().unwrap().lose());
                (self.recovering, self.lost) = (true, true);
            }
            _ => {
                let (channel, destination) = self.any_sink(dice);
                if !self.rerouted && self.stores[channel][destination].restore() {
                    self.channels[channel].ordered = false;
                    self.shared.say(|| format!("c{channel} at d{destination} goes back to its backup"));
                }
            }
        }
    }

    /// A sink gets another destination (C4).
    fn move_sink(&mut self, channel: usize, dice: &mut Dice) {
        let to = dice.below(DESTINATIONS);
        let plan = &mut self.channels[channel];
        if plan.sinks.iter().any(|sink| sink.destination == to) {
            return;
        }
        let sink = dice.below(plan.sinks.len());
        self.shared.say(|| format!("sink {sink} of c{channel} moves to d{to}"));
        self.stores[channel][plan.sinks[sink].destination].flush();
        plan.sinks[sink].destination = to;
        plan.at_least_once |= self.stores[channel][to].class == Class::Plain;
        plan.ordered = false;
        self.moved = true;
    }

    /// A channel is added to the first source (C2); it gets every event.
    fn add_channel(&mut self) {
        if std::mem::take(&mut self.spare_channel) {
            let added = self.channels.len() - 1;
            self.shared.say(|| format!("c{added} is added to {}", self.sources[0].name));
            self.sources[0].channels.push(added);
            self.sources[0].rules.iter_mut().for_each(|rule| rule.channels += 1);
        }
    }

    /// After the loss of the state directory, until all sources run.
    fn is_recovering(&mut self) -> bool {
        self.recovering &= !self.run.as_ref().is_some_and(Run::all_sources_run);
        self.recovering
    }

    /// Interceptors and selector change (P6). Named limit: a backup of a destination, or the loss of the state directory,
    /// takes what spoke for the old rules; neither is explored once events were rerouted. Nor is a source that gets
    /// another name and other rules at once: nothing tells that the old name's rules were others (C3).
    fn reroute(&mut self, source: usize, dice: &mut Dice) {
        if self.sources[source].name.ends_with('+') {
            return;
        }
        self.rerouted = true;
        let rule = self.sources[source].rule();
        let kind = [Kind::Replicate, Kind::Multiplex, Kind::Subset][dice.below(3)];
        let changed = Rule { version: rule.version + 1, kind, filters: dice.one_in(3), ..rule };
        self.shared.say(|| format!("{} routes by {kind:?} now", self.sources[source].name));
        self.sources[source].rules.push(changed);
        self.channels.iter_mut().for_each(|channel| channel.ordered = false);
    }

    fn restore_while_running(&mut self, dice: &mut Dice) {
        let (channel, destination) = self.any_sink(dice);
        let store = &mut self.stores[channel][destination];
        if store.class == Class::Transaction && dice.one_in(2) && !self.rerouted && store.restore() {
            self.channels[channel].ordered = false;
            self.shared
                .say(|| format!("c{channel} at d{destination} goes back to its backup, connections break"));
            self.reconnect(channel, destination);
        }
    }

    /// What is read at the start: nothing can be brought back once its file is gone.
    pub fn forget_backups(&mut self) {
        self.stores.iter_mut().flatten().for_each(Store::forget_backup);
    }

    pub fn fail(&mut self, what: String) {
        self.shared.say(|| format!("BROKEN: {what}"));
        self.broken.get_or_insert(what);
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.shared.has(bug)
    }
}

fn channel(dice: &mut Dice, number: usize, classes: &[Class], long: bool) -> ChannelPlan {
    let count = if long { 3 } else { [1, 1, 1, 2, 2, 3][dice.below(6)] };
    let first = dice.below(classes.len());
    let sink =
        |n: usize| SinkPlan { name: format!("k{number}{n}"), destination: (first + n) % classes.len() };
    let sinks: Vec<SinkPlan> = (0..count).map(sink).collect();
    let at_least_once = sinks.iter().any(|sink| classes[sink.destination] == Class::Plain);
    let (capacity, transaction) = if long { (400, 100) } else { (dice.between(3, 7), dice.between(1, 3)) };
    ChannelPlan { capacity, transaction, sinks, log: Arc::default(), at_least_once, ordered: count == 1 }
}
