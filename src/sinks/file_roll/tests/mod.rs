//! What a kill, a power cut and other hands may do to the files and the record, and what must be there afterwards.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::timer::Timer;
use super::*;
use crate::event::{Attributes, Batch, Builder, Check, Headers, Marks, Span, Stream};
use crate::flow::{ChannelKey, DeliverError, Stop};
use crate::sys;

mod containers;
mod crashes;

fn key() -> ChannelKey {
    ChannelKey { installation: "machine".into(), instance: "orders".into(), channel: "c1".into() }
}

/// A directory, a stream of numbered lines, and a boot.
struct Rig {
    root: tempfile::TempDir,
    stream: Arc<Stream>,
    boot: String,
    serializer: Serializer,
}

impl Rig {
    fn new() -> Rig {
        let attributes = Attributes::default().with("path", "/var/log/x");
        let stream = Stream::mint("r1", attributes);
        let serializer = Serializer::Text { newline: true };
        Rig { root: tempfile::tempdir().unwrap(), stream, boot: "boot 0".into(), serializer }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("out")
    }

    /// A sink that has been asked for marks, and what it said.
    fn start(&self) -> (FileRoll, Option<Marks>) {
        let mut sink = self.closed_sink();
        let marks = sink.delivered(&key()).unwrap();
        (sink, marks)
    }

    fn closed_sink(&self) -> FileRoll {
        let names = Names::new(Manager::Default, "", "");
        let mut sink = FileRoll::new("k1", self.dir(), self.serializer.clone(), names, Duration::ZERO);
        sink.boot.clone_from(&self.boot);
        sink
    }

    /// Lines `from` to `to`; each number is one position.
    fn lines(&self, from: u64, to: u64) -> Batch {
        let mut builder = Builder::default();
        (from..to).for_each(|n| {
            builder.push(format!("line {n}").as_bytes(), n..n + 1);
        });
        let span =
            Span { check: Some(Check { at: to, hash: to }), ..Span::new(self.stream.clone(), from, to) };
        builder.finish(Some(span))
    }

    fn low(&self, marks: &Option<Marks>) -> u64 {
        marks.as_ref().and_then(|marks| marks.get(&self.stream.id)).map_or(0, |known| known.mark.low())
    }

    /// Data files by start and number.
    fn files(&self) -> BTreeMap<(u64, u64), PathBuf> {
        let names = fs::read_dir(self.dir()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let data = names.filter(|name| !name.starts_with('.'));
        data.map(|name| {
            let (start, number) = name.split_once('-').unwrap();
            ((start.parse().unwrap(), number.parse().unwrap()), self.dir().join(name))
        })
        .collect()
    }

    fn text(&self) -> String {
        let read = |path: &PathBuf| match self.serializer {
            Serializer::AvroEvent(_) => containers::bodies(path).concat(),
            _ => fs::read_to_string(path).unwrap(),
        };
        self.files().values().map(read).collect()
    }

    fn record(&self) -> PathBuf {
        self.dir().join(slots::stem(&key()))
    }
}

fn all(to: u64) -> String {
    (0..to).map(|n| format!("line {n}\n")).collect()
}

fn deliver(sink: &mut FileRoll, batch: Batch) -> Result<(), DeliverError> {
    sink.deliver(&[batch], &Stop::new())
}

fn append(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    fs::File::options().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn cut(path: &Path, length: u64) {
    fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[test]
fn s2_without_a_record_there_is_no_evidence_and_with_one_there_is() {
    let rig = Rig::new();
    let (mut sink, marks) = rig.start();
    assert!(marks.is_none());
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    drop(sink);
    let (_sink, marks) = rig.start();
    let known = &marks.unwrap()[&rig.stream.id];
    assert_eq!((known.mark.low(), &*known.source), (3, "r1"));
    assert_eq!(known.attributes.get("path"), Some("/var/log/x"));
    assert_eq!(known.checks.below(3), Some(Check { at: 3, hash: 3 }));
}

#[test]
fn there_is_no_file_without_events_and_d3_empty_batches_are_recorded() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, Batch::empty(Span::new(rig.stream.clone(), 0, 7))).unwrap();
    sink.sync().unwrap();
    drop(sink);
    let (_sink, marks) = rig.start();
    assert_eq!((rig.low(&marks), rig.files().len()), (7, 0));
}

#[test]
fn a_kill_after_the_data_and_before_the_record_leaves_nothing_twice() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    drop(sink);
    append(rig.files().values().next().unwrap(), b"line 3\nlin");
    let (mut sink, marks) = rig.start();
    assert_eq!((rig.low(&marks), rig.text()), (3, all(3)));
    deliver(&mut sink, rig.lines(3, 5)).unwrap();
    assert_eq!((rig.text(), rig.files().len()), (all(5), 2), "after a start always a new file");
}

#[test]
fn a_kill_before_the_first_commit_of_a_file_leaves_no_file() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    sink.roll().unwrap();
    drop(sink);
    append(rig.files().values().next().unwrap(), b"line 0\n");
    let (_sink, marks) = rig.start();
    assert!(marks.is_none());
    assert_eq!(rig.files().len(), 0);
}

#[test]
fn files_roll_by_time_and_a_torn_record_takes_its_data_along() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    sink.timer = Timer::new(Duration::from_nanos(1));
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    deliver(&mut sink, rig.lines(3, 5)).unwrap();
    deliver(&mut sink, rig.lines(5, 6)).unwrap();
    drop(sink);
    let numbers: Vec<u64> = rig.files().keys().map(|(_, n)| *n).collect();
    assert_eq!((numbers, rig.text()), (vec![1, 2, 3], all(6)));
    cut(&rig.record(), size(&rig.record()) - 1);
    let (_sink, marks) = rig.start();
    assert_eq!((rig.low(&marks), rig.text()), (5, all(5)));
}

#[test]
fn d5_marks_of_very_many_streams_are_durable_all_the_same() {
    let mut rig = Rig::new();
    let (mut sink, _) = rig.start();
    let span = |n| Span::new(Stream::mint("r1", Attributes::default().with("path", n)), 0, 5);
    let batches: Vec<_> =
        (0..1100).map(|n| Builder::default().push(b"line", 0..5).finish(Some(span(n)))).collect();
    sink.deliver(&batches, &Stop::new()).unwrap();
    sink.sync().unwrap();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    drop(sink);
    rig.boot = "boot 1".into();
    let (_sink, marks) = rig.start();
    let had = |batch: &Batch| {
        let known = marks.as_ref().and_then(|marks| marks.get(&batch.span()?.stream.id));
        known.map(|known| (known.mark.low(), known.attributes.clone()))
    };
    let expected = |batch: &Batch| Some((5, batch.span()?.stream.attributes()));
    assert!(batches.iter().all(|batch| had(batch) == expected(batch)));
    assert_eq!((rig.low(&marks), rig.text()), (0, "line\n".repeat(1100)));
}

#[test]
fn s6_after_a_reboot_the_durable_marks_and_lengths_count() {
    let mut rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    sink.sync().unwrap();
    deliver(&mut sink, rig.lines(3, 9)).unwrap();
    drop(sink);
    let (sink, marks) = rig.start();
    assert_eq!((rig.low(&marks), rig.text()), (9, all(9)), "same boot");
    drop(sink);
    rig.boot = "boot 1".into();
    let (sink, marks) = rig.start();
    assert_eq!((rig.low(&marks), rig.text()), (3, all(3)), "another boot");
    drop(sink);
    let (_sink, marks) = rig.start();
    assert_eq!((rig.low(&marks), rig.text()), (3, all(3)), "and it stays so");
}

#[test]
fn a_failed_sync_takes_back_what_was_not_durable() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    sink.sync().unwrap();
    deliver(&mut sink, rig.lines(3, 9)).unwrap();
    // What a failed fdatasync leads to.
    (sink.distrust, sink.keeper) = (true, None);
    let marks = sink.delivered(&key()).unwrap();
    assert_eq!((rig.low(&marks), rig.text()), (3, all(3)));
    deliver(&mut sink, rig.lines(3, 4)).unwrap();
    assert_eq!(rig.text(), all(4));
}

#[test]
fn after_a_failed_sync_the_record_is_taken_back_before_a_file_is_cut() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    sink.sync().unwrap();
    deliver(&mut sink, rig.lines(3, 9)).unwrap();
    (sink.distrust, sink.keeper) = (true, None);
    // The file cannot be cut, and the process ends over it.
    let (_, file) = rig.files().pop_first().unwrap();
    let hidden = rig.root.path().join("hidden");
    fs::rename(&file, &hidden).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(sink.delivered(&key()).is_err());
    drop(sink);
    fs::remove_dir(&file).unwrap();
    fs::rename(&hidden, &file).unwrap();
    let (_sink, marks) = rig.start();
    assert_eq!((rig.low(&marks), rig.text()), (3, all(3)));
}

#[test]
fn a_file_without_a_byte_is_not_rolled_away() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    sink.timer = Timer::new(Duration::from_nanos(1));
    // As on a full disk: the file begins, its first write fails, and its time is over.
    sink.roll().unwrap();
    sink.roll().unwrap();
    assert_eq!(rig.files().len(), 1);
}

#[test]
fn k2_a_second_process_is_refused_with_one_sentence() {
    let rig = Rig::new();
    fs::create_dir(rig.dir()).unwrap();
    let _other = sys::lock_file(&rig.record()).unwrap();
    let told = rig.closed_sink().delivered(&key()).unwrap_err();
    let (pid, path) = (std::process::id(), rig.dir().canonicalize().unwrap().join(slots::stem(&key())));
    let sentence = format!(
        "process {pid} already delivers channel `c1` of instance `orders` to this directory: it holds the record `{}`",
        path.display()
    );
    assert!(matches!(&told, DeliverError::Fenced(text) if *text == sentence), "{told}");
}

#[test]
fn k1_other_keys_share_a_directory_and_a_renamed_sink_finds_its_record() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    let other = ChannelKey { channel: "c2".into(), ..key() };
    assert!(rig.closed_sink().delivered(&other).unwrap().is_none());
    drop(sink);
    let mut renamed = rig.closed_sink();
    renamed.name = "k9".into();
    let marks = renamed.delivered(&key()).unwrap();
    assert_eq!(rig.low(&marks), 3);
}

#[test]
fn two_sinks_of_one_agent_have_a_slot_each_and_the_next_start_unites_them() {
    let rig = Rig::new();
    let ((mut one, _), (mut two, _)) = (rig.start(), rig.start());
    deliver(&mut one, rig.lines(0, 3)).unwrap();
    deliver(&mut two, rig.lines(3, 5)).unwrap();
    assert_eq!(rig.low(&one.delivered(&key()).unwrap()), 5, "any of them knows all");
    drop((one, two));
    let torn = rig.files().into_values().next_back().unwrap();
    append(&torn, b"line 5");
    let (one, marks) = rig.start();
    assert_eq!(rig.low(&marks), 5);
    assert!(!rig.text().ends_with("line 5"));
    let left = fs::read_dir(rig.dir())
        .unwrap()
        .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with(".dataflowkit"));
    assert_eq!(left.count(), 1, "the slot that nobody holds is absorbed");
    drop(one);
}

#[test]
fn c4_an_old_place_tells_its_marks_without_being_owned() {
    let mut rig = Rig::new();
    rig.boot = sys::boot_id();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    let destination = sink.destination().unwrap().0;
    let dir = destination.strip_prefix("file_roll:").unwrap();
    assert_eq!(rig.low(&recorded(dir, &key())), 3);
    let elsewhere = ChannelKey { instance: "other".into(), ..key() };
    assert!(recorded(dir, &elsewhere).is_none());
}

#[test]
fn a_file_taken_away_counts_as_delivered_and_a_new_one_begins() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    fs::remove_file(rig.files().values().next().unwrap()).unwrap();
    sink.sync().unwrap();
    deliver(&mut sink, rig.lines(3, 5)).unwrap();
    assert_eq!(rig.text(), "line 3\nline 4\n");
    drop(sink);
    fs::remove_file(rig.files().values().next().unwrap()).unwrap();
    let (_sink, marks) = rig.start();
    assert_eq!(rig.low(&marks), 5, "the same boot: somebody took it");
}

#[test]
fn a_record_taken_away_is_written_again() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    fs::remove_file(rig.record()).unwrap();
    sink.sync().unwrap();
    deliver(&mut sink, rig.lines(3, 5)).unwrap();
    drop(sink);
    let (_sink, marks) = rig.start();
    assert_eq!((rig.low(&marks), rig.text()), (5, all(5)));
}

#[test]
fn a_vanished_directory_is_not_there_until_it_is_back() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    let away = rig.root.path().join("away");
    fs::rename(rig.dir(), &away).unwrap();
    let told = sink.sync().unwrap_err();
    assert!(matches!(told, DeliverError::NotThere(..)), "{told}");
    assert!(deliver(&mut sink, rig.lines(3, 5)).is_err());
    fs::rename(&away, rig.dir()).unwrap();
    deliver(&mut sink, rig.lines(3, 5)).unwrap();
    sink.sync().unwrap();
    assert_eq!(rig.text(), all(5));
}

#[test]
fn a_directory_that_vanishes_during_a_sync_has_what_was_delivered() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    let away = rig.root.path().join("away");
    fs::rename(rig.dir(), &away).unwrap();
    // Right behind the look around that a sync begins with.
    let told = sink.sync_files().unwrap_err();
    assert!(matches!(told, DeliverError::NotThere(..)), "{told}");
    fs::create_dir(rig.dir()).unwrap();
    sink.sync().unwrap();
    let marks = sink.delivered(&key()).unwrap();
    assert_eq!(rig.low(&marks), 3, "they are not delivered again");
    deliver(&mut sink, rig.lines(3, 5)).unwrap();
    assert_eq!(rig.text(), "line 3\nline 4\n");
}

#[test]
fn a_damaged_record_is_set_aside_and_the_rest_counts() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    sink.sync().unwrap();
    drop(sink);
    let mut bytes = fs::read(rig.record()).unwrap();
    bytes[30] ^= 1;
    fs::write(rig.record(), &bytes).unwrap();
    let (_sink, marks) = rig.start();
    assert_eq!(rig.low(&marks), 3);
    let aside = |e: &fs::DirEntry| e.file_name().to_string_lossy().contains(".damaged-");
    assert_eq!(fs::read_dir(rig.dir()).unwrap().filter(|e| aside(e.as_ref().unwrap())).count(), 1);
}

#[test]
fn d6_a_retired_stream_has_no_mark() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    deliver(&mut sink, rig.lines(0, 3)).unwrap();
    sink.retire(&[rig.stream.id]).unwrap();
    drop(sink);
    assert!(rig.start().1.is_none());
}

#[test]
fn events_without_a_span_are_written_all_the_same() {
    let rig = Rig::new();
    let (mut sink, _) = rig.start();
    let mut builder = Builder::shared(Headers::default());
    deliver(&mut sink, builder.push(b"from a socket", 0..0).finish(None)).unwrap();
    drop(sink);
    let _sink = rig.start();
    assert_eq!(rig.text(), "from a socket\n");
}
