//! What is shipped of files, by deserializer, and what becomes of the files.
use super::*;
use crate::flow::Counter;
use crate::tail::testing::Rig;
use std::fs;
use std::time::Duration;

fn rig(more: &[(&str, &str)]) -> Rig {
    let mut values = vec![
        ("spoolDir", "@/in"),
        ("quietTime", "30"),
        ("lateTime", "50"),
        ("drainQuiet", "60"),
        ("rescanInterval", "40"),
    ];
    values.extend_from_slice(more);
    let rig = Rig::new(&SPEC, &values);
    fs::create_dir(rig.path("in")).unwrap();
    rig
}

#[test]
fn files_come_oldest_first_whole_and_are_renamed() {
    let mut rig = rig(&[("basenameHeader", "true")]);
    rig.write("in/b", "b1\r\nb2");
    Stop::new().wait(Duration::from_millis(15));
    rig.write("in/a", "a1\n\na3\n");
    rig.write("in/.hidden", "no");
    rig.write("in/empty", "");
    rig.drain();
    assert_eq!(rig.bodies(), ["b1\r", "b2", "a1", "", "a3"]);
    assert_eq!(rig.events()[0].headers.get("basename"), Some("b"));
    assert!(rig.exists("in/b.COMPLETED") && rig.exists("in/empty.COMPLETED") && !rig.exists("in/a"));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_on() {
    let mut rig = rig(&[("quietTime", "200")]);
    rig.write("in/a", "one\ntw");
    rig.start();
    rig.expect(&["one"]);
    rig.append("in/a", "o\nthree\n");
    rig.expect(&["one", "two", "three"]);
    rig.until("renamed", |rig| rig.exists("in/a.COMPLETED"));
    rig.stop();
}

#[test]
fn a_name_that_comes_again_is_shipped_and_numbered() {
    let mut rig = rig(&[]);
    for text in ["first\n", "second\n"] {
        rig.write("in/a", text);
        rig.drain();
    }
    assert_eq!(rig.bodies(), ["first", "second"]);
    assert_eq!(fs::read_to_string(rig.path("in/a.COMPLETED.1")).unwrap(), "second\n");
}

#[test]
fn a_kill_in_the_middle_repeats_and_loses_nothing() {
    let mut rig = rig(&[("batchSize", "7")]);
    let lines: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
    rig.write("in/a", lines.join("\n") + "\n");
    for _ in 0..5 {
        rig.start();
        Stop::new().wait(Duration::from_millis(20));
        rig.deliver(9);
        rig.kill();
    }
    rig.drain();
    assert_eq!(rig.bodies(), lines);
}

#[test]
fn markers_stand_for_finished_files() {
    let mut rig = rig(&[("trackingPolicy", "tracker_dir"), ("trackerDir", "@/t")]);
    rig.write("in/a", "one\n");
    rig.drain();
    rig.drain();
    assert_eq!(rig.bodies(), ["one"]);
    assert!(rig.exists("in/a") && rig.exists("t/a.COMPLETED"));
}

#[test]
fn undecodable_text_is_set_aside_and_the_others_go_on() {
    let mut rig = rig(&[("decodeErrorPolicy", "FAIL"), ("inputCharset", "GBK")]);
    rig.write("in/bad", b"good\n\xff\xff\nmore\n");
    Stop::new().wait(Duration::from_millis(15));
    rig.write("in/fine", b"\xd6\xd0\xce\xc4\n");
    rig.start();
    rig.expect(&["good", "中文"]);
    assert_eq!(rig.counter(Counter::DecodeErrors), 1);
    assert!(rig.exists("in/bad.FAILED"));
    rig.stop();
}

#[test]
fn t23_long_lines_become_several_events_without_a_phantom() {
    let mut rig = rig(&[("deserializer.maxLineLength", "10")]);
    rig.write("in/a", "1234567890\n12345678901\n😀x\n");
    rig.drain();
    assert_eq!(rig.bodies(), ["1234567890", "1234567890", "1", "😀x"]);
}

#[test]
fn directories_are_searched_when_asked_for() {
    let mut rig = rig(&[("recursiveDirectorySearch", "true"), ("ignorePattern", "no")]);
    rig.write("in/sub/deep/a", "deep\n");
    rig.write("in/no/a", "never\n");
    rig.drain();
    assert_eq!(rig.bodies(), ["deep"]);
    assert!(rig.exists("in/sub/deep/a.COMPLETED"));
}

#[test]
fn links_to_directories_are_not_followed() {
    let mut rig = rig(&[("recursiveDirectorySearch", "true")]);
    rig.write("in/sub/a", "one\n");
    std::os::unix::fs::symlink(rig.path("in"), rig.path("in/sub/loop")).unwrap();
    rig.drain();
    assert_eq!(rig.bodies(), ["one"]);
}

#[test]
fn orders_are_by_age_or_as_the_directory_lists_them() {
    let names = ["in/q", "in/b", "in/z", "in/a", "in/m"];
    for order in ["oldest", "youngest", "random"] {
        let mut rig = rig(&[("consumeOrder", order)]);
        for name in names {
            rig.write(name, format!("{}\n", &name[3..]));
            Stop::new().wait(Duration::from_millis(12));
        }
        let listed =
            fs::read_dir(rig.path("in")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let expected: Vec<String> = match order {
            "oldest" => names.iter().map(|name| name[3..].to_string()).collect(),
            "youngest" => names.iter().rev().map(|name| name[3..].to_string()).collect(),
            _ => listed.collect(),
        };
        // The first listing decides: later ones come after renames.
        rig.drain();
        let mut bodies = rig.bodies();
        if order == "random" {
            assert_eq!(bodies[0], expected[0]);
            bodies.sort();
            assert_eq!(bodies, ["a", "b", "m", "q", "z"]);
        } else {
            assert_eq!(bodies, expected, "{order}");
        }
    }
}

#[test]
fn bodies_are_encoded_as_output_charset_says() {
    let mut rig = rig(&[("deserializer.outputCharset", "ISO-8859-1"), ("inputCharset", "GBK")]);
    rig.write("in/a", b"\xd6\xd0 ok\nplain\n");
    rig.drain();
    assert_eq!(rig.bodies(), ["? ok", "plain"]);
    let mut rig = self::rig(&[("deserializer.outputCharset", "UTF-16BE")]);
    rig.write("in/a", "ab\n");
    rig.write("in/bad", b"\xff\n");
    rig.start();
    rig.until("one is set aside", |rig| rig.exists("in/bad.FAILED"));
    rig.expect(&["\0a\0b"]);
    rig.stop();
}

const BLOBS: (&str, &str) = ("deserializer", "org.apache.flume.sink.solr.morphline.BlobDeserializer$Builder");

#[test]
fn a_blob_is_a_file_and_a_longer_one_comes_in_pieces() {
    let mut rig = rig(&[BLOBS, ("deserializer.maxBlobLength", "10"), ("basenameHeader", "true")]);
    rig.write("in/a", "a\nb\r\nc");
    rig.write("in/empty", "");
    Stop::new().wait(Duration::from_millis(15));
    rig.write("in/long", "0123456789ABCDEFGHIJxyz");
    Stop::new().wait(Duration::from_millis(15));
    rig.write("in/whole", "0123456789");
    rig.drain();
    assert_eq!(rig.bodies(), ["a\nb\r\nc", "0123456789", "ABCDEFGHIJ", "xyz", "0123456789"]);
    assert_eq!(rig.events()[3].headers.get("basename"), Some("long"));
    assert!(["a", "empty", "long", "whole"].iter().all(|name| rig.exists(&format!("in/{name}.COMPLETED"))));
}

#[test]
fn a_blob_that_grows_is_one_event_once_it_is_still() {
    let mut rig = rig(&[("deserializer", "BLOB"), ("quietTime", "150")]);
    let half = "x".repeat(400_000);
    rig.write("in/a", &half);
    rig.start();
    rig.settle(40);
    rig.append("in/a", &half);
    rig.until("it is there", |rig| rig.exists("in/a.COMPLETED"));
    assert_eq!(rig.bodies().iter().map(String::len).collect::<Vec<_>>(), [800_000]);
    rig.stop();
}

#[test]
fn deserializers_that_are_not_here_are_refused_by_name() {
    let told = |more: &[(&str, &str)]| {
        let mut values: crate::config::Values = [("spoolDir".to_string(), "/x".to_string())].into();
        values.extend(more.iter().map(|(k, v)| (k.to_string(), v.to_string())));
        let pulse = crate::flow::Pulse::new(Kind::Source, "s", "x");
        let at = At { name: "s", values: &values, place: &Default::default(), pulse: &pulse, channels: &[] };
        build(&at).err()
    };
    let refusal = told(&[("deserializer", "com.example.Mine$Builder")]).unwrap();
    assert_eq!(
        (refusal.key.as_deref(), refusal.instead.as_deref()),
        (Some("deserializer"), Some("LINE, AVRO or BLOB"))
    );
    let refusal = told(&[("deserializer.outputCharset", "ISO-2022-KR")]).unwrap();
    assert_eq!(refusal.key.as_deref(), Some("deserializer.outputCharset"));
    for name in ["line", "org.apache.flume.serialization.LineDeserializer$Builder", "avro", BLOBS.1] {
        assert!(told(&[("deserializer", name)]).is_none(), "{name}");
    }
}

#[test]
fn keys_of_another_deserializer_are_named() {
    let told = |more: &[(&str, &str)]| {
        let values = more.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let pulse = crate::flow::Pulse::new(Kind::Source, "s", "x");
        idle(&At { name: "s", values: &values, place: &Default::default(), pulse: &pulse, channels: &[] })
    };
    let all =
        [("inputCharset", "GBK"), ("deserializer.schemaType", "HASH"), ("deserializer.maxBlobLength", "9")];
    assert_eq!(told(&all), ["deserializer.schemaType", "deserializer.maxBlobLength"]);
    let with = |name| told(&[&all[..], &[("deserializer", name)]].concat());
    assert_eq!(with("AVRO"), ["inputCharset", "deserializer.maxBlobLength"]);
    assert_eq!(with("BLOB"), ["inputCharset", "deserializer.schemaType"]);
}

mod avro;
