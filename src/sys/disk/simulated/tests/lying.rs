//! Each lie breaks what it says, and a test that looks sees it.
use super::*;

/// A disk on which something happened under a lie; then what its power cuts leave of two files.
fn left(
    lie: Lie,
    before: impl Fn(&SimulatedDisk),
    after: impl Fn(&SimulatedDisk),
) -> BTreeSet<[Option<Vec<u8>>; 2]> {
    let disk = disk();
    before(&disk);
    disk.tell(lie);
    after(&disk);
    outcomes(&disk, |disk| [found(disk, A), found(disk, B)])
}

fn nothing(_: &SimulatedDisk) {}

#[test]
fn a_sync_may_do_nothing_for_all_or_some() {
    let both = |disk: &SimulatedDisk| drop((kept(disk, A, b"a"), kept(disk, B, b"b")));
    assert!(left(Lie::SyncDoesNothing, nothing, both).iter().any(|[_, b]| b.as_deref() == Some(b"")));
    let some = left(Lie::SyncSkips("a*"), nothing, both);
    assert!(some.iter().all(|[_, b]| b.as_deref() == Some(b"b")));
    assert!(some.iter().any(|[a, _]| a.as_deref() == Some(b"")));
}

#[test]
fn a_sync_may_be_one_behind() {
    let twice = |disk: &SimulatedDisk| {
        let file = kept(disk, A, b"one");
        write(&file, 3, b"two");
        file.sync().unwrap();
    };
    let left = left(Lie::SyncIsOneBehind, nothing, twice);
    assert!(left.iter().all(|[a, _]| a.as_ref().unwrap().starts_with(b"one")));
    assert!(left.iter().any(|[a, _]| a.as_ref().unwrap().len() == 3));
}

#[test]
fn a_sync_may_forget_appends() {
    let append = |disk: &SimulatedDisk| {
        let file = disk.open(Path::new(A)).unwrap();
        write(&file, 0, b"ONETWO");
        file.sync().unwrap();
    };
    let left = left(Lie::SyncForgetsAppends, |disk| drop(kept(disk, A, b"one")), append);
    assert_eq!(left, BTreeSet::from([[Some(b"ONE".to_vec()), None]]));
}

#[test]
fn a_failed_sync_may_hide_it() {
    let hidden = |disk: &SimulatedDisk| {
        disk.fail_at(Call::Sync, 0, Fault::Io);
        drop(kept(disk, A, b"a"));
    };
    assert!(left(Lie::SyncHidesErrors, nothing, hidden).contains(&[Some(Vec::new()), None]));
}

#[test]
fn a_directory_sync_may_do_nothing() {
    let left = left(Lie::SyncDirectoryDoesNothing, nothing, |disk| drop(kept(disk, A, b"a")));
    assert!(left.contains(&[None, None]));
}

#[test]
fn allocated_space_may_hold_what_a_removed_file_held() {
    let disk = disk();
    disk.tell(Lie::AllocateGivesGarbage);
    drop(kept(&disk, A, b"old frame"));
    disk.remove(Path::new(A)).unwrap();
    let file = disk.create(Path::new(B)).unwrap();
    file.allocate(20).unwrap();
    let content = found(&disk, B).unwrap();
    assert!(content.starts_with(b"old frame") && content.len() == 20);
}

#[test]
fn a_removal_may_overtake_the_syncs_before_it_and_no_others() {
    let before = |disk: &SimulatedDisk| drop((kept(disk, A, b"segment"), kept(disk, B, b"")));
    let settle = |disk: &SimulatedDisk| {
        let marks = disk.open(Path::new(B)).unwrap();
        write(&marks, 0, b"marks");
        marks.sync().unwrap();
    };
    let honest = left(Lie::RemoveOvertakesSyncs, before, settle);
    assert_eq!(honest, BTreeSet::from([[Some(b"segment".to_vec()), Some(b"marks".to_vec())]]));
    let left = left(Lie::RemoveOvertakesSyncs, before, |disk| {
        settle(disk);
        disk.remove(Path::new(A)).unwrap();
    });
    assert!(left.iter().all(|[a, _]| a.is_none()) && left.contains(&[None, Some(Vec::new())]));
}

#[test]
fn a_rename_may_be_torn() {
    let both = |disk: &SimulatedDisk| drop((kept(disk, A, b"a"), kept(disk, B, b"b")));
    let left = left(Lie::RenameIsTorn, both, |disk| disk.rename(Path::new(A), Path::new(B)).unwrap());
    assert!(left.contains(&[None, None]) && left.contains(&[Some(b"a".to_vec()), Some(b"a".to_vec())]));
}

#[test]
fn a_short_write_may_hide_it_and_a_lock_be_shared() {
    let disk = disk();
    disk.tell(Lie::ShortWritesAreHidden);
    disk.tell(Lie::LockIsShared);
    disk.fail_at(Call::Write, 0, Fault::Short);
    let file = disk.create(Path::new(A)).unwrap();
    assert_eq!(file.write_at(&[IoSlice::new(b"four")], 0).unwrap(), 4);
    assert!(file.len().unwrap() < 4);
    let (_one, _two) = (disk.lock(Path::new(B)).unwrap(), disk.lock(Path::new(B)).unwrap());
    disk.be_honest();
    assert!(disk.lock(Path::new(B)).is_err());
}
