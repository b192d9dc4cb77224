//! The memory channel by the protocol's rules.
use super::super::window::room_of;
use super::*;
use crate::event::{Attributes, Builder, Span};

struct Rig {
    dir: tempfile::TempDir,
    channel: Arc<dyn Channel>,
    stop: Stop,
}

fn open(dir: tempfile::TempDir, events: usize) -> Rig {
    open_as(End::Own, dir, events)
}

fn open_as(end: End, dir: tempfile::TempDir, events: usize) -> Rig {
    let settings = Settings {
        capacity: Limit { events, bytes: usize::MAX },
        transaction: 100,
        keep_alive: Duration::ZERO,
        empty_delay: Duration::ZERO,
        end,
    };
    let place = Place { state_dir: dir.path().into(), ..Place::default() };
    let key = ChannelKey { installation: "i".into(), instance: "a".into(), channel: "c".into() };
    let pulse = Pulse::new(Kind::Channel, "c", "memory");
    Rig { channel: Memory::open(settings, &place, key, pulse).unwrap(), dir, stop: Stop::new() }
}

fn rig(events: usize) -> Rig {
    open(tempfile::tempdir().unwrap(), events)
}

impl Rig {
    /// Each event is one position long.
    fn put(&self, stream: &Arc<Stream>, from: u64, to: u64) -> Result<Receipt, PutError> {
        let mut builder = Builder::default();
        for n in from..to {
            builder.push(n.to_string().as_bytes(), n..n + 1);
        }
        let batch = builder.finish(Some(Span::new(stream.clone(), from, to)));
        let want = room_of(&batch);
        assert!(self.channel.reserve(want, Duration::ZERO, &self.stop), "the rig has room");
        let tally = Tally { read: to - from, ..Tally::default() };
        self.channel.put("s", batch, tally, want)
    }

    fn take(&self, seat: Seat, events: usize) -> Option<Lease> {
        let up_to = Limit { events, bytes: usize::MAX };
        self.channel.clone().take(seat, up_to, Duration::ZERO, &self.stop)
    }

    fn sink(&self) -> Seat {
        let seat = self.channel.attach("k", None);
        assert!(self.channel.report(seat, None).unwrap().is_empty());
        seat
    }

    fn stream(&self) -> Arc<Stream> {
        let stream = Stream::mint("s", Attributes::default());
        self.channel.join(&stream, 0, &Checks::default()).unwrap();
        stream
    }

    fn restart(self) -> Rig {
        drop(self.channel);
        open(self.dir, 1000)
    }
}

#[test]
fn a_lease_that_is_dropped_goes_back_in_order() {
    let rig = rig(100);
    let (seat, stream) = (rig.sink(), rig.stream());
    rig.put(&stream, 0, 5).unwrap().forget();
    rig.put(&stream, 5, 9).unwrap().forget();
    drop(rig.take(seat, 7));
    let lease = rig.take(seat, 100).unwrap();
    let ranges: Vec<_> = lease.batches.iter().flat_map(|b| b.events().map(|e| e.range().start)).collect();
    assert_eq!(ranges, (0..9).collect::<Vec<_>>());
    lease.settle(Outcome::Delivered).unwrap();
    assert!(rig.channel.is_drained());
}

#[test]
fn s1_after_a_kill_the_channel_holds_what_was_settled() {
    let rig = rig(100);
    let (seat, stream) = (rig.sink(), rig.stream());
    rig.put(&stream, 0, 20).unwrap().forget();
    rig.take(seat, 7).unwrap().settle(Outcome::Delivered).unwrap();
    assert_eq!(rig.channel.held(stream.id).unwrap().low(), 20);
    let rig = rig.restart();
    assert_eq!(rig.channel.held(stream.id).unwrap().low(), 7);
}

#[test]
fn s3_nothing_is_leased_before_all_sinks_have_reported() {
    let rig = rig(100);
    let (first, second) = (rig.channel.attach("k1", None), rig.channel.attach("k2", None));
    let stream = rig.stream();
    rig.put(&stream, 0, 5).unwrap().forget();
    rig.channel.report(first, None).unwrap();
    assert!(rig.take(first, 10).is_none());
    rig.channel.report(second, None).unwrap();
    assert!(rig.take(first, 10).is_some());
}

#[test]
fn s2_what_a_destination_has_already_is_not_leased_again() {
    let rig = rig(100);
    let seat = rig.channel.attach("k", Some(Destination("d".into())));
    let stream = rig.stream();
    rig.put(&stream, 0, 10).unwrap().forget();
    let mut marks = Marks::new();
    let record = crate::event::StreamRecord {
        source: "s".into(),
        attributes: Attributes::default(),
        mark: crate::event::Mark::at(6),
        checks: Default::default(),
    };
    marks.insert(stream.id, record);
    assert!(rig.channel.report(seat, Some(marks)).unwrap().is_empty());
    assert_eq!(rig.take(seat, 100).unwrap().events(), 4);
    let (_, ledger) = rig.channel.ledgers().remove(0);
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!(ledger.repeats, 6);
}

#[test]
fn s2_a_destination_restored_from_a_backup_sends_the_source_back() {
    let rig = rig(100);
    let seat = rig.channel.attach("k", Some(Destination("d".into())));
    let stream = rig.stream();
    rig.channel.report(seat, None).unwrap();
    rig.put(&stream, 0, 10).unwrap().forget();
    rig.take(seat, 10).unwrap().settle(Outcome::Delivered).unwrap();
    let rig = rig.restart();
    let seat = rig.channel.attach("k", Some(Destination("d".into())));
    assert_eq!(*rig.channel.report(seat, Some(Marks::new())).unwrap(), ["s".into()]);
    assert!(matches!(rig.put(&stream, 10, 12), Err(PutError::Gap { expected: 0 })));
}

#[test]
fn p3_a_span_that_does_not_join_is_refused_and_gives_its_room_back() {
    let rig = rig(10);
    let stream = rig.stream();
    for _ in 0..20 {
        assert!(matches!(rig.put(&stream, 3, 8), Err(PutError::Gap { expected: 0 })));
    }
    assert_eq!(rig.channel.depth().events, 0);
}

#[test]
fn d4_room_returns_when_the_sink_has_delivered_and_not_before() {
    let rig = rig(5);
    let (seat, stream) = (rig.sink(), rig.stream());
    rig.put(&stream, 0, 5).unwrap().forget();
    let one = Limit { events: 1, bytes: 1 };
    let lease = rig.take(seat, 5).unwrap();
    assert!(!rig.channel.reserve(one, Duration::ZERO, &rig.stop));
    lease.settle(Outcome::Delivered).unwrap();
    assert!(rig.channel.reserve(one, Duration::ZERO, &rig.stop));
}

#[test]
fn positions_of_filtered_events_do_not_pile_up() {
    let rig = rig(5);
    let stream = rig.stream();
    for n in 0..1000 {
        let span = Span::new(stream.clone(), n, n + 1);
        rig.channel
            .put("s", Batch::empty(span), Tally::default(), Limit { events: 0, bytes: 0 })
            .unwrap()
            .forget();
    }
    let seat = rig.sink();
    let lease = rig.take(seat, 10).unwrap();
    assert_eq!(lease.batches.len(), 1);
    lease.settle(Outcome::Delivered).unwrap();
    assert_eq!(rig.restart().channel.held(stream.id).unwrap().low(), 1000);
}

#[test]
fn a_damaged_record_is_set_aside_and_the_destinations_are_asked() {
    let rig = rig(10);
    let (seat, stream) = (rig.sink(), rig.stream());
    rig.put(&stream, 0, 5).unwrap().forget();
    rig.take(seat, 5).unwrap().settle(Outcome::Delivered).unwrap();
    let path = rig.dir.path().join("channel-c.marks");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[30] ^= 0xff;
    std::fs::write(&path, bytes).unwrap();
    let rig = rig.restart();
    let _seat = rig.channel.attach("k", None);
    assert!(rig.channel.awaits_reports("s", 0));
}

fn bare(events: u64) -> Batch {
    let mut builder = Builder::default();
    (0..events).for_each(|n| _ = builder.push(n.to_string().as_bytes(), 0..0));
    builder.finish(None)
}

impl Rig {
    fn put_bare(&self, events: u64) -> Receipt {
        let batch = bare(events);
        let want = room_of(&batch);
        assert!(self.channel.reserve(want, Duration::ZERO, &self.stop), "the rig has room");
        self.channel.put("s", batch, Tally { read: events, ..Tally::default() }, want).unwrap()
    }
}

#[test]
fn p4_what_only_passes_through_is_held_once_it_is_delivered() {
    let rig = open_as(End::Front, tempfile::tempdir().unwrap(), 100);
    let seat = rig.sink();
    let (first, second) = (rig.put_bare(3), rig.put_bare(2));
    let lease = rig.take(seat, 3).unwrap();
    assert!(!first.wait(Duration::ZERO), "leased is not delivered");
    lease.settle(Outcome::Delivered).unwrap();
    assert!(first.wait(Duration::ZERO) && !second.wait(Duration::ZERO));
    drop(rig.take(seat, 3).unwrap());
    assert!(!second.wait(Duration::ZERO), "it came back");
    rig.take(seat, 3).unwrap().settle(Outcome::DeadLettered).unwrap();
    assert!(second.wait(Duration::ZERO), "the dead letters have it");
    let stream = rig.stream();
    assert!(rig.put(&stream, 0, 5).unwrap().wait(Duration::ZERO), "it can be read again");
}

#[test]
fn p8_positions_given_to_what_passes_through_are_settled_by_marks_and_forgotten_at_the_next_opening() {
    let rig = open_as(End::Front, tempfile::tempdir().unwrap(), 100);
    let seat = rig.channel.attach("k", Some(Destination("there".into())));
    rig.channel.report(seat, Some(Marks::new())).unwrap();
    rig.put_bare(3).forget();
    let lease = rig.take(seat, 10).unwrap();
    let span = lease.batches[0].span().unwrap().clone();
    assert!(span.stream.id.is_of_log() && (span.from, span.to) == (0, 3));
    lease.settle(Outcome::Delivered).unwrap();
    let mut there = Marks::new();
    rig.channel.look(&mut |book| there = book.record().marks(1));
    assert!(there.contains_key(&span.stream.id));
    let Rig { dir, channel, .. } = rig;
    drop(channel);
    let again = open_as(End::Front, dir, 100);
    let seat = again.channel.attach("k", Some(Destination("there".into())));
    again.channel.report(seat, Some(there)).unwrap();
    assert_eq!(again.channel.retired(seat), [span.stream.id]);
    again.put_bare(1).forget();
    let lease = again.take(seat, 10).unwrap();
    assert_ne!(lease.batches[0].span().unwrap().stream.id, span.stream.id);
}
