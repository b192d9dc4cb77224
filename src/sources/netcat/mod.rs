//! Listens on a TCP port; each line is an event, and is answered.
//!
//! Shape: connections run on the shared runtime and hand the lines of one read to the source's own thread, which puts
//! what all connections have brought as one batch, waits until the channels hold it (P4), and answers line by line:
//! `OK`, or `FAILED: ` and why. So one fdatasync of a file channel serves all peers. Where there is no room for all,
//! each line is tried by itself.
//! A line that an interceptor drops, or that goes to no channel, is answered `OK`, as in Flume. Lines are socket
//! events: what was not answered may come again.
//! Truth: Flume 1.11 `NetcatSource`, and what it was seen to answer.
mod connection;
mod lines;
mod wire;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use self::connection::{Answer, Request, Settings, Shared, accept};
use self::wire::Wire;
use crate::config::{At, Build, Field, Refusal, Spec, Unit};
use crate::event::Builder;
use crate::flow::{
    Fatal, Input, Kind, Limit, Outlet, Prepared, Pulse, PutError, Receipt, Source, Stop, Wait,
};
use crate::sys;

const BIND: Field = Field::text("bind").required().doc("address or host name to listen on");
const PORT: Field = Field::int("port", 0, 65_535).required().doc("TCP port; 0: any that is free");
const ACK: Field =
    Field::flag("ack-every-event").default("true").doc("whether accepted lines are answered `OK`");
const MAX_LINE: Field = Field::int("max-line-length", 1, 1 << 30)
    .unit(Unit::Chars)
    .default("512")
    .doc("the longest line, its newline included; a longer one is refused and ends the connection");
const ENCODING: Field =
    Field::charset("encoding").default("utf-8").doc("what peers write in; bodies are UTF-8 whatever it is");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "netcat",
    class: "org.apache.flume.source.NetcatSource",
    aliases: &[],
    summary: "takes lines from TCP connections",
    fields: &[&[BIND, PORT, ACK, MAX_LINE, ENCODING]],
    build: Build::Source(build),
};

/// How long a file channel may take to hold a batch before its peers are told that it failed.
const HELD_WITHIN: Duration = Duration::from_secs(60);
/// How long connections may take to write their last answers when the source stops.
const FAREWELL: Duration = Duration::from_secs(1);
/// Requests that wait for their turn; connections beyond it wait to hand theirs over.
const WAITING: usize = 256;
/// What one put carries at most, so that answers do not wait for long.
const AT_ONCE: Limit = Limit { events: 1000, bytes: 1 << 20 };
/// Flume's words for a full channel.
const FULL: &str = "Space for commit to queue couldn't be acquired. Sinks are likely not keeping up with sources, or the buffer size is too tight";

fn build(at: &At) -> Result<Box<dyn Source>, Refusal> {
    let name = at.text(&ENCODING);
    let wire =
        Wire::named(name).ok_or_else(|| Refusal::at(&ENCODING, format!("there is no charset `{name}`")))?;
    let settings = Settings { wire, max_line: at.count(&MAX_LINE), ack: at.flag(&ACK) };
    let port = u16::try_from(at.int(&PORT)).expect("checked: within the field's bounds");
    let pulse = at.pulse.clone();
    Ok(Box::new(Netcat { bind: at.text(&BIND).into(), port, settings: Arc::new(settings), pulse }))
}

struct Netcat {
    bind: String,
    port: u16,
    settings: Arc<Settings>,
    pulse: Arc<Pulse>,
}

impl Netcat {
    fn listen(&self) -> Result<TcpListener, Fatal> {
        let doing = || format!("cannot listen on `{}:{}`", self.bind, self.port);
        let bound = sys::runtime().and_then(|runtime| {
            let listener =
                runtime.block_on(tokio::net::TcpListener::bind((self.bind.as_str(), self.port)))?;
            listener.into_std()
        });
        bound.map_err(|error| Fatal::io(doing(), error))
    }

    fn serve(&self, listener: TcpListener, out: &Outlet, stop: &Stop) -> io::Result<()> {
        let runtime = sys::runtime()?;
        let (requests, mut waiting) = mpsc::channel(WAITING);
        let (told, until) = watch::channel(());
        let (settings, pulse) = (self.settings.clone(), self.pulse.clone());
        let shared = Shared { settings, requests, stop: until, pulse, open: Arc::default() };
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let mut accepting = runtime.spawn(accept(listener, shared));
        let putter = Putter { out, stop, ack: self.settings.ack };
        let waits = stop.clone();
        let mut stopped = runtime.spawn_blocking(move || while !waits.wait(Duration::from_secs(3600)) {});
        runtime.block_on(async {
            loop {
                let idle = out.pulse().wait(Wait::Input, "lines");
                let request = tokio::select! {
                    _ = &mut stopped => break,
                    request = waiting.recv() => request,
                };
                drop(idle);
                let Some(first) = request else { break };
                putter.put(first, &mut waiting);
            }
            drop((told, waiting));
            if tokio::time::timeout(FAREWELL, &mut accepting).await.is_err() {
                accepting.abort();
            }
        });
        Ok(())
    }
}

impl Source for Netcat {
    fn input(&self) -> Input {
        if self.settings.ack { Input::Answered } else { Input::Once }
    }

    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        let listener = self.listen()?;
        if let Ok(address) = listener.local_addr() {
            log::info!(component = out.source(); "listens on {address}");
        }
        let doing = || format!("cannot serve `{}:{}`", self.bind, self.port);
        self.serve(listener, out, stop).map_err(|error| Fatal::io(doing(), error))
    }
}

/// Puts what the connections bring.
struct Putter<'a> {
    out: &'a Outlet,
    stop: &'a Stop,
    ack: bool,
}

impl Putter<'_> {
    /// Puts this request together with those that wait behind it, and answers them.
    fn put(&self, first: Request, waiting: &mut mpsc::Receiver<Request>) {
        let mut requests = vec![first];
        let mut count = requests[0].lines.len();
        while count < AT_ONCE.events {
            let Ok(next) = waiting.try_recv() else { break };
            count += next.lines.len();
            requests.push(next);
        }
        let lines: Vec<&str> = requests.iter().flat_map(|r| r.lines.iter().map(String::as_str)).collect();
        let Some(mut answers) = self.put_lines(&lines) else { return };
        for request in requests {
            let own = answers.drain(..request.lines.len()).collect();
            // The peer may have gone meanwhile.
            let _ = request.reply.send(own);
        }
    }

    /// One answer for each line; `None`: the agent stops, and nobody is answered.
    fn put_lines(&self, lines: &[&str]) -> Option<Vec<Answer>> {
        let mut answers = vec![Ok(()); lines.len()];
        let mut from = 0;
        while from < lines.len() {
            let to = from + self.fitting(&lines[from..]);
            let mut builder = Builder::default();
            // The range tells the line, also when interceptors have dropped others.
            (from..to).for_each(|line| {
                builder.push(lines[line].as_bytes(), line as u64..line as u64 + 1);
            });
            self.put_prepared(self.out.prepare(builder.finish(None)), &mut answers, from..to)?;
            from = to;
        }
        Some(answers)
    }

    /// How many lines from the front one transaction takes.
    fn fitting(&self, lines: &[&str]) -> usize {
        let most = self.out.transaction();
        let (events, bytes) = (most.events.min(AT_ONCE.events), most.bytes.min(AT_ONCE.bytes));
        let mut sum = 0;
        let fits = |line: &&&str| {
            sum += line.len();
            sum <= bytes
        };
        lines.iter().take(events).take_while(fits).count().max(1)
    }

    fn put_prepared(
        &self,
        all: Prepared,
        answers: &mut [Answer],
        lines: std::ops::Range<usize>,
    ) -> Option<()> {
        match self.out.put_prepared(all, self.stop) {
            Ok(receipt) => self.held(receipt).err().into_iter().for_each(|why| {
                answers[lines.clone()].fill(Err(why));
            }),
            Err(PutError::Full(rest)) if rest.batch().len() > 1 => {
                for one in rest.singly() {
                    let line = line_of(&one);
                    self.put_prepared(one, answers, line..line + 1)?;
                }
            }
            Err(PutError::Full(rest)) => answers[line_of(&rest)] = Err(FULL.into()),
            Err(PutError::Closed) => return None,
            Err(PutError::Broken(error)) => answers[lines].fill(Err(error.to_string().into())),
            Err(PutError::Gap { .. }) => unreachable!("lines carry no span"),
        }
        Some(())
    }

    /// P4: an `OK` is owed only once the channels hold the line.
    fn held(&self, receipt: Receipt) -> Answer {
        if !self.ack {
            receipt.forget();
            return Ok(());
        }
        let _waiting = self.out.pulse().wait(Wait::Disk, "the channels to hold what came");
        if receipt.wait_unless(self.stop, HELD_WITHIN, FAREWELL) {
            Ok(())
        } else {
            Err("the channel could not keep the event".into())
        }
    }
}

/// The line of a batch of one.
fn line_of(one: &Prepared) -> usize {
    one.batch().rows().first().map_or(0, |row| row.from as usize)
}
