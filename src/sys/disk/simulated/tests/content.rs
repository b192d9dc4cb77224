//! Bytes and lengths through power cuts.
use super::*;

#[test]
fn synced_bytes_and_length_survive_every_power_cut() {
    let disk = disk();
    let file = kept(&disk, A, &[7; 3000]);
    write(&file, 3000, &[8; 3000]);
    let left = outcomes(&disk, |disk| found(disk, A).unwrap());
    assert!(left.iter().all(|content| content.starts_with(&[7; 3000])));
    assert!(left.len() > 10, "of the rest there are many outcomes: {}", left.len());
}

#[test]
fn unsynced_bytes_may_survive_whole_and_may_be_gone() {
    let disk = disk();
    let file = kept(&disk, A, b"");
    write(&file, 0, b"new");
    let left = outcomes(&disk, |disk| found(disk, A).unwrap());
    assert_eq!(left, BTreeSet::from([b"".to_vec(), b"\0\0\0".to_vec(), b"new".to_vec()]));
}

#[test]
fn a_write_is_torn_between_sectors_only() {
    let disk = disk();
    let file = kept(&disk, A, &[b'-'; 2048]);
    write(&file, 0, &[b'x'; 2048]);
    let left = outcomes(&disk, |disk| found(disk, A).unwrap());
    assert!(left.iter().all(|c| c.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0]))));
    assert_eq!(left.len(), 16);
}

#[test]
fn allocated_space_may_be_gone_and_else_is_zeros() {
    let disk = disk();
    let file = kept(&disk, A, b"ab");
    file.allocate(1 << 20).unwrap();
    let left = outcomes(&disk, |disk| found(disk, A).unwrap());
    let allocated = [b"ab".as_slice(), &vec![0; (1 << 20) - 2]].concat();
    assert_eq!(left, BTreeSet::from([b"ab".to_vec(), allocated]));
}

#[test]
fn writes_into_synced_space_do_not_depend_on_the_length() {
    let disk = disk();
    let file = kept(&disk, A, b"");
    file.allocate(1024).unwrap();
    file.sync().unwrap();
    write(&file, 0, b"first");
    write(&file, 512, b"second");
    let starts = |content: &[u8]| (content.starts_with(b"first"), content[512..].starts_with(b"second"));
    let left = outcomes(&disk, |disk| starts(&found(disk, A).unwrap()));
    assert_eq!(left.len(), 4, "each there or not: {left:?}");
}

#[test]
fn a_cut_that_was_synced_is_not_undone() {
    let disk = disk();
    let file = kept(&disk, A, b"abcdef");
    file.set_len(2).unwrap();
    let left = outcomes(&disk, |disk| found(disk, A).unwrap());
    assert_eq!(left, BTreeSet::from([b"abcdef".to_vec(), b"ab".to_vec()]));
    file.sync().unwrap();
    let left = outcomes(&disk, |disk| found(disk, A).unwrap());
    assert_eq!(left, BTreeSet::from([b"ab".to_vec()]));
}

#[test]
fn a_kill_takes_nothing_and_a_later_power_cut_may() {
    let disk = disk();
    let file = kept(&disk, A, b"");
    write(&file, 0, b"new");
    disk.kill();
    assert!(is_crash(&file.sync().unwrap_err()), "an open file ends with its process");
    assert_eq!(found(&disk, A).unwrap(), b"new");
    assert!(outcomes(&disk, |disk| found(disk, A).unwrap()).contains(b"".as_slice()));
    disk.open(Path::new(A)).unwrap().sync().unwrap();
    let left = outcomes(&disk, |disk| found(disk, A).unwrap());
    assert_eq!(left, BTreeSet::from([b"new".to_vec()]));
}

#[test]
fn what_is_found_after_a_power_cut_is_durable() {
    let disk = disk();
    let file = kept(&disk, A, b"");
    write(&file, 0, &[1; 5000]);
    disk.power_cut();
    let first = found(&disk, A);
    assert_eq!(outcomes(&disk, |disk| found(disk, A)), BTreeSet::from([first]));
}
