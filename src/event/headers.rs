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
