//! Random calls, then a power cut: each byte and each length is one that the file had at its last sync or since.
use super::*;

const FILES: [&str; 3] = ["/log/a", "/log/b", "/log/c"];

/// What a file was at its last sync, and after every change since.
type Since = Vec<Vec<u8>>;

/// Makes random changes to files whose names are durable.
fn run(disk: &SimulatedDisk, random: &mut Random) -> Vec<Since> {
    let files: Vec<_> = FILES.iter().map(|path| kept(disk, path, b"")).collect();
    let mut since: Vec<Since> = vec![vec![Vec::new()]; FILES.len()];
    for _ in 0..random.below(60) {
        let at = random.below(FILES.len() as u64) as usize;
        let (file, end) = (&files[at], files[at].len().unwrap());
        match random.below(10) {
            0..5 => write(file, end, &vec![random.draw() as u8; random.below(1500) as usize]),
            5 => write(file, random.below(end + 1), &vec![random.draw() as u8; random.below(1500) as usize]),
            6 => file.set_len(random.below(end + 600)).unwrap(),
            7 => file.allocate(end + random.below(5000) + 1).unwrap(),
            _ => {
                file.sync().unwrap();
                since[at].clear();
            }
        }
        since[at].push(found(disk, FILES[at]).unwrap());
    }
    since
}

/// What is wrong with a file that was found.
fn wrong(content: &[u8], since: &Since) -> Option<String> {
    if !since.iter().any(|then| then.len() == content.len()) {
        return Some(format!("length {}", content.len()));
    }
    let had = |at: usize, byte: u8| since.iter().any(|then| then.get(at).copied().unwrap_or(0) == byte);
    let (at, byte) = content.iter().enumerate().find(|(at, byte)| !had(*at, **byte))?;
    Some(format!("byte {at} is {byte}"))
}

/// What is wrong after the power cuts of many histories.
fn all_wrong(prepare: impl Fn(&SimulatedDisk)) -> Vec<String> {
    let mut all = Vec::new();
    for seed in 0..100 {
        let disk = disk();
        prepare(&disk);
        let since = run(&disk, &mut Random::new(seed));
        disk.power_cut_seeded(seed);
        for (path, since) in FILES.iter().zip(&since) {
            let content = found(&disk, path).unwrap_or_default();
            all.extend(wrong(&content, since).map(|what| format!("seed {seed}: {path}: {what}")));
        }
    }
    all
}

#[test]
fn a_power_cut_leaves_what_was_synced_or_what_was_there_since() {
    assert_eq!(all_wrong(|_| ()), [""; 0]);
}

#[test]
fn lies_about_syncs_are_found_out_this_way() {
    for lie in [Lie::SyncDoesNothing, Lie::SyncSkips("b"), Lie::SyncIsOneBehind, Lie::SyncForgetsAppends] {
        assert!(!all_wrong(|disk| disk.tell(lie)).is_empty(), "{lie:?}");
    }
}
