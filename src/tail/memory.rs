//! What the channels know of files, waiting to be recognised.
use std::collections::HashMap;
use std::fs::File;
use std::io;

use super::identity::{Face, Inode, Likeness, likeness};
use crate::flow::{Known, Outlet};

/// Known streams that no file has been recognised as yet.
#[derive(Default)]
pub struct Memory {
    by_inode: HashMap<u64, Vec<Known>>,
}

/// What memory says of a file.
#[derive(Debug)]
pub enum Claim {
    /// Never seen.
    New,
    /// The same generation.
    Same(Known),
    /// F3: the same file, whose end was lost in a power cut; what holds is below `at`.
    Shortened(Known, u64),
    /// The same inode with other content: emptied, refilled or replaced since.
    Replaced(Known),
}

impl Memory {
    /// All that the channels know.
    pub fn of(out: &Outlet) -> Memory {
        let mut memory = Memory::default();
        for known in out.known() {
            memory.insert(known);
        }
        memory
    }

    /// Adds a stream; one that is no file's is left alone.
    pub fn insert(&mut self, known: Known) {
        if let Some(face) = Face::told(&known.attributes) {
            let list = self.by_inode.entry(face.inode.number);
            list.or_insert_with(|| Vec::with_capacity(1)).push(known);
        }
    }

    /// Takes the stream out that an open file is.
    pub fn claim(&mut self, file: &File) -> io::Result<Claim> {
        let inode = Inode::of(&file.metadata()?);
        let claim = self.claim_of(file, &inode)?;
        if self.by_inode.get(&inode.number).is_some_and(Vec::is_empty) {
            self.by_inode.remove(&inode.number);
        }
        if self.by_inode.is_empty() {
            // All of 10,000 have been found again.
            self.by_inode = HashMap::new();
        }
        Ok(claim)
    }

    fn claim_of(&mut self, file: &File, inode: &Inode) -> io::Result<Claim> {
        let Some(list) = self.by_inode.get_mut(&inode.number) else { return Ok(Claim::New) };
        // Of several generations the one begun last: a file that was emptied keeps its inode.
        let mut best: Option<(usize, Likeness)> = None;
        for (index, known) in list.iter().enumerate() {
            let now = likeness(file, known)?;
            let rank = |index: usize, likeness| (likeness == Likeness::Same, list[index].attributes.begun());
            if now != Likeness::Other && best.is_none_or(|(other, was)| rank(index, now) > rank(other, was)) {
                best = Some((index, now));
            }
        }
        if let Some((index, likeness)) = best {
            let known = list.swap_remove(index);
            return Ok(match likeness {
                Likeness::Shortened { at } => Claim::Shortened(known, at),
                _ => Claim::Same(known),
            });
        }
        // Only a generation that lived in this very file was replaced; another owner of the inode is long gone.
        let same =
            |known: &Known| Face::told(&known.attributes).is_some_and(|face| face.inode.is_like(inode));
        let lived_here = list.iter().enumerate().filter(|(_, known)| !known.orphan && same(known));
        match lived_here.max_by_key(|(_, known)| known.attributes.begun()).map(|(index, _)| index) {
            Some(index) => Ok(Claim::Replaced(list.swap_remove(index))),
            None => Ok(Claim::New),
        }
    }

    /// The same, but takes a stream out only for the same generation.
    pub fn claim_same(&mut self, file: &File) -> io::Result<Claim> {
        match self.claim(file)? {
            Claim::Same(known) => Ok(Claim::Same(known)),
            Claim::Replaced(known) | Claim::Shortened(known, _) => {
                self.insert(known);
                Ok(Claim::New)
            }
            Claim::New => Ok(Claim::New),
        }
    }

    /// Streams of this source that have not been recognised; those of sources that left stay where they are.
    pub fn unclaimed(&self) -> impl Iterator<Item = &Known> {
        self.by_inode.values().flatten().filter(|known| !known.orphan)
    }

    /// Whether a known stream has this inode; a hint, no recognition.
    pub fn may_know(&self, inode: u64) -> bool {
        self.by_inode.get(&inode).is_some_and(|list| !list.is_empty())
    }

    /// Forgets a stream.
    pub fn remove(&mut self, known: &Known) {
        for list in self.by_inode.values_mut() {
            list.retain(|other| other.id != known.id);
        }
    }
}

/// Whether an open file is the generation that `known` tells of.
pub fn is_same(known: &Known, file: &File) -> io::Result<bool> {
    let mut one = Memory::default();
    one.insert(known.clone());
    Ok(matches!(one.claim(file)?, Claim::Same(_)))
}
