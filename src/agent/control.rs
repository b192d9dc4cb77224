//! The control socket: `RUNTIME/control.sock`, one question per connection, the answer as JSON.
//!
//! Shape: the client connects, sends `status\n`, reads to the end.
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::status::{Status, Watched};
use crate::flow::Stop;

const PATIENCE: Duration = Duration::from_secs(5);

/// Where the socket of an instance lies.
pub fn socket(runtime_dir: &Path) -> PathBuf {
    runtime_dir.join("control.sock")
}

/// Opens the socket; one that a killed agent left behind is replaced.
pub fn listen(runtime_dir: &Path) -> io::Result<UnixListener> {
    fs::create_dir_all(runtime_dir)?;
    let path = socket(runtime_dir);
    if UnixStream::connect(&path).is_err() {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o660))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Answers until stopped, then takes the socket away.
pub fn serve(listener: UnixListener, runtime_dir: PathBuf, watched: Arc<Watched>, stop: Stop) {
    use std::os::fd::AsFd;
    while !stop.is_told() {
        let mut fds =
            [PollFd::new(listener.as_fd(), PollFlags::POLLIN), PollFd::new(stop.fd(), PollFlags::POLLIN)];
        // An interrupted poll is looked at like any other.
        let _ = poll(&mut fds, PollTimeout::NONE);
        while let Ok((stream, _)) = listener.accept() {
            if let Err(error) = answer(stream, &watched) {
                log::debug!("a status question was not answered: {error}");
            }
        }
    }
    // The directory may be gone already, with all that was in it.
    let _ = fs::remove_file(socket(&runtime_dir));
}

fn answer(stream: UnixStream, watched: &Watched) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = String::new();
    BufReader::new((&stream).take(64)).read_line(&mut question)?;
    let answer = match question.trim() {
        "status" => serde_json::to_vec(&watched.snapshot())?,
        _ => br#"{"error":"the questions are: status"}"#.to_vec(),
    };
    (&stream).write_all(&answer)
}

/// Asks a running agent for its status.
pub fn ask(runtime_dir: &Path) -> io::Result<Status> {
    let mut stream = UnixStream::connect(socket(runtime_dir))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"status\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}
