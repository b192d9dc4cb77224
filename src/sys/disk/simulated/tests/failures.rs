//! Calls that fail, and full disks.
use super::*;

#[test]
fn what_a_failed_sync_dropped_is_not_made_durable_by_the_next() {
    let disk = disk();
    let file = kept(&disk, A, b"");
    disk.fail_at(Call::Sync, disk.calls_of(Call::Sync), Fault::Io);
    write(&file, 0, &[1; 512]);
    assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(nix::libc::EIO));
    write(&file, 512, &[2; 512]);
    file.sync().unwrap();
    assert_eq!(found(&disk, A).unwrap(), [[1; 512], [2; 512]].concat(), "a reader sees all of it");
    let left = outcomes(&disk, |disk| found(disk, A).unwrap());
    let (gone, there) = ([[0; 512], [2; 512]].concat(), [[1; 512], [2; 512]].concat());
    assert_eq!(left, BTreeSet::from([gone, there]));
    write(&file, 0, &[3; 512]);
    file.sync().unwrap();
    let left = outcomes(&disk, |disk| found(disk, A).unwrap());
    assert_eq!(left, BTreeSet::from([[[3; 512], [2; 512]].concat()]), "written again, it is");
}

#[test]
fn an_interrupted_sync_can_be_called_again() {
    let disk = disk();
    let file = kept(&disk, A, b"");
    disk.fail_at(Call::Sync, disk.calls_of(Call::Sync), Fault::Interrupted);
    write(&file, 0, b"new");
    assert_eq!(file.sync().unwrap_err().kind(), io::ErrorKind::Interrupted);
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, |disk| found(disk, A).unwrap()), BTreeSet::from([b"new".to_vec()]));
}

#[test]
fn the_nth_call_of_a_kind_fails_and_no_other() {
    let disk = disk();
    disk.fail_at(Call::Create, 1, Fault::Full);
    disk.create(Path::new(A)).unwrap();
    assert_eq!(disk.create(Path::new(B)).unwrap_err().kind(), io::ErrorKind::StorageFull);
    disk.create(Path::new(B)).unwrap();
    disk.fail_at(Call::SyncDirectory, disk.calls_of(Call::SyncDirectory), Fault::Io);
    assert!(disk.sync_dir(Path::new(DIR)).is_err());
    assert!(outcomes(&disk, |disk| disk.paths()).len() > 1, "nothing was synced");
}

#[test]
fn short_and_interrupted_calls_are_what_the_helpers_are_for() {
    let disk = disk();
    for call in [Call::Read, Call::Write] {
        disk.fail_often(call, Fault::Short, 0.6);
        disk.fail_often(call, Fault::Interrupted, 0.6);
    }
    let content = b"headtail".repeat(100);
    for number in 0..10 {
        let file = disk.create(Path::new(&format!("/log/{number}"))).unwrap();
        write_all_at(&*file, &mut [IoSlice::new(&content), IoSlice::new(b"!")], 0).unwrap();
        let mut buf = vec![0; 1000];
        assert_eq!(read_up_to(&*file, &mut buf, 0).unwrap(), 801);
        assert_eq!((&buf[..800], buf[800]), (&content[..], b'!'));
    }
    assert!(disk.calls_of(Call::Write) > 15 && disk.calls_of(Call::Read) > 25);
}

#[test]
fn a_full_disk_takes_what_fits_and_then_nothing() {
    let disk = disk();
    let file = kept(&disk, A, &[1; 600]);
    disk.set_capacity(1000);
    assert_eq!(disk.free(Path::new(DIR)).unwrap(), 400);
    assert_eq!(file.allocate(1001).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.write_at(&[IoSlice::new(&[2; 500])], 600).unwrap(), 400);
    assert_eq!(file.write_at(&[IoSlice::new(&[3])], 1000).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(disk.create(Path::new(B)).is_err());
    write(&file, 0, &[4; 1000]);
    disk.set_capacity(1001);
    write(&file, 1000, &[5]);
    disk.remove(Path::new(A)).unwrap();
    assert_eq!(disk.used(), 1001, "as long as it is open");
    drop(file);
    assert_eq!(disk.used(), 0);
}

#[test]
fn allocated_space_is_taken_and_can_be_written_on_a_full_disk() {
    let disk = disk();
    let file = disk.create(Path::new(A)).unwrap();
    file.allocate(1000).unwrap();
    disk.set_capacity(1000);
    write(&file, 0, &[1; 1000]);
    assert!(file.write_at(&[IoSlice::new(b"x")], 1000).is_err());
    file.set_len(10).unwrap();
    write(&file, 10, &[1; 990]);
}

#[test]
fn figures_count_bytes_and_syncs() {
    let disk = disk();
    let file = kept(&disk, A, b"four");
    write(&file, 0, b"two");
    write(&file, 2, b"more");
    file.sync().unwrap();
    file.sync().unwrap();
    let figures = Figures { bytes_written: 11, bytes_synced: 11, syncs: 3, directory_syncs: 2 };
    assert_eq!(disk.figures(), figures);
}

#[test]
fn damage_is_seen_by_all_and_stays() {
    let disk = disk();
    let file = kept(&disk, A, b"abc");
    disk.damage(Path::new(A), |content| content[1] = b'?').unwrap();
    disk.put(Path::new("/put/c"), b"new".to_vec());
    let mut buf = [0; 3];
    file.read_at(&mut buf, 0).unwrap();
    assert_eq!(&buf, b"a?c");
    disk.power_cut();
    assert_eq!(
        (found(&disk, A).unwrap(), found(&disk, "/put/c").unwrap()),
        (b"a?c".to_vec(), b"new".to_vec())
    );
    disk.remove(Path::new(A)).unwrap();
    disk.put(Path::new(A), b"again".to_vec());
    assert_eq!(outcomes(&disk, |disk| found(disk, A).unwrap()).len(), 1, "a removal before it is done");
    assert!(disk.damage(Path::new("/none"), |_| ()).is_err());
}
