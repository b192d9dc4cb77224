//! Without crashes and failures, the simulated disk does what the kernel's does.
use super::*;

/// Makes random calls on a disk below `root` and tells what each of them gave.
fn told(disk: &dyn Disk, root: &Path, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let mut open: Vec<Arc<dyn DiskFile>> = Vec::new();
    disk.create_dir_all(&root.join("d/sub")).unwrap();
    (0..200).map(|_| step(disk, root, &mut random, &mut open)).collect()
}

fn step(disk: &dyn Disk, root: &Path, random: &mut Random, open: &mut Vec<Arc<dyn DiskFile>>) -> String {
    let names = ["d/a", "d/b", "d/c", "d/sub/a", "d/none/a", "d/sub", "d/a/x"];
    let mut path = || root.join(names[random.below(names.len() as u64) as usize]);
    let (path, other) = (path(), path());
    let (kind, at, len) = (random.below(14), random.below(3000), random.below(3000));
    if let Some(file) = (!open.is_empty()).then(|| &open[at as usize % open.len()]) {
        match kind {
            0..3 => return wrote(&**file, at, len, random),
            3 | 4 => return content(&**file, at, len as usize),
            5 => return kinds(file.set_len(len)),
            6 => return kinds(file.allocate(len)),
            7 => return kinds(file.sync()) + &format!("{:?}", file.len().ok()),
            _ => {}
        }
    }
    match kind {
        8 => kinds(disk.create(&path).map(|file| open.push(file))),
        9 => kinds(disk.open(&path).map(|file| open.push(file))),
        10 if !path.ends_with("sub") => kinds(disk.rename(&path, &other)), // the simulated disk renames no directories
        11 if at % 3 == 0 => kinds(disk.remove(&path)),
        12 => kinds(disk.sync_dir(&root.join("d"))),
        13 if !open.is_empty() => format!("{}", open.swap_remove(at as usize % open.len()).len().unwrap()),
        _ => match disk.list(path.parent().unwrap()) {
            Ok(listed) => format!("{listed:?}"),
            Err(error) => format!("{:?}", error.kind()),
        },
    }
}

fn kinds(done: io::Result<()>) -> String {
    format!("{:?}", done.map_err(|error| error.kind()))
}

fn wrote(file: &dyn DiskFile, at: u64, len: u64, random: &mut Random) -> String {
    let (one, two) = (vec![random.draw() as u8; len as usize], vec![random.draw() as u8; 7]);
    kinds(write_all_at(file, &mut [IoSlice::new(&one), IoSlice::new(&two)], at))
}

fn content(file: &dyn DiskFile, at: u64, len: usize) -> String {
    let mut buf = vec![0; len];
    let read = read_up_to(file, &mut buf, at).unwrap();
    format!("{:?}", &buf[..read])
}

#[test]
fn the_same_calls_give_the_same_as_on_a_real_disk() {
    for seed in 0..30 {
        let root = tempfile::tempdir().unwrap();
        let real = told(&RealDisk, root.path(), seed);
        let simulated = told(&SimulatedDisk::new(seed), Path::new("/root"), seed);
        for (step, (real, simulated)) in real.iter().zip(&simulated).enumerate() {
            assert_eq!(real, simulated, "step {step} of seed {seed}");
        }
    }
}
