//! What can happen to files: one random act at a time.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::original::DIRS;
use crate::model::dice::Dice;

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Does one harm to the files and says what it was. `other`: files of another channel.
pub fn harm(files: &mut Files, other: &Files, dice: &mut Dice) -> String {
    let segments: Vec<PathBuf> = files.keys().filter(|path| is_segment(path)).cloned().collect();
    if segments.is_empty() {
        return "nothing is left to harm".into();
    }
    let path = segments[dice.below(segments.len())].clone();
    let second = segments[dice.below(segments.len())].clone();
    let told = match dice.below(20) {
        0..=11 => bytes(files.get_mut(&path).unwrap(), dice),
        12 => swap_ranges(files, &path, &second, dice),
        13 => {
            let (one, two) = (files[&path].clone(), files[&second].clone());
            files.insert(path.clone(), two);
            files.insert(second.clone(), one);
            format!("swapped with {}", second.display())
        }
        14 => {
            let to = segment_name(dice, dice.clone().below(40) as u64);
            let content = files.remove(&path).unwrap();
            files.insert(to.clone(), content);
            format!("renamed to {}", to.display())
        }
        15 => {
            let to = segment_name(dice, dice.clone().below(40) as u64);
            let content = files[&path].clone();
            files.insert(to.clone(), content);
            format!("copied to {}", to.display())
        }
        16 => match dice.below(2) {
            0 => files.remove(&path).map(|_| "removed".to_string()).unwrap(),
            _ => {
                files.get_mut(&path).unwrap().clear();
                "emptied".into()
            }
        },
        17 => {
            let theirs: Vec<&Vec<u8>> =
                other.iter().filter(|(path, _)| is_segment(path)).map(|(_, content)| content).collect();
            let to = segment_name(dice, dice.clone().below(40) as u64);
            files.insert(to.clone(), theirs[dice.below(theirs.len())].clone());
            format!("another channel's segment came as {}", to.display())
        }
        18 => {
            let names =
                ["notes.txt", "0000000001.dfklog.damaged", "9999999999.dfklog", "12.dfklog", ".dfklog"];
            let to = Path::new(DIRS[dice.below(2)]).join(names[dice.below(names.len())]);
            files.insert(to.clone(), noise(dice, 300));
            format!("a foreign file came as {}", to.display())
        }
        _ => {
            let Some(copy) = files.keys().find(|path| path.ends_with("marks.dfk")).cloned() else {
                return "no checkpoint".into();
            };
            return format!("{}: {}", copy.display(), bytes(files.get_mut(&copy).unwrap(), dice));
        }
    };
    format!("{}: {told}", path.display())
}

pub fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "dfklog")
}

fn segment_name(dice: &mut Dice, number: u64) -> PathBuf {
    Path::new(DIRS[dice.below(2)]).join(format!("{number:010}.dfklog"))
}

fn noise(dice: &mut Dice, most: usize) -> Vec<u8> {
    (0..dice.between(1, most)).map(|_| dice.next() as u8).collect()
}

/// A place: anywhere, or near the beginning, where headers are.
fn place(dice: &mut Dice, len: usize) -> usize {
    let within = if dice.one_in(4) { len.min(200) } else { len };
    dice.below(within.max(1))
}

fn range(dice: &mut Dice, len: usize) -> std::ops::Range<usize> {
    let from = place(dice, len);
    let most = if dice.one_in(3) { 600 } else { 40 };
    from..(from + dice.between(1, most)).min(len)
}

fn bytes(content: &mut Vec<u8>, dice: &mut Dice) -> String {
    if content.is_empty() {
        content.extend(noise(dice, 200));
        return "filled with noise".into();
    }
    let range = range(dice, content.len());
    let at = range.clone();
    match dice.below(9) {
        0 | 1 => {
            for _ in 0..dice.between(1, 4) {
                let place = place(dice, content.len());
                content[place] ^= 1 << dice.below(8);
            }
            "bits flipped".into()
        }
        2 => {
            content[range].iter_mut().for_each(|byte| *byte = dice.next() as u8);
            format!("noise at {at:?}")
        }
        3 => {
            content[range].fill(0);
            format!("zeros at {at:?}")
        }
        4 => {
            content.truncate(range.start);
            format!("cut at {}", at.start)
        }
        5 => {
            content.drain(range);
            format!("{at:?} taken out")
        }
        6 => {
            let noise = noise(dice, 300);
            content.splice(range.start..range.start, noise);
            format!("noise put in at {}", at.start)
        }
        7 => {
            let copy = content[range].to_vec();
            let to = place(dice, content.len());
            content.splice(to..to, copy);
            format!("{at:?} copied to {to}")
        }
        _ => {
            content.extend(vec![0; dice.below(200)]);
            content.extend(noise(dice, 100));
            "garbage put behind".into()
        }
    }
}

fn swap_ranges(files: &mut Files, one: &Path, two: &Path, dice: &mut Dice) -> String {
    let (len, other) = (files[one].len(), files[two].len());
    if len == 0 || other == 0 {
        return "nothing to swap".into();
    }
    let (a, b) = (range(dice, len), range(dice, other));
    let (mine, theirs) = (files[one][a.clone()].to_vec(), files[two][b.clone()].to_vec());
    let told = format!("{a:?} swapped with {b:?} of {}", two.display());
    if one != two {
        files.get_mut(one).unwrap().splice(a, theirs);
        files.get_mut(two).unwrap().splice(b, mine);
    } else if a.end <= b.start {
        let content = files.get_mut(one).unwrap();
        content.splice(b, mine);
        content.splice(a, theirs);
    }
    told
}
