//! What must hold: nothing lost, nothing twice where that is promised, nothing torn, order, and marks that claim no
//! more than their destination has.
use super::destination::Class;
use super::input::file_of;
use super::world::World;

impl World {
    /// Checks the end of a history, after everything was drained.
    pub fn judge(&mut self) {
        let faults = (0..self.files.len()).filter_map(|file| self.judge_file(file).err()).collect::<Vec<_>>();
        let order = (0..self.channels.len()).filter_map(|channel| self.judge_order(channel).err());
        let all: Vec<String> = faults.into_iter().chain(order).collect();
        all.into_iter().for_each(|fault| self.fail(fault));
        self.check_channels(true);
    }

    /// Invariants that hold at every moment.
    pub fn check_channels(&mut self, drained: bool) {
        let pipes = self.run.iter().flat_map(|run| &run.pipes);
        let fault = pipes.filter_map(|pipe| pipe.check(drained).err()).next();
        if let Some(fault) = fault {
            self.fail(fault);
        }
    }

    fn judge_file(&self, file: usize) -> Result<(), String> {
        let input = &self.files[file];
        let plan = &self.sources[input.source];
        let rules = &plan.rules[..self.versions_seen[file].min(plan.rules.len())];
        let counts: Vec<Vec<u32>> =
            plan.channels.iter().map(|channel| self.counts(*channel, file)).collect::<Result<_, _>>()?;
        for line in &input.lines {
            for (bit, channel) in plan.channels.iter().enumerate() {
                let (count, bit) = (counts[bit][line.from as usize], 1u64 << bit);
                let at = || format!("f{file} {}..{} at c{channel}", line.from, line.to);
                let promised = rules[0].optional & bit == 0 && self.begins(*channel, file, line.from);
                if promised && count == 0 && rules.iter().all(|rule| rule.reaches(line.record) & bit != 0) {
                    return Err(format!("lost: {}", at()));
                }
                if count > 0 && rules.iter().all(|rule| rule.reaches(line.record) & bit == 0) {
                    return Err(format!("misrouted: {}", at()));
                }
                if count > 1 && !self.may_repeat(*channel, file, line.from) {
                    return Err(format!("{count} times: {}", at()));
                }
            }
            let reached = |rule: &super::input::Rule| {
                plan.channels.iter().enumerate().all(|(bit, channel)| {
                    let wanted = rule.reaches(line.record) & !rule.optional & (1 << bit) != 0;
                    !wanted || counts[bit][line.from as usize] > 0 || !self.begins(*channel, file, line.from)
                })
            };
            if !rules.iter().any(reached) {
                return Err(format!("lost by rerouting: f{file} {}..{}", line.from, line.to));
            }
        }
        self.judge_marks(file)
    }

    /// Whether the channel owes this position: it may have joined later (C2).
    fn begins(&self, channel: usize, file: usize, at: u64) -> bool {
        self.joined[channel][file].is_some_and(|joined| joined <= at)
    }

    fn may_repeat(&self, channel: usize, file: usize, at: u64) -> bool {
        self.channels[channel].at_least_once
            || self.twice[file].iter().any(|(low, high)| (*low..*high).contains(&at))
    }

    /// How often each position of a file arrived through a channel; an error if an event's borders are wrong.
    fn counts(&self, channel: usize, file: usize) -> Result<Vec<u32>, String> {
        let input = &self.files[file];
        let mut counts = vec![0; input.end() as usize];
        let items = self.stores[channel].iter().flat_map(|store| &store.data);
        for item in items.filter(|item| file_of(item.stream) == file) {
            let inside: Vec<_> =
                input.lines.iter().filter(|line| item.from < line.to && line.from < item.to).collect();
            let border = |at: u64| {
                let first = input.lines.iter().find(|line| line.from == at).is_none_or(|line| line.first);
                first || input.silences.contains(&at)
            };
            let whole = inside.first().is_some_and(|line| line.from == item.from)
                && inside.last().is_some_and(|line| line.to == item.to)
                && inside.iter().all(|line| line.record == inside[0].record);
            if !whole || !border(item.from) || !border(item.to) {
                return Err(format!("torn: f{file} {}..{} at c{channel}", item.from, item.to));
            }
            counts[item.from as usize..item.to as usize].iter_mut().for_each(|count| *count += 1);
        }
        Ok(counts)
    }

    /// After everything was drained, marks cover all that was read (P1).
    fn judge_marks(&self, file: usize) -> Result<(), String> {
        let Some(run) = &self.run else { return Ok(()) };
        let Some(reader) = &run.readers[file] else { return Ok(()) };
        let plan = &self.sources[self.files[file].source];
        let required =
            plan.channels.iter().enumerate().filter(|(bit, _)| plan.rules[0].optional & (1 << bit) == 0);
        for (_, channel) in required {
            let low = run.pipes[*channel].settled_low(reader.stream.id);
            if low < self.files[file].end() {
                return Err(format!("the mark of f{file} at c{channel} stays at {low}"));
            }
        }
        Ok(())
    }

    /// D7: order per stream where one sink drains the channel.
    fn judge_order(&self, channel: usize) -> Result<(), String> {
        let plan = &self.channels[channel];
        if !plan.ordered || plan.at_least_once {
            return Ok(());
        }
        for store in &self.stores[channel] {
            for file in 0..self.files.len() {
                let starts =
                    store.data.iter().filter(|item| file_of(item.stream) == file).map(|item| item.from);
                if !starts.is_sorted() {
                    return Err(format!("disorder: f{file} at c{channel}"));
                }
            }
        }
        Ok(())
    }

    /// A destination's record claims nothing that the destination lacks.
    pub fn check_claims(&mut self, channel: usize, destination: usize) {
        let store = &self.stores[channel][destination];
        if store.class == Class::Plain || self.shared.has(super::bug::Bug::HighWaterInsteadOfRanges) {
            return;
        }
        let mut fault = None;
        for (stream, record) in store.claims() {
            let file = file_of(stream);
            let input = &self.files[file];
            let plan = &self.sources[input.source];
            let Some(bit) = plan.channels.iter().position(|c| *c == channel) else { continue };
            let owed = |record: u8| {
                let all =
                    |rule: &super::input::Rule| (rule.reaches(record) & !rule.optional) & (1 << bit) != 0;
                plan.rules.iter().all(all)
            };
            for line in input.lines.iter().filter(|line| record.mark.contains(line.from)) {
                let there = store
                    .data
                    .iter()
                    .any(|item| item.stream == stream && item.from <= line.from && line.to <= item.to);
                if owed(line.record) && self.begins(channel, file, line.from) && !there {
                    fault = Some(format!(
                        "d{destination} claims f{file} {}..{} of c{channel}",
                        line.from, line.to
                    ));
                }
            }
        }
        if let Some(fault) = fault {
            self.fail(fault);
        }
    }
}
