//! Crashes at a chosen call, and histories that repeat.
use super::*;

/// Some calls that depend on one another, up to the first that fails.
fn history(disk: &SimulatedDisk) -> io::Result<()> {
    let dir = Path::new(DIR);
    disk.create_dir_all(dir)?;
    let _lock = disk.lock(&dir.join("lock")).map_err(|error| match error {
        crate::sys::LockError::Io(error) => error,
        owned => panic!("{owned:?}"),
    })?;
    for number in 0..4u8 {
        let path = dir.join(format!("{number}.new"));
        let file = disk.create(&path)?;
        file.allocate(4096)?;
        write_all_at(&*file, &mut [IoSlice::new(&[number + 1; 700]), IoSlice::new(&[9; 700])], 0)?;
        file.sync()?;
        disk.rename(&path, &dir.join(number.to_string()))?;
        disk.sync_dir(dir)?;
    }
    disk.remove(&dir.join("0"))
}

fn state(disk: &SimulatedDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let content = |path: PathBuf| (path.clone(), disk.content(&path).unwrap());
    disk.paths().into_iter().map(content).collect()
}

fn crashed_at(seed: u64, number: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    disk.crash_at(number);
    let error = history(&disk).unwrap_err();
    assert!(is_crash(&error), "{error}");
    assert!(is_crash(&disk.list(Path::new(DIR)).unwrap_err()), "all later calls fail too");
    assert_eq!(disk.calls(), number + 1, "and do not count");
    disk
}

#[test]
fn a_history_repeats_up_to_the_crash_and_so_does_what_is_left() {
    let whole = SimulatedDisk::new(3);
    history(&whole).unwrap();
    for number in 0..whole.calls() {
        let (one, two) = (crashed_at(3, number), crashed_at(3, number));
        assert_eq!(state(&one), state(&two));
        one.power_cut();
        two.power_cut();
        assert_eq!(state(&one), state(&two));
    }
}

#[test]
fn other_seeds_leave_other_things() {
    let left: BTreeSet<_> = (0..50)
        .map(|seed| {
            let disk = crashed_at(seed, 11);
            disk.power_cut();
            state(&disk)
        })
        .collect();
    assert!(left.len() > 5, "{}", left.len());
}

#[test]
fn what_returned_before_the_crash_is_there_after_it() {
    let whole = SimulatedDisk::new(3);
    history(&whole).unwrap();
    for number in 0..whole.calls() {
        let disk = crashed_at(3, number);
        let durable = disk.figures().directory_syncs as u8; // each the last call about its file
        for seed in 0..20 {
            let disk = disk.fork();
            disk.power_cut_seeded(seed);
            for file in 1..durable {
                let content = found(&disk, &format!("/log/{file}")).expect("its name was synced");
                assert_eq!(content[..700], [file + 1; 700]);
                assert_eq!((content[700..1400].iter().all(|byte| *byte == 9), content.len()), (true, 4096));
            }
        }
    }
}

#[test]
fn the_call_of_the_crash_may_happen_in_part() {
    let lengths = |seed| {
        let disk = SimulatedDisk::new(seed);
        let file = disk.create(Path::new("/a")).unwrap();
        disk.crash_at(1);
        assert!(is_crash(&file.write_at(&[IoSlice::new(&[1; 4])], 0).unwrap_err()));
        disk.kill();
        found(&disk, "/a").unwrap().len()
    };
    assert_eq!((0..100).map(lengths).collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2, 3, 4]));
}

#[test]
fn a_crash_can_come_during_what_follows_a_crash() {
    let disk = crashed_at(3, 12);
    disk.power_cut();
    disk.crash_at(disk.calls() + 1);
    disk.list(Path::new(DIR)).unwrap();
    assert!(is_crash(&disk.list(Path::new(DIR)).unwrap_err()));
}

#[test]
fn a_process_that_is_dead_changes_nothing() {
    let disk = disk();
    let process = disk.process();
    let file = process.create(Path::new(A)).unwrap();
    disk.kill();
    assert!(is_crash(&process.remove(Path::new(A)).unwrap_err()));
    assert!(is_crash(&file.set_len(1).unwrap_err()));
    drop(file);
    disk.process().remove(Path::new(A)).unwrap();
}
