//! From directories to a log that can be written: owned, surveyed, its last writes made certain.
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::survey::{End, Fault, Frame, Survey, survey};
use super::writer::{Log, Settings};
use crate::sys::LockError;
use crate::sys::disk::{Disk, Held};

/// The file that is locked in each directory; Flume locks one of that name.
pub const LOCK: &str = "in_use.lock";
/// No unreadable part has more frames.
const UNREAD: u64 = 1 << 32;

/// Opens the log in `settings.dirs`, creating what is not there; `also` are further directories to own. Fails only
/// where a directory cannot be used or belongs to another process, never for what is in it.
pub fn open(
    disk: Arc<dyn Disk>,
    settings: Settings,
    also: &[PathBuf],
    see: &mut dyn FnMut(Frame<'_>),
) -> Result<(Log, Survey), (PathBuf, LockError)> {
    let locks = own(&*disk, &settings.dirs, also)?;
    let failed = |error: io::Error| (settings.dirs[0].clone(), LockError::Io(error));
    let mut survey = survey(&*disk, &settings.dirs, &settings.keys, see).map_err(failed)?;
    certify(&*disk, &settings.dirs, &survey);
    let mut ends = ends(&survey);
    ends.extend(leave_room(&mut survey));
    Ok((Log::new(disk, settings, &survey, ends, locks), survey))
}

fn own(
    disk: &dyn Disk,
    dirs: &[PathBuf],
    also: &[PathBuf],
) -> Result<Vec<Box<dyn Held>>, (PathBuf, LockError)> {
    let mut all: Vec<&PathBuf> = dirs.iter().chain(also).collect();
    all.sort();
    all.dedup();
    let own = |dir: &PathBuf| {
        disk.create_dir_all(dir).map_err(|error| (dir.clone(), LockError::Io(error)))?;
        disk.lock(&dir.join(LOCK)).map_err(|error| (dir.clone(), error))
    };
    all.into_iter().map(own).collect()
}

/// What a killed process wrote and did not sync counts from now on: it must not go with a power cut, and what that process
/// removed must not come back.
fn certify(disk: &dyn Disk, dirs: &[PathBuf], survey: &Survey) {
    for dir in dirs {
        if let Err(error) = disk.sync_dir(dir) {
            log::warn!("cannot sync `{}`: {error}", dir.display());
        }
    }
    for key in survey.order().into_iter().rev().take(2) {
        let path = &survey.segments[&key].path;
        if let Err(error) = disk.open(path).and_then(|file| file.sync()) {
            log::warn!("cannot sync `{}`: {error}", path.display());
        }
    }
}

/// Some frames could not be read now. The numbers that they may have are not given again: the segment may be readable at
/// the next start, and of two frames with one number one counts.
fn leave_room(survey: &mut Survey) -> Option<End> {
    survey.damage.iter().find(|damage| matches!(damage.fault, Fault::Unreadable(_)))?;
    let void = survey.next_number..survey.next_number + UNREAD;
    survey.next_number = void.end;
    Some(End { segment: u64::MAX, at: 0, void })
}

/// Where segments end: as recorded, and where a cut was found now. The next survey need not speak of it again. Of a
/// segment that is there twice, one may be longer: nothing is recorded.
fn ends(survey: &Survey) -> Vec<End> {
    let number = |path: &PathBuf| {
        let (key, found) = survey.segments.iter().find(|(_, found)| found.path == *path)?;
        let number = found.number(*key);
        let as_many = survey.segments.iter().filter(|(key, found)| found.number(**key) == number).count();
        (as_many == 1).then_some(number)
    };
    let cuts = survey.damage.iter().filter(|damage| damage.fault == Fault::Cut);
    let cuts =
        cuts.filter_map(|cut| number(&cut.path).map(|segment| End { segment, at: cut.from, void: 0..0 }));
    let first =
        survey.segments.values().filter_map(|found| found.header.as_ref().map(|header| header.first)).min();
    let is_told = |end: &&End| {
        let is_there = survey.segments.iter().any(|(key, found)| found.number(*key) == end.segment);
        is_there || first.is_some_and(|first| end.void.end > first)
    };
    survey.ends.iter().filter(is_told).cloned().chain(cuts).collect()
}
