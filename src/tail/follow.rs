//! One file that is followed: its path, its face, its reader, and the descriptor while it is needed.
//!
//! Why the descriptor may be closed: 10,000 quiet files must not hold 10,000 descriptors. It stays open while there is
//! something unread or held, so that what was renamed or deleted meanwhile can still be read to its end.
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::desk::{Desk, Doing, Halt};
use super::identity::{Face, Inode};
use super::leaving::Leaving;
use super::listing::Key;
use super::memory::{Claim, Memory};
use super::reader::{Reader, Step};
use super::times::Times;
use crate::codec::records::{Close, Framing};
use crate::event::Headers;
use crate::flow::{Counter, Known, Resume};
use crate::sys;

/// Chunks of one turn: other files wait for at most this much.
const TURN: u32 = 64;

/// One followed file.
pub struct Followed {
    pub path: Arc<Path>,
    pub face: Face,
    pub reader: Reader,
    file: Option<File>,
    /// Bytes at the end that wait for their terminator.
    pub held: u64,
    /// Length when last looked at.
    pub size: u64,
    /// When bytes last came.
    pub moved: Instant,
    /// Bytes of the head that the stream's attributes tell of.
    described: usize,
    /// Silence has closed what it could since bytes last came.
    silenced: bool,
}

/// What a turn came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// There may be more.
    More,
    /// All that is there was put, but for what is held.
    Quiet,
    /// Emptied or refilled: another generation stands in this file.
    Truncated,
    /// The name leads to another file now, and the descriptor was closed.
    Replaced,
    Undecodable,
}

/// How files of a source are read.
#[derive(Clone)]
pub struct Manner {
    pub framing: Arc<Framing>,
    pub headers: Arc<Headers>,
    /// Headers with the file's absolute path and with its name.
    pub file_header: Option<String>,
    pub name_header: Option<String>,
}

impl Manner {
    fn face_of(&self, file: &File) -> Result<Face, Halt> {
        let face = Face::of(file).map_err(Halt::Read)?;
        Ok(Face { shift: self.framing.shape.shift(), ..face })
    }

    fn headers_of(&self, path: &Path) -> Arc<Headers> {
        if self.file_header.is_none() && self.name_header.is_none() {
            return self.headers.clone();
        }
        let mut headers = Headers::clone(&self.headers);
        if let Some(key) = &self.file_header {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
            headers.set(key, &absolute.to_string_lossy());
        }
        if let Some(key) = &self.name_header {
            headers.set(key, &path.file_name().unwrap_or_default().to_string_lossy());
        }
        Arc::new(headers)
    }
}

/// How positions of a known stream relate to bytes.
pub fn shift_of(known: &Known) -> u32 {
    Face::told(&known.attributes).map_or(0, |face| face.shift)
}

impl Followed {
    /// Opens a file and goes on where the channels say. `start` is asked where to begin a new file (else at 0), and
    /// whether to begin a known one, read up to the position it is given, elsewhere.
    pub fn open(
        desk: &Desk<'_>,
        memory: &mut Memory,
        leaving: &mut Leaving,
        manner: &Manner,
        path: &Path,
        file: File,
        start: impl FnOnce(&Face, u64, Option<u64>) -> Option<u64>,
    ) -> Result<Followed, Halt> {
        let face = manner.face_of(&file)?;
        let size = file.metadata().map_err(Halt::Read)?.len();
        let (attributes, shift) = (face.attributes(path), face.shift);
        let resume = match memory.claim(&file).map_err(Halt::Read)? {
            Claim::Same(known) | Claim::Shortened(known, _) if shift_of(&known) != shift => {
                let (path, had) = (path.display(), known.from >> shift_of(&known));
                log::warn!(
                    component = desk.out.source();
                    "`{path}` was read up to byte {had} by another deserializer: it is read from its start by this one"
                );
                leaving.add(known.id, known.high);
                desk.out.begin(attributes, 0)
            }
            Claim::Same(known) => match start(&face, size, Some(known.from >> shift)) {
                Some(at) if at != known.from >> shift && at <= size => {
                    leaving.add(known.id, known.high);
                    desk.out.begin(attributes, at << shift)
                }
                _ => desk.out.resume(&known, attributes),
            },
            Claim::New => {
                let at = start(&face, size, None).unwrap_or(0).min(size);
                desk.out.begin(attributes, at << shift)
            }
            Claim::Shortened(known, position) => {
                let (path, had, at) = (path.display(), known.from >> shift, position >> shift);
                log::warn!(
                    component = desk.out.source(), bytes = had - at;
                    "`{path}` was delivered up to {had} and lost its end in a power cut: reading goes on at {at}"
                );
                desk.out.pulse().add(Counter::LostBytes, had - at);
                leaving.add(known.id, known.high);
                desk.out.begin(attributes, position)
            }
            Claim::Replaced(known) => {
                let (path, had) = (path.display(), known.from >> shift_of(&known));
                log::warn!(
                    component = desk.out.source();
                    "`{path}` was emptied or replaced while nobody looked; what it had after byte {had}, if anything, is lost unless a rolled file has it"
                );
                leaving.add(known.id, known.high);
                desk.out.begin(attributes, 0)
            }
        };
        Followed::with(desk, manner, path, file, face, resume.map_err(Halt::Broken)?)
    }

    /// Goes on with an open file that was recognised as `known`.
    pub fn resumed(
        desk: &Desk<'_>,
        manner: &Manner,
        path: &Path,
        file: File,
        known: &Known,
    ) -> Result<Followed, Halt> {
        let face = manner.face_of(&file)?;
        let resume = desk.out.resume(known, face.attributes(path)).map_err(Halt::Broken)?;
        Followed::with(desk, manner, path, file, face, resume)
    }

    /// Begins with an open file that nobody knows.
    pub fn begun(
        desk: &Desk<'_>,
        manner: &Manner,
        path: &Path,
        file: File,
        from: u64,
    ) -> Result<Followed, Halt> {
        let face = manner.face_of(&file)?;
        let resume = desk.out.begin(face.attributes(path), from << face.shift).map_err(Halt::Broken)?;
        Followed::with(desk, manner, path, file, face, resume)
    }

    /// Device and inode.
    pub fn key(&self) -> Key {
        self.face.inode.key()
    }

    /// Tells of bytes that were there when last looked at and can be read no more.
    pub fn tell_loss(&self, desk: &Desk<'_>) {
        let unread = self.size.saturating_sub(self.reader.at());
        if unread > 0 {
            let (path, at) = (self.path.display(), self.reader.at());
            log::warn!(
                component = desk.out.source(), bytes = unread;
                "`{path}` was emptied before {unread} bytes after {at} were read"
            );
            desk.out.pulse().add(Counter::LostBytes, unread);
        }
    }

    /// The next generation in the same file: it was emptied.
    pub fn again(self, desk: &Desk<'_>, leaving: &mut Leaving, manner: &Manner) -> Result<Followed, Halt> {
        let file = match self.file {
            Some(file) => file,
            None => File::open(&self.path).map_err(Halt::Read)?,
        };
        leaving.add(self.reader.stream.id, self.reader.position());
        Followed::begun(desk, manner, &self.path, file, 0)
    }

    /// The file was emptied, and this copy has what it was: the same stream goes on there, with all that is held of it.
    pub fn moved_to(&mut self, desk: &Desk<'_>, path: &Path, file: File) -> Result<(), Halt> {
        self.face = Face { shift: self.face.shift, ..Face::of(&file).map_err(Halt::Read)? };
        self.size = file.metadata().map_err(Halt::Read)?.len();
        self.renamed(path);
        self.described = self.face.head_len;
        self.reader.move_to(&file, desk)?;
        self.file = Some(file);
        (self.held, self.silenced, self.moved) = (0, false, Instant::now());
        desk.out.rename(&self.reader.stream).map_err(Halt::Broken)
    }

    /// Follows an open file from where `resume` says.
    fn with(
        desk: &Desk<'_>,
        manner: &Manner,
        path: &Path,
        file: File,
        face: Face,
        resume: Resume,
    ) -> Result<Followed, Halt> {
        let path: Arc<Path> = path.into();
        let gauge = desk.out.pulse().file(path.clone());
        let reader = Reader::new(&file, resume, &manner.framing, manner.headers_of(&path), gauge);
        let reader = reader.map_err(Halt::Read)?;
        let size = file.metadata().map_err(Halt::Read)?.len();
        reader.gauge.size.store(size, Relaxed);
        Ok(Followed {
            path,
            face,
            reader,
            file: Some(file),
            held: 0,
            size,
            moved: Instant::now(),
            silenced: false,
            described: face.head_len,
        })
    }

    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Closes the descriptor; the next turn opens it anew.
    pub fn close(&mut self) {
        self.file = None;
    }

    /// The file was renamed: the same stream under another name.
    pub fn renamed(&mut self, path: &Path) {
        self.path = path.into();
        self.reader.stream.describe(self.face.attributes(path));
        *self.reader.gauge.path.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = self.path.clone();
    }

    /// How long no byte has come.
    pub fn quiet_for(&self) -> Duration {
        self.moved.elapsed()
    }

    /// What may be closed of a live file, given how long it was silent.
    pub fn close_by_silence(&self, times: &Times) -> Close {
        let quiet = self.quiet_for();
        let after = |time: Option<Duration>| self.held > 0 && time.is_some_and(|time| quiet >= time);
        match () {
            () if after(times.partial) => Close::All,
            () if after(times.record) => Close::Record,
            () => Close::No,
        }
    }

    /// Whether silence has closed all it can, and only a torn line is held.
    pub fn closed_by_silence(&self) -> bool {
        self.silenced
    }

    /// Whether all that was there when last looked at has been put, held bytes included.
    pub fn is_done(&self) -> bool {
        self.reader.at() >= self.size
    }

    /// The open descriptor, opened anew by name if it was closed; `None`: the name leads elsewhere now.
    pub fn file(&mut self) -> io::Result<Option<&File>> {
        if self.file.is_none() {
            let file = File::open(&self.path)?;
            if !self.face.inode.is_like(&Inode::of(&file.metadata()?)) {
                return Ok(None);
            }
            self.file = Some(file);
        }
        Ok(self.file.as_ref())
    }

    /// Reads what is there, for about one turn and at most `most` batches.
    pub fn turn(&mut self, desk: &Desk<'_>, close: Close, most: u64) -> Result<Turn, Halt> {
        if self.file().map_err(Halt::Read)?.is_none() {
            return Ok(Turn::Replaced);
        }
        let file = self.file.take().expect("opened above");
        let turn = self.turn_over(&file, desk, close, most);
        if turn.is_ok() {
            self.mended(desk);
        }
        self.file = Some(file);
        turn
    }

    /// Reads a final file to its very end, unterminated line included.
    pub fn read_out(&mut self, desk: &Desk<'_>) -> Result<(), Halt> {
        loop {
            match self.turn(desk, Close::All, u64::MAX) {
                Ok(Turn::More) => {}
                Ok(_) | Err(Halt::Read(_)) => return Ok(()),
                Err(halt) => return Err(halt),
            }
        }
    }

    fn mended(&self, desk: &Desk<'_>) {
        if desk.mended(Doing::Read, &self.path) {
            log::info!(component = desk.out.source(); "`{}` can be read again", self.path.display());
        }
    }

    fn turn_over(&mut self, file: &File, desk: &Desk<'_>, close: Close, most: u64) -> Result<Turn, Halt> {
        self.look(file).map_err(Halt::Read)?;
        for _ in 0..TURN {
            let before = self.reader.at();
            let step = match self.reader.step(file, desk, close, most) {
                Err(Halt::Back) => {
                    if !self.reader.go_back(file, desk)? {
                        return Ok(Turn::Truncated);
                    }
                    continue;
                }
                step => step?,
            };
            let (length, hash) = self.reader.head;
            if before == 0 && length > 0 {
                // What was put is what counts, whatever stood there when it was opened.
                (self.face.head_len, self.face.head) = (length, hash);
            }
            self.face.seen(length, hash);
            if self.reader.at() != before {
                self.moved = Instant::now();
                desk.out.pulse().beat();
            }
            match step {
                Step::More if most < u64::MAX => return Ok(Turn::More),
                Step::More if desk.stop.is_told() => return Err(Halt::Stopped),
                Step::More => {}
                Step::End { held } => {
                    self.silenced = close == Close::Record && held == self.held;
                    self.at_end(file, held).map_err(Halt::Read)?;
                    return Ok(Turn::Quiet);
                }
                Step::Truncated => return Ok(Turn::Truncated),
                Step::Undecodable => return Ok(Turn::Undecodable),
            }
        }
        Ok(Turn::More)
    }

    fn at_end(&mut self, file: &File, held: u64) -> io::Result<()> {
        if held != self.held && held > 0 {
            self.moved = Instant::now();
        }
        self.held = held;
        self.size = self.size.max(self.reader.at() + held);
        self.reader.gauge.size.store(self.size, Relaxed);
        self.reader.gauge.behind_since_ms.store(0, Relaxed);
        self.remember_head(file)
    }

    /// The head as it is now, before what lies behind it is put: a record that has a position but no head could not
    /// recognise a copy of the file after a kill.
    fn remember_head(&mut self, file: &File) -> io::Result<()> {
        let grown = self.face.grow(file)?;
        if grown || self.face.head_len >= 2 * self.described.max(1) {
            self.described = self.face.head_len;
            self.reader.stream.describe(self.face.attributes(&self.path));
        }
        Ok(())
    }

    fn look(&mut self, file: &File) -> io::Result<()> {
        let size = file.metadata()?.len();
        if size > self.reader.at() && self.reader.gauge.behind_since_ms.load(Relaxed) == 0 {
            self.reader.gauge.behind_since_ms.store(sys::wall_ms(), Relaxed);
        }
        if size >= self.reader.at() {
            self.size = size;
            self.reader.gauge.size.store(size, Relaxed);
        }
        self.remember_head(file)
    }
}
