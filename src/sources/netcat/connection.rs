//! The sockets of a netcat source: accepts, reads lines, hands them to the source's thread and writes the answers.
//!
//! A connection has one request under way: until it is answered nothing more is read from it, so that a full channel
//! stops its peers. Told to stop, it still writes the answer it owes.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::lines::Lines;
use super::wire::Wire;
use crate::flow::{Counter, Pulse};

/// What connections need to know.
pub struct Settings {
    pub wire: Wire,
    pub max_line: usize,
    pub ack: bool,
}

impl Settings {
    /// The answer to one line, in Flume's words.
    fn say(&self, answer: &Answer, text: &mut String) {
        match answer {
            Ok(()) if self.ack => text.push_str("OK\n"),
            Ok(()) => {}
            Err(why) => {
                text.push_str("FAILED: ");
                text.push_str(why);
                text.push('\n');
            }
        }
    }
}

/// Bytes of one read: all lines in it are put together.
const READ: usize = 64 << 10;

/// Lines that arrived together.
pub struct Request {
    pub lines: Vec<String>,
    pub reply: oneshot::Sender<Vec<Answer>>,
}

/// What a line is told: accepted, or why not.
pub type Answer = Result<(), Arc<str>>;

/// What the connections of one source share.
#[derive(Clone)]
pub struct Shared {
    pub settings: Arc<Settings>,
    pub requests: mpsc::Sender<Request>,
    /// Closed when the source stops.
    pub stop: watch::Receiver<()>,
    pub pulse: Arc<Pulse>,
    pub open: Arc<AtomicU64>,
}

/// Accepts until told to stop, then waits for the connections to end.
pub async fn accept(listener: TcpListener, mut shared: Shared) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = shared.stop.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(serve(socket, shared.clone()));
                }
                Err(error) => {
                    // Out of descriptors, mostly: others must end before the next can be accepted.
                    if shared.pulse.failing(&format!("cannot accept a connection: {error}")) {
                        log::warn!(component = &*shared.pulse.name; "cannot accept a connection: {error}");
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn serve(socket: TcpStream, shared: Shared) {
    shared.pulse.set(Counter::Connections, shared.open.fetch_add(1, Relaxed) + 1);
    // A connection that breaks ends; its peer has no answer for what was not accepted.
    let _ = talk(socket, &shared).await;
    shared.pulse.set(Counter::Connections, shared.open.fetch_sub(1, Relaxed) - 1);
}

async fn talk(mut socket: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let settings = &shared.settings;
    let mut lines = Lines::new(settings.wire, settings.max_line);
    let mut stop = shared.stop.clone();
    let mut buffer = vec![0; READ];
    let mut first = true;
    loop {
        let count = tokio::select! {
            _ = stop.changed() => return Ok(()),
            count = socket.read(&mut buffer) => count?,
        };
        if count == 0 {
            // What has no newline yet is dropped, as in Flume.
            return Ok(());
        }
        let read = lines.push(&buffer[..count]);
        let mut text = String::new();
        if !read.lines.is_empty() {
            let (reply, answers) = oneshot::channel();
            if shared.requests.send(Request { lines: read.lines, reply }).await.is_err() {
                return Ok(());
            }
            // Without an answer the source has stopped: nothing is owed for what was not accepted.
            let Ok(answers) = answers.await else { return Ok(()) };
            answers.iter().for_each(|answer| settings.say(answer, &mut text));
        }
        if read.too_long {
            let most = settings.max_line;
            let what = format!("Event exceeds the maximum length ({most} chars, including newline)");
            settings.say(&Err(what.into()), &mut text);
        }
        socket.write_all(&settings.wire.encode(&text, first)).await?;
        first &= text.is_empty();
        if read.too_long {
            return socket.shutdown().await;
        }
    }
}
