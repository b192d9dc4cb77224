//! The first start after Flume or a Java plug-in: what they had read is not read again, and what scripts look at goes
//! on being written.
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::support::{Agent, rolled, until};

const ENDS: &str = "
a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = file_roll
a1.sinks.k1.channel = c1
a1.sinks.k1.sink.directory = @DIR@/out
a1.sinks.k1.syncInterval = 20
";

/// As the samples' authors wrote their files: 100 lines are 792 bytes, 200 are 1692.
fn lines(numbers: RangeInclusive<u32>) -> String {
    numbers.map(|n| format!("line {n}\n")).collect()
}

fn append(agent: &Agent, file: &str, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(agent.path(file)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn out(agent: &Agent) -> String {
    String::from_utf8(rolled(&agent.path("out"))).unwrap()
}

fn arrives(agent: &Agent, expected: &str) {
    until(|| out(agent).len() >= expected.len());
    assert_eq!(out(agent), expected, "{}", agent.story());
}

fn appears(agent: &Agent, file: &str) {
    assert!(until(|| agent.path(file).exists()), "no `{file}`\n{}", agent.story());
}

/// A zig-zag varint, as Avro writes lengths.
fn varint(value: usize) -> Vec<u8> {
    let (mut rest, mut bytes) = (value << 1, Vec::new());
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// A sample that the Java code wrote, for a file elsewhere.
fn meta(sample: &str, path: &Path) -> Vec<u8> {
    let name = format!("tests/seed-configs/legacy-state/{sample}");
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let key = b"\x08file";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap() + key.len();
    let length = usize::from(bytes[at] >> 1);
    let path = path.to_str().unwrap().as_bytes();
    [&bytes[..at], &varint(path.len()), path, &bytes[at + 1 + length..]].concat()
}

/// An agent with a directory as the Java code left it: a file, and how much of it was read.
fn left(source: &str, tracker: &str, sample: &str, file: &str, written: &str) -> Agent {
    let agent = Agent::new(&(ENDS.to_string() + source));
    fs::create_dir_all(agent.path("in").join(tracker)).unwrap();
    append(&agent, file, written);
    let bytes = meta(sample, &agent.path(file));
    fs::write(agent.path("in").join(tracker).join(format!(".{sample}")), bytes).unwrap();
    agent
}

#[test]
fn a_position_of_flumes_spooldir_is_gone_on_from() {
    let source =
        "a1.sources.r1.type = spooldir\na1.sources.r1.spoolDir = @DIR@/in\na1.sources.r1.quietTime = 50\n";
    let mut agent = left(source, ".flumespool", "flumespool-main.meta", "in/abc.log", &lines(1..=150));
    agent.start();
    arrives(&agent, &lines(101..=150));
    appears(&agent, "in/abc.log.COMPLETED");
    agent.kill();
    // The position that is still there stands for a file of the past.
    append(&agent, "in/abc.log", &lines(1..=150));
    agent.start();
    arrives(&agent, &(lines(101..=150) + &lines(1..=150)));
    agent.stop();
}

#[test]
fn a_position_for_a_file_that_is_gone_stands_for_no_later_one_of_its_name() {
    let source =
        "a1.sources.r1.type = spooldir\na1.sources.r1.spoolDir = @DIR@/in\na1.sources.r1.quietTime = 50\n";
    let mut agent = left(source, ".flumespool", "flumespool-main.meta", "in/abc.log", "");
    fs::remove_file(agent.path("in/abc.log")).unwrap();
    agent.start();
    appears(&agent, "state/imported/r1");
    append(&agent, "in/abc.log", &lines(1..=150));
    arrives(&agent, &lines(1..=150));
    appears(&agent, "in/abc.log.COMPLETED");
    // Nor for one that comes while it runs.
    append(&agent, "in/abc.log", &lines(1..=120));
    arrives(&agent, &(lines(1..=150) + &lines(1..=120)));
    agent.stop();
}

#[test]
fn a_position_of_the_platforms_file_source_is_gone_on_from() {
    let source = "a1.sources.r1.type = com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldir.SpoolDirectorySource\n\
                  a1.sources.r1.spoolDir = @DIR@/in\na1.sources.r1.readyInterval = 50\n";
    let mut agent = left(source, ".flumespool", "flumespool-main.meta", "in/abc.log", &lines(1..=150));
    agent.start();
    arrives(&agent, &lines(101..=150));
    appears(&agent, "in/abc.log.COMPLETED");
    agent.stop();
}

/// ningg's plug-in and the platform's Roll File Source, on an hourly file that is followed.
fn followed(class: &str) {
    let source = format!(
        "a1.sources.r1.type = {class}\na1.sources.r1.spoolDir = @DIR@/in\na1.sources.r1.targetFilename = yyyyMMddHH\n\
         a1.sources.r1.targetPattern = .*(\\\\d){{4}}(\\\\d){{2}}(\\\\d){{2}}(\\\\d){{2}}.*\n\
         a1.sources.r1.quietTime = 100\n"
    );
    let (sample, file) = ("flumespooltailfile-main.meta", "in/010_2017041212");
    let mut agent = left(&source, ".flumespooltail", sample, file, &lines(1..=250));
    agent.start();
    arrives(&agent, &lines(201..=250));
    agent.kill();
    append(&agent, file, &lines(251..=260));
    agent.start();
    arrives(&agent, &lines(201..=260));
    append(&agent, "in/010_2017041213", &lines(261..=270));
    arrives(&agent, &lines(201..=270));
    appears(&agent, "in/010_2017041212.COMPLETED");
    agent.stop();
    assert_eq!(out(&agent), lines(201..=270), "{}", agent.story());
}

#[test]
fn a_position_of_ninggs_plug_in_is_gone_on_from() {
    followed("com.github.ningg.flume.source.SpoolDirectoryTailFileSource");
}

#[test]
fn a_position_of_the_platforms_roll_file_source_is_gone_on_from() {
    followed(
        "com.cmos.bomc.dataflowkit.cmcconline.flume.source.spooldirectorytailfile.SpoolDirectoryTailFileSource",
    );
}

#[test]
fn flumes_taildir_positions_are_gone_on_from_and_written_as_flume_writes_them() {
    let source = "a1.sources.r1.type = TAILDIR\na1.sources.r1.filegroups = g\n\
                  a1.sources.r1.filegroups.g = @DIR@/in/.*\\\\.log\na1.sources.r1.positionFile = @DIR@/pos/p.json\n";
    let mut agent = Agent::new(&(ENDS.to_string() + source));
    for dir in ["in", "pos"] {
        fs::create_dir(agent.path(dir)).unwrap();
    }
    append(&agent, "in/a.log", &lines(1..=250));
    append(&agent, "in/b.log", &lines(1..=100));
    let position = |file: &str, at: usize| {
        let path = agent.path(file);
        let inode = fs::metadata(&path).unwrap().ino();
        format!("{{\"inode\":{inode},\"pos\":{at},\"file\":\"{}\"}}", path.display())
    };
    // One file in part, one to its end, and one that is no more.
    let gone = "{\"inode\":1,\"pos\":5,\"file\":\"/gone.log\"}";
    let before = format!("[{gone},{},{}]", position("in/a.log", 1692), position("in/b.log", 792));
    let all = lines(201..=250).len() + 1692;
    let after = |a: usize, b: usize| format!("[{},{}]", position("in/a.log", a), position("in/b.log", b));
    let (stopped, later) = (after(all, 792), after(all + 10, 792));
    fs::write(agent.path("pos/p.json"), before).unwrap();
    agent.start();
    arrives(&agent, &lines(201..=250));
    agent.stop();
    assert_eq!(fs::read_to_string(agent.path("pos/p.json")).unwrap(), stopped);
    assert!(agent.log().contains("was left by Flume: 3 positions imported"), "{}", agent.story());
    append(&agent, "in/a.log", "line 1000\n");
    agent.start();
    arrives(&agent, &(lines(201..=250) + "line 1000\n"));
    agent.stop();
    assert_eq!(fs::read_to_string(agent.path("pos/p.json")).unwrap(), later);
}
