//! What a power cut leaves of the unsynced changes of one file.
//!
//! Model: the page cache writes sectors (512 bytes, each all or nothing) at any time and in any order; so on the disk
//! each sector is as it was after some change, independent of the others. A write can thus be there, be missing, or be
//! torn into any subset of its sectors, and a later one can be there without an earlier one, except where both share a
//! sector: there the later one brings the earlier one along. The length is one that the changes passed through; cuts
//! and lengthenings are kept in order, as a journal does: up to the chosen length they have happened, after it not.
use std::collections::HashMap;

use super::image::Image;
use super::inode::Change;
use super::random::Random;

const SECTOR: u64 = 512;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Whole,
    Torn,
    Lost,
}

/// Applies some of the changes, as far as their order allows.
pub(super) fn scatter(base: Image, changes: &[&Change], random: &mut Random) -> Image {
    if changes.is_empty() {
        return base;
    }
    let (fates, reached) = fates(changes.len(), random);
    let lengths = lengths(base.len(), changes);
    let written = sectors_written(changes, &fates, random);
    let mut image = base;
    for change in &changes[..reached] {
        if let Change::Length(len) = change {
            image.set_len(*len);
        }
    }
    for (index, change) in changes.iter().enumerate() {
        let limit = limit(index, reached, changes, &lengths);
        for (sector, at, bytes) in pieces(change) {
            if written.get(&sector).is_some_and(|upto| index < *upto) && at < limit {
                image.write(at, &bytes[..bytes.len().min((limit - at) as usize)]);
            }
        }
    }
    image.set_len(lengths[reached]);
    image
}

/// What happens to each write, and how many changes the length has seen.
fn fates(count: usize, random: &mut Random) -> (Vec<Fate>, usize) {
    let kind = random.below(6);
    let prefix = random.below(count as u64 + 1) as usize;
    let fate = |index: usize| match kind {
        0 => Fate::Whole,
        1 => Fate::Lost,
        2 if index < prefix => Fate::Whole,
        2 if index > prefix => Fate::Lost,
        3 => [Fate::Whole, Fate::Lost][random.below(2) as usize],
        4 => [Fate::Whole, Fate::Torn, Fate::Lost][random.below(3) as usize],
        _ => Fate::Torn,
    };
    let fates = (0..count).map(fate).collect();
    let reached = match kind {
        0 => count,
        1 => 0,
        2 => count.min(prefix + random.below(2) as usize),
        _ if random.coin() => count,
        _ => prefix,
    };
    (fates, reached)
}

/// The lengths that the file passed through, the first one before any change.
fn lengths(base: u64, changes: &[&Change]) -> Vec<u64> {
    let mut all = vec![base];
    all.extend(changes.iter().scan(base, |len, change| {
        *len = change.length_after(*len);
        Some(*len)
    }));
    all
}

/// Per sector: how many of the changes it has seen.
fn sectors_written(changes: &[&Change], fates: &[Fate], random: &mut Random) -> HashMap<u64, usize> {
    let mut written = HashMap::new();
    for (index, (change, fate)) in changes.iter().zip(fates).enumerate() {
        if *fate == Fate::Lost {
            continue;
        }
        for (sector, ..) in pieces(change) {
            if *fate == Fate::Whole || random.coin() {
                written.insert(sector, index + 1);
            }
        }
    }
    written
}

/// Where a write ends to count: a cut that has happened takes what was written before it, and one that has not
/// happened leaves no place for what was written after it.
fn limit(index: usize, reached: usize, changes: &[&Change], lengths: &[u64]) -> u64 {
    let between = if index < reached { index + 1..reached } else { reached..index };
    let cuts = between.filter_map(|at| match changes[at] {
        Change::Length(len) if *len < lengths[at] => Some(*len),
        _ => None,
    });
    cuts.min().unwrap_or(u64::MAX)
}

/// A write by its sectors: sector number, offset, bytes.
fn pieces(change: &Change) -> impl Iterator<Item = (u64, u64, &[u8])> {
    let (mut at, mut left) = match change {
        Change::Write { at, bytes } => (*at, bytes.as_slice()),
        Change::Length(_) => (0, [].as_slice()),
    };
    std::iter::from_fn(move || {
        let (sector, from) = (at / SECTOR, at);
        let (piece, rest) = left.split_at(left.len().min((SECTOR - at % SECTOR) as usize));
        (at, left) = (at + piece.len() as u64, rest);
        (!piece.is_empty()).then_some((sector, from, piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(at: u64, byte: u8, len: usize) -> Change {
        Change::Write { at, bytes: vec![byte; len] }
    }

    /// All that some thousand cuts leave.
    fn outcomes(base: &[u8], changes: &[Change]) -> Vec<Vec<u8>> {
        let changes: Vec<&Change> = changes.iter().collect();
        let one = |seed| scatter(Image::of(base.to_vec()), &changes, &mut Random::new(seed)).to_vec();
        let mut all: Vec<_> = (0..4000).map(one).collect();
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn a_write_is_there_or_not_or_in_any_subset_of_its_sectors() {
        let all = outcomes(&[b'-'; 1536], &[write(0, b'x', 1536)]);
        assert_eq!(all.len(), 8);
        assert!(all.iter().all(|found| found.chunks(512).all(|c| c == [b'-'; 512] || c == [b'x'; 512])));
    }

    #[test]
    fn a_later_write_may_be_there_without_an_earlier_one() {
        let all = outcomes(&[b'-'; 1024], &[write(0, b'a', 512), write(512, b'b', 512)]);
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn within_a_sector_the_order_holds() {
        let all = outcomes(b"------", &[write(0, b'a', 4), write(2, b'b', 4)]);
        assert_eq!(all, [b"------", b"aaaa--", b"aabbbb"]);
    }

    #[test]
    fn the_length_is_one_of_those_passed_through_and_ends_in_zeros() {
        let all = outcomes(b"", &[Change::Length(4), write(2, b'a', 1), write(3, b'b', 3)]);
        assert_eq!(
            all,
            [b"".as_slice(), &[0; 4], &[0; 6], b"\0\0a\0", b"\0\0a\0\0\0", b"\0\0ab", b"\0\0abbb"]
        );
    }

    #[test]
    fn what_a_cut_took_does_not_come_back_behind_it() {
        let all = outcomes(b"aaaa", &[write(2, b'b', 2), Change::Length(1), write(3, b'c', 1)]);
        assert_eq!(all, [b"a".as_slice(), b"a\0\0\0", b"a\0\0c", b"aaaa", b"aabb"]);
    }
}
