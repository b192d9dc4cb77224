//! The brokers themselves: what the other tests take for granted of them.
use crate::support::kafka::{Broker, Kcat, Version};

fn lines(from: u32, to: u32) -> Vec<u8> {
    (from..to).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

fn a_thousand_lines_go_through(broker: &Broker) {
    broker.create("lines", 3, &["retention.ms=-1"]);
    let kcat = Kcat::at(broker);
    kcat.produce("lines", 2, &lines(0, 1000));
    assert_eq!(kcat.consume("lines", 2), lines(0, 1000));
}

#[test]
fn version_3_keeps_its_address_and_its_lines_through_kill_9() {
    let mut broker = Broker::start(Version::V3, &[]);
    a_thousand_lines_go_through(&broker);
    let address = broker.bootstrap().to_string();
    broker.kill();
    broker.restart();
    assert_eq!(broker.bootstrap(), address);
    let kcat = Kcat::at(&broker);
    kcat.clone().with("transactional.id=t").produce("lines", 2, &lines(1000, 1100));
    assert_eq!(kcat.consume("lines", 2), lines(0, 1100));
    assert_eq!(kcat.consume_all("lines").len(), kcat.consume_uncommitted("lines").len());
}

#[test]
fn the_newest_version_takes_a_thousand_lines() {
    let mut broker = Broker::start(Version::Newest, &[]);
    a_thousand_lines_go_through(&broker);
    broker.stop();
}

#[test]
fn version_0_with_its_zookeeper_takes_a_thousand_lines() {
    let mut broker = Broker::start(Version::V0, &[]);
    a_thousand_lines_go_through(&broker);
    broker.stop();
}
