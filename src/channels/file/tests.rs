//! The file channel by the protocol's rules, on a simulated disk; the test takes the steps that threads take elsewhere.
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{FileChannel, Harm, Settings};
use crate::event::{Attributes, Batch, Builder, Check, Checks, Marks, Span, Stream};
use crate::flow::{
    Channel, ChannelKey, Destination, Kind, Lease, Limit, Outcome, Pulse, PutError, Receipt, Seat, Stop,
    Tally,
};
use crate::store::log::{self as store, KeyRing, Packing};
use crate::sys::disk::SimulatedDisk;
use crate::sys::disk::simulated::{Call, Fault};

const NOW: Duration = Duration::ZERO;
const ALL: Limit = Limit { events: usize::MAX, bytes: usize::MAX };

struct Rig {
    disk: SimulatedDisk,
    channel: Arc<FileChannel>,
    harm: Harm,
    stop: Stop,
    memory: Option<Limit>,
}

fn open(disk: SimulatedDisk, memory: Option<Limit>) -> Result<Rig, String> {
    let settings = Settings {
        capacity: 1_000_000,
        transaction: 10_000,
        keep_alive: NOW,
        empty_delay: NOW,
        memory,
        before_spill: NOW,
        sync_every: None,
        checkpoint: None,
    };
    let log = store::Settings {
        dirs: vec![PathBuf::from("/data")],
        segment_bytes: 4096,
        minimum_free: 0,
        packing: Packing::None,
        keys: Arc::new(KeyRing::default()),
    };
    let key = ChannelKey { installation: "i".into(), instance: "a".into(), channel: "c".into() };
    let pulse = Pulse::new(Kind::Channel, "c", "file");
    let process = Arc::new(disk.process());
    let opened = FileChannel::open(process, settings, log, &[], None, key, pulse);
    let (channel, harm) = opened.map_err(|error| error.to_string())?;
    Ok(Rig { disk, channel, harm, stop: Stop::new(), memory })
}

fn rig() -> Rig {
    open(SimulatedDisk::new(1), None).unwrap()
}

impl Rig {
    fn kill(self) -> Rig {
        self.disk.kill();
        open(self.disk, self.memory).unwrap()
    }

    fn cut_power(self) -> Rig {
        self.disk.power_cut();
        open(self.disk, self.memory).unwrap()
    }

    fn stream(&self) -> Arc<Stream> {
        let stream = Stream::mint("s", Attributes::default());
        self.channel.join(&stream, 0, &Checks::default()).unwrap();
        self.channel.barrier().unwrap();
        stream
    }

    fn put_batch(&self, batch: Batch) -> Result<Receipt, PutError> {
        let want = Limit { events: batch.len(), bytes: batch.bytes() };
        assert!(self.channel.reserve(want, NOW, &self.stop), "the rig has room");
        let tally = Tally { read: batch.len() as u64, ..Tally::default() };
        self.channel.put("s", batch, tally, want)
    }

    /// Each event is one position long.
    fn put(&self, stream: &Arc<Stream>, from: u64, to: u64) -> Receipt {
        let mut builder = Builder::default();
        for n in from..to {
            builder.push(format!("event {n} of a stream").as_bytes(), n..n + 1);
        }
        self.put_batch(builder.finish(Some(Span::new(stream.clone(), from, to)))).unwrap()
    }

    fn put_without_position(&self, bodies: &[&str]) -> Receipt {
        let mut builder = Builder::default();
        bodies.iter().for_each(|body| {
            builder.push(body.as_bytes(), 0..0);
        });
        self.put_batch(builder.finish(None)).unwrap()
    }

    fn write_and_sync(&self) {
        self.channel.write().unwrap();
        self.channel.sync().unwrap();
    }

    /// A sink whose destination reports what it has.
    fn sink(&self, marks: Option<Marks>) -> Seat {
        let destination = marks.as_ref().map(|_| Destination("files:/out".into()));
        let seat = self.channel.attach("k", destination);
        self.channel.report(seat, marks).unwrap();
        seat
    }

    fn take(&self, seat: Seat) -> Option<Lease> {
        self.channel.clone().take(seat, ALL, NOW, &self.stop)
    }

    /// Everything that can be leased, delivered and synced.
    fn deliver_all(&self, seat: Seat) -> Vec<String> {
        let mut bodies = Vec::new();
        while let Some(lease) = self.take(seat) {
            bodies.extend(lease.batches.iter().flat_map(bodies_of));
            lease.settle(Outcome::Delivered).unwrap();
        }
        self.channel.synced(seat).unwrap();
        bodies
    }

    fn segments(&self) -> usize {
        self.disk.paths().iter().filter(|path| path.extension().is_some_and(|ext| ext == "dfklog")).count()
    }
}

fn bodies_of(batch: &Batch) -> Vec<String> {
    batch.events().map(|event| String::from_utf8_lossy(event.body()).into_owned()).collect()
}

fn events(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| format!("event {n} of a stream")).collect()
}

#[test]
fn p4_a_receipt_resolves_and_sinks_get_events_after_the_sync_and_not_before() {
    let rig = rig();
    let (seat, stream) = (rig.sink(None), rig.stream());
    let receipt = rig.put(&stream, 0, 3);
    assert!(!receipt.wait(NOW), "accepted is not held");
    rig.channel.write().unwrap();
    assert!(!receipt.wait(NOW), "written is not held");
    assert!(rig.take(seat).is_none());
    rig.channel.sync().unwrap();
    assert!(receipt.wait(NOW));
    assert_eq!(rig.deliver_all(seat), events(0..3));
}

#[test]
fn p4_batches_that_share_a_latch_and_not_a_write_resolve_with_the_last_of_them() {
    let rig = rig();
    let stream = rig.stream();
    let large = "x".repeat(3 << 20);
    let first = rig.put_without_position(&[&large]);
    let second = rig.put_without_position(&[&large]);
    let third = rig.put(&stream, 0, 1);
    rig.write_and_sync();
    assert!(!third.wait(NOW), "one write takes about four mebibytes");
    rig.write_and_sync();
    assert!(first.wait(NOW) && second.wait(NOW) && third.wait(NOW));
}

#[test]
fn f1_what_is_held_and_not_delivered_is_recognised_by_its_head_and_its_evidence_after_a_kill() {
    let rig = rig();
    let stream = rig.stream();
    // Seen with the first bytes, after the stream was begun.
    stream.describe(Attributes::default().with("head", "9:1"));
    let mut builder = Builder::default();
    builder.push(b"a line", 0..9);
    let check = Some(Check { at: 9, hash: 5 });
    let span = Span { check, ..Span::new(stream.clone(), 0, 9) };
    _ = rig.put_batch(builder.finish(Some(span))).unwrap();
    rig.write_and_sync();
    let rig = rig.kill();
    let mut known = None;
    rig.channel.look(&mut |book| known = book.record().streams.get(&stream.id).cloned());
    let known = known.expect("it is held");
    assert_eq!(known.attributes.get("head"), Some("9:1"));
    assert_eq!(known.checks.below(9), check);
}

#[test]
fn p5_what_a_failed_sync_left_open_is_written_again_before_anything_newer() {
    let rig = rig();
    let (seat, stream) = (rig.sink(None), rig.stream());
    rig.put(&stream, 0, 3).forget();
    rig.channel.write().unwrap();
    rig.disk.fail_at(Call::Sync, rig.disk.calls_of(Call::Sync), Fault::Io);
    assert!(rig.channel.sync().is_err());
    rig.put(&stream, 3, 5).forget();
    assert!(rig.take(seat).is_none(), "nothing is held");
    rig.write_and_sync();
    assert_eq!(rig.deliver_all(seat), events(0..5));
    let rig = rig.cut_power();
    let seat = rig.sink(None);
    assert!(rig.deliver_all(seat).len() <= 5, "the void copy does not count");
}

#[test]
fn l3_a_power_cut_after_a_failed_write_loses_nothing_that_was_held_and_repeats_nothing() {
    for seed in 0..50 {
        let rig = open(SimulatedDisk::new(seed), None).unwrap();
        let stream = rig.stream();
        rig.put(&stream, 0, 3).forget();
        rig.write_and_sync();
        rig.put(&stream, 3, 6).forget();
        rig.disk.fail_at(Call::Write, rig.disk.calls_of(Call::Write), Fault::Full);
        assert!(rig.channel.write().is_err());
        rig.put(&stream, 6, 9).forget();
        rig.write_and_sync();
        let rig = rig.cut_power();
        let seat = rig.sink(None);
        assert_eq!(rig.deliver_all(seat), events(0..9), "seed {seed}");
    }
}

#[test]
fn p8_events_without_a_position_survive_and_no_position_is_given_twice() {
    let rig = rig();
    assert!(!rig.put_without_position(&["one", "two"]).wait(NOW));
    rig.write_and_sync();
    let rig = rig.cut_power();
    rig.put_without_position(&["three"]).forget();
    rig.write_and_sync();
    let rig = rig.kill();
    let seat = rig.sink(None);
    assert_eq!(rig.deliver_all(seat), ["one", "two", "three"]);
    assert!(rig.channel.is_drained());
}

#[test]
fn s2_what_the_destination_has_is_not_delivered_again() {
    let rig = rig();
    let stream = rig.stream();
    rig.put(&stream, 0, 6).forget();
    rig.write_and_sync();
    let seat = rig.channel.attach("k", Some(Destination("files:/out".into())));
    rig.channel.report(seat, Some(Marks::new())).unwrap();
    let lease = rig.take(seat).unwrap();
    assert_eq!(lease.events(), 6);
    std::mem::forget(lease); // delivered, and killed before it was settled
    let rig = rig.kill();
    let had = crate::event::StreamRecord {
        source: "s".into(),
        attributes: Attributes::default(),
        mark: crate::event::Mark::at(4),
        checks: Checks::default(),
    };
    let seat = rig.sink(Some(Marks::from([(stream.id, had)])));
    assert_eq!(rig.deliver_all(seat), events(4..6));
    assert_eq!(rig.channel.depth().events, 0);
    assert!(rig.channel.ledgers().iter().all(|(_, ledger)| ledger.balances()));
}

#[test]
fn l2_the_mark_of_a_quiet_stream_outlives_the_segments_it_was_written_in() {
    let rig = rig();
    let (seat, quiet, busy) = (rig.sink(None), rig.stream(), rig.stream());
    rig.put(&quiet, 0, 7).forget();
    for n in 0..40 {
        rig.put(&busy, n * 20, n * 20 + 20).forget();
        rig.write_and_sync();
        rig.deliver_all(seat);
        rig.channel.retain().unwrap();
    }
    assert!(rig.segments() <= 2, "settled segments are removed: {:?}", rig.disk.paths());
    let rig = rig.cut_power();
    assert_eq!(rig.channel.held(quiet.id).unwrap().low(), 7);
}

#[test]
fn what_left_the_log_is_destroyed_by_the_next_process_if_this_one_did_not_get_to_it() {
    let rig = rig();
    let (seat, stream) = (rig.sink(None), rig.stream());
    for n in 0..40 {
        rig.put(&stream, n * 20, n * 20 + 20).forget();
        rig.write_and_sync();
        rig.deliver_all(seat);
        rig.channel.retain().unwrap();
    }
    let left = |rig: &Rig| {
        rig.disk.paths().iter().filter(|path| path.extension().is_some_and(|end| end == "done")).count()
    };
    assert!(left(&rig) > 1, "{:?}", rig.disk.paths());
    let rig = rig.kill();
    rig.channel.empty_trash(&mut || true);
    assert_eq!(left(&rig), 0, "{:?}", rig.disk.paths());
    assert_eq!(rig.channel.held(stream.id).unwrap().low(), 800);
}

#[test]
fn d6_a_stream_that_is_retired_while_the_log_has_its_events_does_not_come_back() {
    let rig = rig();
    let (seat, stream) = (rig.sink(None), rig.stream());
    rig.put(&stream, 0, 3).forget();
    rig.write_and_sync();
    assert_eq!(rig.deliver_all(seat).len(), 3);
    rig.channel.retire(stream.id).unwrap();
    rig.write_and_sync();
    let rig = rig.kill();
    let seat = rig.sink(None);
    assert_eq!(rig.deliver_all(seat), Vec::<String>::new());
    let other = rig.stream();
    for n in 0..40 {
        rig.put(&other, n * 20, n * 20 + 20).forget();
        rig.write_and_sync();
        rig.deliver_all(seat);
        rig.channel.retain().unwrap();
    }
    rig.channel
        .look(&mut |book| assert!(!book.record().streams.contains_key(&stream.id), "forgotten in the end"));
}

#[test]
fn a_backlog_beyond_memory_is_read_back_in_order() {
    let rig = rig();
    let (seat, stream) = (rig.sink(None), rig.stream());
    let body = "y".repeat(1 << 20);
    let mut builder = Builder::default();
    builder.push(body.as_bytes(), 0..1);
    for n in 0..20 {
        let mut builder = Builder::default();
        builder.push(format!("{n} {body}").as_bytes(), n..n + 1);
        rig.put_batch(builder.finish(Some(Span::new(stream.clone(), n, n + 1)))).unwrap().forget();
        rig.write_and_sync();
    }
    let numbers: Vec<String> =
        rig.deliver_all(seat).iter().map(|body| body.split(' ').next().unwrap().to_string()).collect();
    assert_eq!(numbers, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn d7_a_spillable_channel_keeps_order_and_forgets_what_lies_above_a_hole() {
    let memory = Some(Limit { events: 4, bytes: usize::MAX });
    let rig = open(SimulatedDisk::new(1), memory).unwrap();
    let (seat, stream) = (rig.sink(None), rig.stream());
    for n in 0..5 {
        rig.put(&stream, n * 2, n * 2 + 2).forget();
    }
    let lease = rig.take(seat).unwrap();
    assert_eq!(lease.events(), 4, "what is in memory waits for no disk");
    drop(lease);
    rig.write_and_sync();
    assert_eq!(rig.deliver_all(seat), events(0..10));
    rig.put(&stream, 10, 14).forget();
    rig.put(&stream, 14, 20).forget();
    rig.write_and_sync();
    let rig = rig.kill();
    assert_eq!(
        rig.channel.held(stream.id).unwrap().high(),
        10,
        "what was in memory is gone, and so is what followed"
    );
    let seat = rig.sink(None);
    rig.put(&stream, 10, 20).forget();
    rig.write_and_sync();
    assert_eq!(rig.deliver_all(seat), events(10..20));
}

#[test]
fn k2_the_second_owner_is_told_who_is_first() {
    let rig = rig();
    let error = open(rig.disk.clone(), None).err().expect("the directory has an owner");
    assert!(error.contains("`/data` belongs to process"), "{error}");
}

#[test]
fn a_full_disk_makes_the_source_wait_and_loses_nothing() {
    let rig = rig();
    let (seat, stream) = (rig.sink(None), rig.stream());
    rig.disk.set_capacity(rig.disk.used());
    rig.put(&stream, 0, 200).forget();
    assert!(rig.channel.write().is_err() || rig.channel.sync().is_err() || rig.take(seat).is_none());
    rig.disk.set_capacity(1 << 30);
    while rig.channel.write().is_err() {}
    rig.channel.sync().unwrap();
    assert_eq!(rig.deliver_all(seat), events(0..200));
}

#[test]
fn a_damaged_segment_is_set_aside_and_what_its_source_has_is_wanted_again() {
    let rig = rig();
    let stream = rig.stream();
    for n in 0..3 {
        rig.put(&stream, n * 2, n * 2 + 2).forget();
        rig.write_and_sync();
    }
    let path = Path::new("/data/0000000000.dfklog");
    rig.disk.kill();
    let middle = b"event 2 of a stream";
    rig.disk
        .damage(path, |bytes| {
            let at = bytes.windows(middle.len()).position(|window| window == middle).unwrap();
            bytes[at] ^= 1;
        })
        .unwrap();
    let rig = open(rig.disk, None).unwrap();
    assert_eq!(rig.harm.again, [(stream.id, 2..4)]);
    assert_eq!(rig.channel.held(stream.id).unwrap().low(), 2, "the source goes on there");
    let seat = rig.sink(None);
    rig.put(&stream, 2, 4).forget();
    rig.write_and_sync();
    let mut bodies = rig.deliver_all(seat);
    bodies.sort();
    assert_eq!(bodies, events(0..6));
    rig.channel.retain().unwrap();
    assert!(
        rig.disk.paths().contains(&PathBuf::from("/data/0000000000.dfklog.damaged")),
        "{:?}",
        rig.disk.paths()
    );
}
