//! Watching directories: inotify where it works, and the word that it does not where it does not.
//!
//! Why directories and not files: one watch covers 10,000 quiet files. Truth: `inotify(7)`.
//! Invariants: what was changed after `add` returned is reported, or `Change::Lost` is.
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

/// Something changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// The content of a file in the directory.
    Content { dir: usize, name: OsString },
    /// A name came or went.
    Names { dir: usize, name: OsString },
    /// The directory itself was removed or renamed; it must be added anew.
    Gone { dir: usize },
    /// The queue overflowed: look at everything.
    Lost,
}

/// Watches directories, each under a number of the caller's.
pub struct Watcher {
    inotify: Option<Inotify>,
    dirs: Vec<(WatchDescriptor, usize)>,
    buffer: Box<[u8]>,
}

impl Watcher {
    /// A watcher; without inotify (no instance left) one that never reports anything.
    pub fn new() -> (Watcher, Option<io::Error>) {
        let (inotify, error) = match Inotify::init() {
            Ok(inotify) => (Some(inotify), None),
            Err(error) => (None, Some(error)),
        };
        (Watcher { inotify, dirs: Vec::new(), buffer: vec![0; 8 << 10].into() }, error)
    }

    /// Watches a directory.
    pub fn add(&mut self, path: &Path, dir: usize) -> io::Result<()> {
        let Some(inotify) = &self.inotify else { return Err(io::ErrorKind::Unsupported.into()) };
        let mask = WatchMask::CREATE
            | WatchMask::MODIFY
            | WatchMask::CLOSE_WRITE
            | WatchMask::MOVE
            | WatchMask::DELETE
            | WatchMask::ATTRIB
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        let watch = inotify.watches().add(path, mask)?;
        self.dirs.retain(|(known, number)| *number != dir && *known != watch);
        self.dirs.push((watch, dir));
        Ok(())
    }

    /// Waits for a change, for `other` to become readable, or for `time`.
    pub fn wait(&self, other: BorrowedFd<'_>, time: Option<Duration>) {
        let mut fds = vec![PollFd::new(other, PollFlags::POLLIN)];
        if let Some(inotify) = &self.inotify {
            fds.push(PollFd::new(inotify.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut fds, super::poll::timeout(time)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => log::warn!("cannot poll for changes: {error}"),
        }
    }

    /// Hands over all changes reported so far; equal ones in a row are one.
    pub fn changes(&mut self, mut tell: impl FnMut(Change)) {
        let Some(inotify) = &mut self.inotify else { return };
        loop {
            let Ok(events) = inotify.read_events(&mut self.buffer) else { return };
            let (mut any, mut last) = (false, None);
            for event in events {
                any = true;
                let change = describe(&self.dirs, &event.wd, event.mask, event.name);
                if change.is_some() && change != last {
                    if let Some(change) = last.take() {
                        tell(change);
                    }
                    last = change;
                }
            }
            if let Some(change) = last {
                tell(change);
            }
            if !any {
                return;
            }
        }
    }
}

fn describe(
    dirs: &[(WatchDescriptor, usize)],
    watch: &WatchDescriptor,
    mask: EventMask,
    name: Option<&OsStr>,
) -> Option<Change> {
    if mask.contains(EventMask::Q_OVERFLOW) {
        return Some(Change::Lost);
    }
    let dir = dirs.iter().find(|(known, _)| known == watch)?.1;
    let own = EventMask::DELETE_SELF | EventMask::MOVE_SELF | EventMask::UNMOUNT;
    if mask.intersects(own) {
        return Some(Change::Gone { dir });
    }
    let name = name?.to_os_string();
    let names = EventMask::CREATE | EventMask::MOVED_FROM | EventMask::MOVED_TO | EventMask::DELETE;
    let content = EventMask::MODIFY | EventMask::CLOSE_WRITE | EventMask::ATTRIB;
    if mask.intersects(names) {
        Some(Change::Names { dir, name })
    } else {
        mask.intersects(content).then_some(Change::Content { dir, name })
    }
}

/// Whether changes by other hosts may go unnoticed by inotify there.
pub fn is_remote(path: &Path) -> bool {
    // NFS, SMB, CIFS, SMB2, FUSE, 9p, AFS, Ceph, Lustre, GPFS, OCFS2, Coda: `statfs(2)`, linux/magic.h.
    const REMOTE: [i64; 12] = [
        0x6969,
        0x517B,
        0xFF53_4D42,
        0xFE53_4D42,
        0x6573_5546,
        0x0102_1997,
        0x5346_414F,
        0x00C3_6400,
        0x0BD0_0BD0,
        0x4750_4653,
        0x7461_636F,
        0x7375_7245,
    ];
    nix::sys::statfs::statfs(path).is_ok_and(|fs| REMOTE.contains(&fs.filesystem_type().0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_by_name_and_equal_ones_once() {
        let dir = tempfile::tempdir().unwrap();
        let (mut watcher, error) = Watcher::new();
        assert!(error.is_none());
        watcher.add(dir.path(), 7).unwrap();
        std::fs::write(dir.path().join("a"), "x").unwrap();
        let (stop, _keep) = nix::unistd::pipe().unwrap();
        watcher.wait(stop.as_fd(), Some(Duration::from_secs(5)));
        let mut seen = Vec::new();
        watcher.changes(|change| seen.push(change));
        assert_eq!(seen[0], Change::Names { dir: 7, name: "a".into() });
        assert!(seen.contains(&Change::Content { dir: 7, name: "a".into() }));
        assert!(!is_remote(dir.path()));
    }
}
