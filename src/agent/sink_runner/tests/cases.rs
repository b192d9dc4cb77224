//! One thing after the other that can happen to a lease, a report or a member.
use super::*;

#[test]
fn a_member_that_fails_hands_its_lease_to_the_next_and_marks_go_with_places() {
    let mut rig = Rig::new(vec![vec![Fate::Takes, Fate::NotThere], vec![]]);
    rig.processor.1 = vec![("maxpenalty", "600000")];
    rig.put(12);
    rig.drained();
    assert_eq!(rig.got(0), [0, 1, 2, 3]);
    assert_eq!(rig.got(1), [4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(rig.place(0), Mark::at(40));
    assert_eq!(rig.place(1), range(40, 120));
    assert_eq!((rig.twice(), rig.counted(0, Counter::Retries)), (0, 1));
}

#[test]
fn a_member_that_has_recovered_gets_the_next_events() {
    let mut rig = Rig::new(vec![vec![Fate::NotThere], vec![]]);
    rig.put(4);
    rig.start();
    rig.until("delivered", |rig| rig.got(1).len() == 4);
    thread::park_timeout(Duration::from_millis(5));
    rig.put(4);
    rig.until("drained", |rig| rig.channel.is_drained());
    rig.end();
    assert_eq!(rig.got(0), [4, 5, 6, 7]);
}

#[test]
fn t18_positions_alone_do_not_make_a_failed_member_the_active_one() {
    let mut rig = Rig::new(vec![vec![], vec![]]);
    rig.put_batch(Batch::empty(Span::new(rig.stream.clone(), 0, 10)));
    rig.drained();
    assert_eq!((far(&rig.fars[0]).tries, rig.succeeded()), (1, vec![]));
    let mut rig = Rig::new(vec![vec![], vec![]]);
    rig.put(1);
    rig.drained();
    assert_eq!((far(&rig.fars[0]).tries, rig.succeeded()), (1, vec![0]));
}

#[test]
fn with_nobody_there_the_lease_waits_and_nothing_is_lost() {
    let mut rig = Rig::new(vec![vec![Fate::NotThere; 3], vec![Fate::NotThere; 2], vec![Fate::NotThere; 4]]);
    rig.put(10);
    rig.drained();
    let mut all: Vec<u64> = (0..3).flat_map(|index| rig.got(index)).collect();
    all.sort_unstable();
    assert_eq!(all, (0..10).collect::<Vec<_>>());
    assert_eq!(rig.twice(), 0);
}

#[test]
fn d2_a_member_that_tells_it_has_all_keeps_it() {
    let mut rig = Rig::new(vec![vec![doubt(4, 0)], vec![]]);
    rig.put(4);
    rig.drained();
    assert_eq!((rig.got(0), rig.got(1)), (vec![0, 1, 2, 3], vec![]));
    assert_eq!(rig.twice(), 0);
    assert_eq!(rig.counted(0, Counter::Delivered), 4);
    assert_eq!(rig.place(0), Mark::at(40));
}

#[test]
fn d2_a_member_that_tells_it_has_nothing_lets_the_next_one_have_it() {
    let mut rig = Rig::new(vec![vec![doubt(0, 0)], vec![]]);
    rig.put(4);
    rig.drained();
    assert_eq!((rig.got(0), rig.got(1)), (vec![], vec![0, 1, 2, 3]));
    assert_eq!(rig.twice(), 0);
}

#[test]
fn d2_of_what_a_member_has_in_part_the_others_get_the_rest_and_record_no_more() {
    let mut rig = Rig::new(vec![vec![doubt(1, 0)], vec![]]);
    rig.processor.1 = vec![("maxpenalty", "600000")];
    rig.put(4);
    rig.drained();
    assert_eq!((rig.got(0), rig.got(1)), (vec![0], vec![1, 2, 3]));
    assert_eq!(rig.twice(), 0);
    assert_eq!((rig.place(0), rig.place(1)), (Mark::at(10), range(10, 40)));
    let told = far(&rig.fars[1]).marks[&rig.stream.id].mark.clone();
    assert_eq!(told, range(10, 40));
}

#[test]
fn d2_what_a_member_cannot_tell_of_goes_elsewhere_and_is_counted() {
    let mut rig = Rig::new(vec![vec![doubt(4, 1)], vec![]]);
    rig.put(4);
    rig.drained();
    assert_eq!((rig.got(0), rig.got(1)), (vec![0, 1, 2, 3], vec![0, 1, 2, 3]));
    assert_eq!((rig.counted(0, Counter::PossiblyTwice), rig.twice()), (4, 4));
}

#[test]
fn d2_before_its_next_use_a_member_in_doubt_is_asked_again() {
    // It cannot tell at once; the next member fails; then it tells, and has everything.
    let mut rig = Rig::new(vec![vec![doubt(4, 1)], vec![Fate::NotThere]]);
    rig.put(4);
    rig.drained();
    assert_eq!((rig.got(0), rig.got(1)), (vec![0, 1, 2, 3], vec![]));
    assert_eq!(rig.twice(), 0, "nothing was delivered twice, so nothing is counted");
}

#[test]
fn d2_in_doubt_with_two_members_is_counted_once() {
    let mut rig = Rig::new(vec![vec![doubt(4, NEVER)], vec![doubt(0, NEVER)], vec![]]);
    rig.put(4);
    rig.drained();
    assert_eq!(rig.got(2), [0, 1, 2, 3]);
    assert_eq!(rig.twice(), 4);
}

#[test]
fn d2_without_a_record_nobody_can_tell() {
    let mut rig = Rig::new(vec![vec![doubt(4, 0)], vec![]]);
    far(&rig.fars[0]).keeps_record = false;
    rig.put(4);
    rig.drained();
    assert_eq!(rig.got(1), [0, 1, 2, 3]);
    assert_eq!(rig.twice(), 4);
}

#[test]
fn d2_events_without_a_position_are_counted_whoever_tells() {
    let mut rig = Rig::new(vec![vec![doubt(0, 0)], vec![]]);
    rig.put(1);
    let mut builder = Builder::default();
    builder.push(b"x", 0..0).push(b"y", 0..0);
    rig.put_batch(builder.finish(None));
    rig.drained();
    assert_eq!(rig.twice(), 2, "of the one with a position it has told that it is not there");
}

#[test]
fn d2_with_exactly_once_the_lease_waits_until_the_member_tells() {
    let mut rig = Rig::new(vec![vec![doubt(4, 5)], vec![]]);
    rig.exactly_once = true;
    rig.put(4);
    rig.drained();
    assert_eq!((rig.got(0), rig.got(1)), (vec![0, 1, 2, 3], vec![]));
    assert_eq!(rig.twice(), 0);
    let mut rig = Rig::new(vec![vec![doubt(0, 5)], vec![]]);
    rig.exactly_once = true;
    rig.put(4);
    rig.drained();
    assert_eq!(
        (rig.got(0), rig.got(1)),
        (vec![], vec![0, 1, 2, 3]),
        "once it has told, the next may have it"
    );
    assert_eq!(rig.twice(), 0);
}

#[test]
fn d2_with_exactly_once_and_no_record_the_lease_stays_where_it_is() {
    let mut rig = Rig::new(vec![vec![doubt(4, 0), Fate::NotThere], vec![]]);
    far(&rig.fars[0]).keeps_record = false;
    rig.exactly_once = true;
    rig.put(4);
    rig.drained();
    assert_eq!(rig.got(0), [0, 1, 2, 3, 0, 1, 2, 3]);
    assert!(rig.got(1).is_empty());
    assert_eq!(rig.twice(), 4);
}

#[test]
fn d2_a_lone_sink_waits_until_its_destination_tells() {
    for (fate, expected) in [(doubt(4, 3), 4), (doubt(0, 3), 4), (doubt(2, 3), 4)] {
        let mut rig = Rig::new(vec![vec![fate]]);
        rig.processor = ("default", vec![]);
        rig.put(4);
        rig.drained();
        assert_eq!(rig.got(0), [0, 1, 2, 3], "{fate:?}");
        assert_eq!((rig.counted(0, Counter::Delivered), rig.twice()), (expected, 0), "{fate:?}");
    }
}

#[test]
fn k2_a_member_that_is_fenced_is_out_for_good_and_the_group_goes_on() {
    let mut rig = Rig::new(vec![vec![Fate::Fenced], vec![]]);
    rig.put(12);
    rig.drained();
    assert_eq!((rig.got(0).len(), rig.got(1).len()), (0, 12));
    assert_eq!(far(&rig.fars[0]).tries, 1);
    assert!(!rig.fenced.load(SeqCst));
    assert_eq!(rig.pulses[0].trouble().unwrap().0, "another process has it");
}

#[test]
fn k2_with_every_member_fenced_the_group_ends_and_keeps_what_it_has() {
    let mut rig = Rig::new(vec![vec![Fate::Fenced], vec![Fate::Takes, Fate::Fenced]]);
    rig.put(8);
    rig.start();
    rig.until("it ends", |rig| rig.fenced.load(SeqCst));
    rig.end();
    assert_eq!(rig.got(1), [0, 1, 2, 3]);
    assert!(!rig.channel.is_drained());
}

#[test]
fn a_defect_ends_one_member_and_what_it_held_is_in_doubt() {
    let mut rig = Rig::new(vec![vec![Fate::Panics], vec![]]);
    rig.put(4);
    rig.drained();
    assert_eq!(rig.got(1), [0, 1, 2, 3]);
    assert_eq!(rig.twice(), 4);
    assert_eq!(rig.pulses[0].trouble().unwrap().0, "a defect ended it: a bug");
}

#[test]
fn d1_what_a_member_refuses_is_set_aside_as_its_own() {
    let mut rig = Rig::new(vec![vec![Fate::Refuses], vec![]]);
    rig.put(4);
    rig.drained();
    assert!(rig.got(0).is_empty() && rig.got(1).is_empty());
    assert_eq!(rig.counted(0, Counter::DeadLettered), 4);
    assert_eq!(std::fs::read_dir(rig.dir.path().join("dead-letters/k1")).unwrap().count(), 4);
}

#[test]
fn d1_single_events_that_are_refused_are_set_aside_and_the_others_arrive() {
    let mut rig = Rig::new(vec![vec![Fate::RefusesFirst]]);
    rig.put(4);
    rig.drained();
    assert_eq!(rig.got(0), [1, 2, 3]);
    assert_eq!((rig.counted(0, Counter::DeadLettered), rig.counted(0, Counter::Delivered)), (1, 3));
    assert_eq!(std::fs::read_dir(rig.dir.path().join("dead-letters/k1")).unwrap().count(), 1);
    let (_, ledger) = rig.channel.ledgers().pop().unwrap();
    assert_eq!((ledger.dead_lettered, ledger.delivered, ledger.balances()), (1, 3, true));
}

#[test]
fn s3_a_member_that_cannot_report_delays_its_group_only_so_long_and_is_asked_before_its_first_use() {
    let mut rig = Rig::new(vec![vec![Fate::NotThere], vec![]]);
    rig.report_timeout = 50;
    // It has the first two of an earlier life, and is deaf until the group has gone on.
    let first = Span::new(rig.stream.clone(), 0, 20);
    far(&rig.fars[1]).take(&[Batch::empty(first)]);
    far(&rig.fars[1]).deaf = NEVER;
    rig.put(4);
    let began = Instant::now();
    rig.start();
    rig.until("it goes on", |rig| far(&rig.fars[0]).tries > 0);
    assert!(began.elapsed() >= Duration::from_millis(50));
    far(&rig.fars[1]).deaf = 0;
    rig.until("drained", |rig| rig.channel.is_drained());
    rig.end();
    let mut all = [rig.got(0), rig.got(1)].concat();
    all.sort_unstable();
    // Either the late report came in time, or the first member was back sooner.
    assert!(all == [2, 3] || rig.got(0) == [0, 1, 2, 3], "{:?} {:?}", rig.got(0), rig.got(1));
}

#[test]
fn s3_a_late_report_takes_from_the_lease_what_the_member_has() {
    let mut rig = Rig::new(vec![vec![Fate::NotThere; 200], vec![]]);
    rig.report_timeout = 0;
    far(&rig.fars[1]).take(&[Batch::empty(Span::new(rig.stream.clone(), 0, 20))]);
    far(&rig.fars[1]).deaf = 2;
    rig.put(4);
    rig.drained();
    assert_eq!((rig.got(0), rig.got(1)), (vec![], vec![2, 3]));
    assert_eq!(rig.place(1), Mark::at(40));
}

#[test]
fn s3_with_exactly_once_the_group_waits_for_every_report() {
    let mut rig = Rig::new(vec![vec![], vec![]]);
    (rig.exactly_once, rig.report_timeout) = (true, 0);
    far(&rig.fars[1]).take(&[Batch::empty(Span::new(rig.stream.clone(), 0, 40))]);
    far(&rig.fars[1]).deaf = 5;
    rig.put(4);
    rig.drained();
    assert!(rig.got(0).is_empty() && rig.got(1).is_empty(), "all of it was there");
}

#[test]
fn load_balance_shares_the_leases_out() {
    let mut rig = Rig::new(vec![vec![], vec![], vec![]]);
    rig.processor = ("load_balance", vec![]);
    rig.put(24);
    rig.drained();
    assert_eq!([rig.got(0).len(), rig.got(1).len(), rig.got(2).len()], [8, 8, 8]);
    assert_eq!(rig.place(1).ranges().len(), 2, "a range for each lease that others stand between");
}

#[test]
fn what_went_back_to_wait_for_more_comes_once_and_in_order() {
    let mut rig = Rig::new(vec![vec![], vec![]]);
    far(&rig.fars[0]).gathers = Duration::from_secs(60);
    rig.start();
    for _ in 0..7 {
        rig.put(1);
    }
    rig.until("drained", |rig| rig.channel.is_drained());
    rig.end();
    assert_eq!(rig.got(0), [0, 1, 2, 3, 4, 5, 6]);
    assert!(far(&rig.fars[0]).tries >= 2, "four fit into one");
}
