//! The wire between a client and a broker, which a test cuts, holds and slows.
//!
//! Why no firewall: it needs no rights, and it can end a connection in the middle of a message.
//! Shape: two threads per connection, one for each direction. The address stays the same for as long as it lives,
//! whatever happens to the broker. Requests of Kafka are `[length i32][key i16]…`; the wire knows where they begin.
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The request that ends a transaction.
pub const END_TXN: i16 = 26;

/// How often a direction looks up.
const LOOK: Duration = Duration::from_millis(5);
const NEVER: i32 = -1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Open,
    /// Nothing passes; connections stay.
    Held,
    /// Some KiB each look.
    Slow,
    /// What the broker says is swallowed.
    Deaf,
    /// Of what comes next half passes, then the connection ends; then it is open.
    Half,
}

struct Shared {
    target: Mutex<String>,
    mode: Mutex<Mode>,
    /// Connections of an older number end.
    cut: AtomicU64,
    /// The broker's answers are swallowed from this request on.
    deaf_at: AtomicI32,
    ended: AtomicBool,
}

/// See the module.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    pub fn new() -> Proxy {
        Proxy::at("127.0.0.1")
    }

    /// One at another address of this machine.
    pub fn at(host: &str) -> Proxy {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: Mutex::default(),
            mode: Mutex::new(Mode::Open),
            cut: AtomicU64::new(0),
            deaf_at: AtomicI32::new(NEVER),
            ended: AtomicBool::new(false),
        });
        let theirs = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if theirs.ended.load(SeqCst) {
                    return;
                }
                connect(client, &theirs);
            }
        });
        Proxy { address, shared }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Where connections go from now on.
    pub fn lead_to(&self, target: &str) {
        *self.shared.target.lock().unwrap() = target.to_string();
    }

    pub fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
    }

    pub fn mode(&self) -> Mode {
        *self.shared.mode.lock().unwrap()
    }

    /// Resets every connection.
    pub fn cut(&self) {
        self.shared.cut.fetch_add(1, SeqCst);
    }

    /// The next request of this key reaches the broker, and nothing of its answers comes back.
    pub fn deaf_at(&self, key: i16) {
        self.shared.deaf_at.store(i32::from(key), SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        // Its listener wakes and goes.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(client: TcpStream, shared: &Arc<Shared>) {
    let target = shared.target.lock().unwrap().clone();
    // Nobody there: the client's connection ends.
    let Ok(broker) = TcpStream::connect(target) else { return };
    let number = shared.cut.load(SeqCst);
    for (from, to, is_request) in [(&client, &broker, true), (&broker, &client, false)] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let direction =
            Direction { from, to, shared: shared.clone(), number, frames: Frames::default(), is_request };
        thread::spawn(move || direction.run());
    }
}

struct Direction {
    from: TcpStream,
    to: TcpStream,
    shared: Arc<Shared>,
    number: u64,
    frames: Frames,
    is_request: bool,
}

impl Direction {
    fn run(mut self) {
        self.from.set_read_timeout(Some(LOOK)).unwrap();
        let mut buffer = vec![0; 64 << 10];
        while !self.is_over() {
            match self.from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) if !self.pass(&buffer[..count]) => break,
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        for stream in [&self.from, &self.to] {
            reset(stream);
        }
    }

    fn is_over(&self) -> bool {
        self.shared.ended.load(SeqCst) || self.shared.cut.load(SeqCst) != self.number
    }

    /// Whether the connection goes on.
    fn pass(&mut self, bytes: &[u8]) -> bool {
        let wanted = self.shared.deaf_at.load(SeqCst);
        if self.is_request && self.frames.keys(bytes).any(|key| i32::from(key) == wanted) {
            self.shared.deaf_at.store(NEVER, SeqCst);
            *self.shared.mode.lock().unwrap() = Mode::Deaf;
        }
        loop {
            let mode = *self.shared.mode.lock().unwrap();
            match mode {
                Mode::Held if self.is_over() => return false,
                Mode::Held => thread::park_timeout(LOOK),
                Mode::Deaf if !self.is_request => return true,
                Mode::Open | Mode::Deaf => return self.to.write_all(bytes).is_ok(),
                Mode::Slow => {
                    return bytes.chunks(4 << 10).all(|piece| {
                        thread::park_timeout(LOOK);
                        self.to.write_all(piece).is_ok()
                    });
                }
                Mode::Half => {
                    *self.shared.mode.lock().unwrap() = Mode::Open;
                    let _ = self.to.write_all(&bytes[..bytes.len() / 2]);
                    return false;
                }
            }
        }
    }
}

/// Its end is an RST: what was not read is lost, as by a broken wire.
fn reset(stream: &TcpStream) {
    let abort = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    // The other direction may have been first.
    let _ = nix::sys::socket::setsockopt(stream, nix::sys::socket::sockopt::Linger, &abort);
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

/// Where requests begin in a stream of bytes.
#[derive(Default)]
struct Frames {
    /// Of the frame that comes: length and key.
    head: Vec<u8>,
    left: usize,
}

impl Frames {
    fn keys(&mut self, bytes: &[u8]) -> impl Iterator<Item = i16> {
        let (mut keys, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let skipped = self.left.min(rest.len());
            self.left -= skipped;
            rest = &rest[skipped..];
            let taken = (6 - self.head.len()).min(rest.len());
            self.head.extend(&rest[..taken]);
            rest = &rest[taken..];
            if self.head.len() == 6 {
                let head = std::mem::take(&mut self.head);
                self.left = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize - 2;
                keys.push(i16::from_be_bytes([head[4], head[5]]));
            }
        }
        keys.into_iter()
    }
}

#[test]
fn requests_are_found_in_pieces_of_any_size() {
    let frame = |key: i16, length: usize| -> Vec<u8> {
        let head = [(length as u32 + 2).to_be_bytes().to_vec(), key.to_be_bytes().to_vec()].concat();
        [head, vec![7; length]].concat()
    };
    let stream = [frame(3, 0), frame(26, 10), frame(0, 100)].concat();
    for size in [1, 2, 5, 7, 1000] {
        let mut frames = Frames::default();
        let found: Vec<i16> =
            stream.chunks(size).flat_map(|piece| frames.keys(piece).collect::<Vec<_>>()).collect();
        assert_eq!(found, [3, 26, 0], "{size}");
    }
}
