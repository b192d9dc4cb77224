//! Where a source begins and goes on, and what it says of what is not there.
use super::{agent, arrives, broker, numbered, out, says, shows};
use crate::support::kafka::{Client, Kcat, Version};
use crate::support::until;

#[test]
fn p7_a_topic_begins_where_it_was_asked_to() {
    let broker = broker(Version::V3);
    broker.create("lines", 2, &[]);
    let kcat = Kcat::at(&broker);
    kcat.produce("lines", 0, numbered(0, 10).as_bytes());
    kcat.produce("lines", 1, numbered(10, 20).as_bytes());
    // Offsets of a file; the second partition by the reset.
    let mut by_file = agent(&broker, "startFrom = offsets\ngroupId = file\nauto.offset.reset = smallest");
    std::fs::write(by_file.path("offsets"), "# from ZooKeeper\nlines 0=7\n").unwrap();
    by_file.start();
    assert!(until(|| out(&by_file).len() >= numbered(7, 20).len()), "{}", by_file.story());
    let mut lines: Vec<_> = out(&by_file).lines().map(str::to_string).collect();
    lines.sort_by_key(|line| line[5..].parse::<u32>().unwrap());
    assert_eq!(lines.join("\n") + "\n", numbered(7, 20));
    by_file.stop();
    // Once it has begun, the file has done its work.
    std::fs::remove_file(by_file.path("offsets")).unwrap();
    kcat.produce("lines", 0, b"line 20\n");
    by_file.start();
    assert!(until(|| out(&by_file).ends_with("line 20\n")), "{}", by_file.story());
    by_file.stop();
    // Whoever needs it says what it waits for.
    let mut without = agent(&broker, "startFrom = nowhere\ngroupId = other");
    without.start();
    shows(&without, "which `startFrom` names: No such file");
    std::fs::write(without.path("nowhere"), "0=10\n1=10\n").unwrap();
    arrives(&without, "line 20\n");
    without.stop();
    // With what comes from now on, also through a kill before anything came.
    let mut latest = agent(&broker, "startFrom = latest\ngroupId = late");
    latest.start();
    says(&latest, "begins partition 0 of `lines` at 11");
    assert!(until(|| Client::at(&broker).committed("late", "lines", 0) == Some(11)), "{}", latest.story());
    latest.kill();
    kcat.produce("lines", 0, numbered(21, 30).as_bytes());
    latest.start();
    arrives(&latest, &numbered(21, 30));
    latest.stop();
}

#[test]
fn a_topic_that_was_made_anew_is_read_from_its_beginning() {
    let broker = broker(Version::V3);
    broker.create("lines", 1, &[]);
    let (kcat, client) = (Kcat::at(&broker), Client::at(&broker));
    let mut agent = agent(&broker, "");
    kcat.produce("lines", 0, numbered(0, 10).as_bytes());
    agent.start();
    arrives(&agent, &numbered(0, 10));
    agent.stop();
    // Longer than before: only the messages tell.
    client.delete("lines");
    broker.create("lines", 1, &[]);
    kcat.produce("lines", 0, numbered(10, 30).as_bytes());
    agent.start();
    arrives(&agent, &numbered(0, 30));
    says(&agent, "topic `lines` was made anew");
    agent.stop();
    // Shorter, while it runs.
    agent.start();
    client.delete("lines");
    shows(&agent, "topic `lines`, which is not there");
    broker.create("lines", 1, &[]);
    kcat.produce("lines", 0, numbered(30, 35).as_bytes());
    arrives(&agent, &numbered(0, 35));
    agent.stop();
}

#[test]
fn messages_that_were_deleted_unread_are_named() {
    let broker = broker(Version::V3);
    broker.create("lines", 1, &[]);
    let (kcat, client) = (Kcat::at(&broker), Client::at(&broker));
    let mut agent = agent(&broker, "");
    kcat.produce("lines", 0, numbered(0, 10).as_bytes());
    agent.start();
    arrives(&agent, &numbered(0, 10));
    agent.stop();
    kcat.produce("lines", 0, numbered(10, 30).as_bytes());
    client.delete_below("lines", 0, 20);
    agent.start();
    arrives(&agent, &(numbered(0, 10) + &numbered(20, 30)));
    says(&agent, "deleted 10 offsets of partition 0 of `lines` before source `r1` read them: 10..20");
    agent.stop();
}

#[test]
fn topics_that_match_are_read_when_they_appear() {
    let broker = broker(Version::V3);
    let mut agent = agent(&broker, "kafka.topics.regex = app-(\\\\d+)");
    agent.start();
    shows(&agent, "topics that match `app-(\\d+)`: there is none");
    let kcat = Kcat::at(&broker);
    let mut expected = String::new();
    for (index, topic) in ["app-1", "other", "app-22"].into_iter().enumerate() {
        broker.create(topic, 1, &[]);
        let text = numbered(10 * index as u32, 10 * index as u32 + 10);
        kcat.produce(topic, 0, text.as_bytes());
        if topic != "other" {
            expected += &text;
            arrives(&agent, &expected);
        }
    }
    agent.stop();
}

#[test]
fn brokers_and_topics_that_are_not_there_are_waited_for_and_not_made() {
    let mut broker = broker(Version::V3);
    broker.stop();
    let mut agent = agent(&broker, "");
    agent.start();
    shows(&agent, &format!("waiting for brokers `{}`: no broker answers", broker.bootstrap()));
    broker.restart();
    shows(&agent, "topic `lines`, which is not there");
    assert!(!Kcat::at(&broker).listing("other").contains("topic \"lines\""), "it was made");
    broker.create("lines", 1, &[]);
    Kcat::at(&broker).produce("lines", 0, numbered(0, 10).as_bytes());
    arrives(&agent, &numbered(0, 10));
    shows(&agent, "waiting for input (messages)");
    agent.stop();
}

#[test]
fn old_brokers_and_the_newest_are_read_too() {
    for version in [Version::V0, Version::Newest] {
        let broker = broker(version);
        broker.create("lines", 1, &[]);
        let mut agent = agent(&broker, "");
        Kcat::at(&broker).produce("lines", 0, numbered(0, 10).as_bytes());
        agent.start();
        arrives(&agent, &numbered(0, 10));
        agent.kill();
        Kcat::at(&broker).produce("lines", 0, numbered(10, 20).as_bytes());
        agent.start();
        arrives(&agent, &numbered(0, 20));
        agent.stop();
    }
}
