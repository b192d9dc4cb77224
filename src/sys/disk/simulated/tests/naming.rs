//! Names through power cuts.
use super::*;

fn names(disk: &SimulatedDisk) -> Vec<String> {
    disk.paths().iter().map(|path| path.display().to_string()).collect()
}

fn contents(disk: &SimulatedDisk) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    (found(disk, A), found(disk, B))
}

#[test]
fn a_name_may_vanish_until_its_directory_is_synced() {
    let disk = disk();
    let file = disk.create(Path::new(A)).unwrap();
    write(&file, 0, b"held");
    file.sync().unwrap();
    assert_eq!(
        outcomes(&disk, |disk| found(disk, A)),
        BTreeSet::from([None, Some(b"held".to_vec())]),
        "and a name that is left has what was synced"
    );
    disk.sync_dir(Path::new(DIR)).unwrap();
    assert_eq!(outcomes(&disk, |disk| found(disk, A)), BTreeSet::from([Some(b"held".to_vec())]));
}

#[test]
fn a_synced_name_of_an_unsynced_file_may_be_empty() {
    let disk = disk();
    let file = disk.create(Path::new(A)).unwrap();
    write(&file, 0, b"held");
    disk.sync_dir(Path::new(DIR)).unwrap();
    assert!(outcomes(&disk, |disk| found(disk, A)).contains(&Some(Vec::new())));
}

#[test]
fn a_removal_may_be_undone_until_its_directory_is_synced() {
    let disk = disk();
    drop(kept(&disk, A, b"old"));
    disk.remove(Path::new(A)).unwrap();
    assert_eq!(found(&disk, A), None);
    assert_eq!(outcomes(&disk, |disk| found(disk, A)), BTreeSet::from([None, Some(b"old".to_vec())]));
    disk.sync_dir(Path::new(DIR)).unwrap();
    assert_eq!(outcomes(&disk, |disk| found(disk, A)), BTreeSet::from([None]));
}

#[test]
fn a_rename_happens_to_both_names_or_to_none() {
    let disk = disk();
    kept(&disk, A, b"a");
    kept(&disk, B, b"b");
    disk.rename(Path::new(A), Path::new(B)).unwrap();
    let (a, b) = (Some(b"a".to_vec()), Some(b"b".to_vec()));
    assert_eq!(outcomes(&disk, contents), BTreeSet::from([(a.clone(), b), (None, a)]));
}

#[test]
fn changes_of_different_names_reach_the_disk_in_any_order_and_of_one_name_in_theirs() {
    let disk = disk();
    for path in [A, B] {
        disk.create(Path::new(path)).unwrap();
    }
    assert_eq!(outcomes(&disk, names).len(), 4);
    disk.remove(Path::new(A)).unwrap();
    kept(&disk, "/log/c", b"");
    assert_eq!(outcomes(&disk, names), BTreeSet::from([vec![B.to_owned(), "/log/c".to_owned()]]));
}

#[test]
fn syncing_one_directory_of_a_rename_is_enough_and_takes_the_creation_along() {
    let disk = disk();
    disk.create_dir_all(Path::new("/other")).unwrap();
    disk.create(Path::new(A)).unwrap();
    disk.rename(Path::new(A), Path::new("/other/a")).unwrap();
    disk.sync_dir(Path::new("/other")).unwrap();
    assert_eq!(outcomes(&disk, names), BTreeSet::from([vec!["/other/a".to_owned()]]));
}

#[test]
fn a_new_directory_may_vanish_until_it_or_its_parent_is_synced() {
    let disk = disk();
    let there = |disk: &SimulatedDisk| disk.list(Path::new("/log/sub")).is_ok();
    disk.create_dir_all(Path::new("/log/sub")).unwrap();
    assert_eq!(outcomes(&disk, there), BTreeSet::from([false, true]));
    disk.sync_dir(Path::new("/log")).unwrap();
    assert_eq!(outcomes(&disk, there), BTreeSet::from([true]));
}

#[test]
fn a_removed_file_lives_as_long_as_it_is_open() {
    let disk = disk();
    let file = kept(&disk, A, b"old");
    disk.remove(Path::new(A)).unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    let mut buf = [0; 8];
    assert_eq!(read_up_to(&*file, &mut buf, 0).unwrap(), 3);
    assert_eq!(disk.used(), 3);
    drop(file);
    assert_eq!(disk.used(), 0);
}

#[test]
fn k2_a_lock_has_one_owner_until_it_is_given_back_or_a_crash_comes() {
    let disk = disk();
    let path = Path::new("/log/lock");
    let first = disk.lock(path).unwrap();
    match disk.lock(path) {
        Err(crate::sys::LockError::Owned(pid)) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    drop(first);
    let second = disk.lock(path).unwrap();
    disk.kill();
    let third = disk.lock(path).unwrap();
    drop(second);
    assert!(disk.lock(path).is_err(), "an owner of an earlier life gives nothing back");
    drop(third);
}
