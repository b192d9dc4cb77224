//! What the sources of a run do: read files, put, go back; and one that cannot read again.
use super::*;

impl Life {
    fn wiring(&self, source: &'static str) -> Wiring {
        Wiring {
            source: source.into(),
            pulse: Pulse::new(Kind::Source, source, source),
            channels: vec![self.channel.clone()],
            selector: Box::new(Everything),
            interceptors: vec![Box::new(Everything)],
            fingerprint: 1,
            sources: vec![TAIL.into(), NET.into()],
            from_start: false,
            input: crate::flow::Input::Again,
            until_drained: false,
        }
    }

    fn outlet(&self, source: &'static str) -> Option<Outlet> {
        if self.channel.awaits_reports(source, 1) {
            return None;
        }
        STOP.with(|stop| Outlet::open(self.wiring(source), stop)).ok().flatten().filter(|_| !self.is_down())
    }

    /// The tailing source starts, begins a file, or puts; or the other one puts.
    pub fn source_step(&self) {
        if self.is_down() {
            return;
        }
        if self.world.chance(0.3) {
            return self.put_own();
        }
        let Ok(mut tail) = self.tail.try_borrow_mut() else { return };
        if self.back.get() && (self.world.draining.get() || self.world.chance(0.6)) {
            self.world.say(|| "the source goes back".into());
            (*tail, _) = (Tail::default(), self.back.set(false));
        }
        if tail.outlet.is_none() {
            tail.outlet = self.outlet(TAIL);
            if tail.outlet.is_some() {
                self.resume(&mut tail);
            }
            return;
        }
        let file = self.world.below(self.world.inputs.borrow().len() as u64) as usize;
        self.read(&mut tail, file);
    }

    /// S7: goes on with every file that is known.
    fn resume(&self, tail: &mut Tail) {
        let Tail { outlet: Some(outlet), readers } = tail else { return };
        for known in outlet.known() {
            let Some(file) = known.attributes.number("file").map(|file| file as usize) else {
                self.world.fail(format!("nobody can tell what stream {:?} is", known.id));
                return;
            };
            if self.world.inputs.borrow()[file].gone {
                let _ = outlet.retire(known.id);
                continue;
            }
            let Ok(resume) = outlet.resume(&known, attributes_of(file)) else { return };
            self.world.say(|| {
                format!("file {file} resumes at {} cuts {:?} as {:?}", resume.from, resume.cuts, known.id)
            });
            let mut cuts = resume.cuts;
            if self.world.tricks(Trick::CutsForgotten) {
                cuts.clear();
            }
            let reader = Reader { stream: resume.stream, from: resume.from, cuts, pending: None };
            readers.insert(file, reader);
        }
    }

    fn read(&self, tail: &mut Tail, file: usize) {
        let Tail { outlet: Some(outlet), readers } = tail else { return };
        if self.world.inputs.borrow()[file].gone {
            return;
        }
        let Some(reader) = readers.get_mut(&file) else {
            if let Ok(resume) = outlet.begin(attributes_of(file), 0) {
                self.world.say(|| format!("file {file} begins as {:?}", resume.stream.id));
                let reader = Reader { stream: resume.stream, from: 0, cuts: resume.cuts, pending: None };
                readers.insert(file, reader);
            }
            return;
        };
        let (most, silence) = (1 + self.world.below(9) as usize, self.world.chance(0.3));
        let Some((prepared, to)) = reader.pending.take().or_else(|| {
            let inputs = self.world.inputs.borrow();
            let records = inputs[file].read(reader.from, &reader.cuts, most, silence);
            let to = records.last()?.end;
            Some((outlet.prepare(inputs[file].batch(&reader.stream, &records)), to))
        }) else {
            return;
        };
        let put = STOP.with(|stop| outlet.put_prepared(prepared, stop));
        self.world.say(|| format!("file {file}: put {}..{to}: {}", reader.from, told(&put)));
        match put {
            Ok(receipt) => {
                receipt.forget();
                reader.from = to;
            }
            Err(PutError::Full(rest)) => reader.pending = Some((*rest, to)),
            Err(PutError::Gap { .. }) => {
                (reader.from, reader.cuts) = outlet.resumes_at(reader.stream.id);
                if self.world.tricks(Trick::CutsForgotten) {
                    reader.cuts.clear();
                }
            }
            Err(PutError::Closed | PutError::Broken(_)) => {}
        }
    }

    fn put_own(&self) {
        let Ok(mut net) = self.net.try_borrow_mut() else { return };
        if net.is_none() {
            *net = self.outlet(NET);
        }
        let Some(outlet) = &*net else { return };
        if self.world.draining.get() {
            return;
        }
        let (batch, numbers) = self.world.own.borrow_mut().batch(1 + self.world.below(6) as usize);
        let put = STOP.with(|stop| outlet.put(batch, stop));
        self.world.say(|| format!("own {numbers:?}: {}", told(&put)));
        let mut own = self.world.own.borrow_mut();
        if let Ok(receipt) = put {
            if self.world.tricks(Trick::AnswersAtPut) {
                own.acked.extend(numbers.clone());
            }
            own.receipts.push((receipt, numbers));
        }
    }
}
