//! Headers: what all events of a batch share, and a sparse overlay for those that differ.
//!
//! Shape: pairs in insertion order, names unique. A batch of a tailed file has one `Headers` for all its events.

/// String-to-string pairs in insertion order, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Box<str>, Box<str>)>);

impl Headers {
    /// The value of `name`, if set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, v)| &**v)
    }

    /// Sets `name`, in place if it is there already.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(n, _)| &**n == name) {
            Some(pair) => pair.1 = value.into(),
            None => self.0.push((name.into(), value.into())),
        }
    }

    /// Takes `name` out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| &**n != name);
    }

    /// Keeps the names for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// All pairs, in insertion order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (&**n, &**v))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Headers::default();
        for (name, value) in pairs {
            headers.set(name.as_ref(), value.as_ref());
        }
        headers
    }
}

/// The headers of single events, over what the batch shares. `None` hides a shared header.
///
/// Sorted by row; most batches have none.
#[derive(Clone, Debug, Default)]
pub struct Overlay(Vec<(u32, Box<str>, Option<Box<str>>)>);

impl Overlay {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets or (with `None`) hides `name` for one row.
    pub fn set(&mut self, row: u32, name: &str, value: Option<&str>) {
        let cells = self.range(row);
        match self.0[cells.clone()].iter_mut().find(|c| &*c.1 == name) {
            Some(cell) => cell.2 = value.map(Into::into),
            None => self.0.insert(cells.end, (row, name.into(), value.map(Into::into))),
        }
    }

    /// The overlay's word on `name` for one row: not mentioned, hidden, or set.
    pub fn get(&self, row: u32, name: &str) -> Option<Option<&str>> {
        self.0[self.range(row)].iter().find(|c| &*c.1 == name).map(|c| c.2.as_deref())
    }

    /// Appends a cell behind all others; `row` is not below that of the last cell.
    pub fn push(&mut self, row: u32, name: &str, value: Option<&str>) {
        debug_assert!(self.0.last().is_none_or(|last| last.0 <= row));
        self.0.push((row, name.into(), value.map(Into::into)));
    }

    /// Sets many cells, sorted by row, in one pass: one by one, each would move all behind it.
    pub fn set_all(&mut self, cells: Vec<(u32, Box<str>, Box<str>)>) {
        debug_assert!(cells.is_sorted_by_key(|cell| cell.0));
        let mut old = std::mem::take(&mut self.0).into_iter().peekable();
        self.0.reserve(old.len() + cells.len());
        for (row, name, value) in cells {
            while let Some(cell) = old.next_if(|cell| cell.0 <= row) {
                self.0.push(cell);
            }
            let same = self.0.iter_mut().rev().take_while(|cell| cell.0 == row).find(|cell| cell.1 == name);
            match same {
                Some(cell) => cell.2 = Some(value),
                None => self.0.push((row, name, Some(value))),
            }
        }
        self.0.extend(old);
    }

    /// Keeps the cells of the names for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|cell| keep(&cell.1));
    }

    /// All cells of some rows, in order.
    pub fn cells(
        &self,
        rows: std::ops::Range<u32>,
    ) -> impl ExactSizeIterator<Item = (u32, &str, Option<&str>)> {
        let from = self.0.partition_point(|c| c.0 < rows.start);
        let to = self.0.partition_point(|c| c.0 < rows.end).max(from);
        self.0[from..to].iter().map(|c| (c.0, &*c.1, c.2.as_deref()))
    }

    /// All cells of one row.
    pub fn of(&self, row: u32) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0[self.range(row)].iter().map(|c| (&*c.1, c.2.as_deref()))
    }

    /// Keeps the rows for which `renumber` gives a new number; new numbers must rise with the old ones.
    pub fn renumber(&mut self, mut renumber: impl FnMut(u32) -> Option<u32>) {
        self.0.retain_mut(|cell| match renumber(cell.0) {
            Some(row) => {
                cell.0 = row;
                true
            }
            None => false,
        });
    }

    fn range(&self, row: u32) -> std::ops::Range<usize> {
        let from = self.0.partition_point(|c| c.0 < row);
        from..from + self.0[from..].partition_point(|c| c.0 == row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_cells_at_once_are_the_same_as_one_by_one() {
        let mut one_by_one = Overlay::default();
        for (row, name) in [(0, "a"), (2, "b"), (2, "c"), (5, "a")] {
            one_by_one.set(row, name, Some("old"));
        }
        let mut at_once = one_by_one.clone();
        let new = [(0, "b"), (1, "a"), (2, "c"), (2, "d"), (2, "d"), (7, "a")];
        new.iter().for_each(|(row, name)| one_by_one.set(*row, name, Some("new")));
        at_once.set_all(new.iter().map(|(row, name)| (*row, (*name).into(), "new".into())).collect());
        assert_eq!(at_once.0, one_by_one.0);
    }
}
