//! How interceptors that set one header set it.
use crate::event::Batch;

/// What becomes of a header that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    Kept,
    Replaced,
}

impl Existing {
    pub fn kept_if(kept: bool) -> Existing {
        if kept { Existing::Kept } else { Existing::Replaced }
    }
}

/// Sets a header of all events; at no cost per event, unless some may have it and keep it.
pub fn set(batch: &mut Batch, name: &str, value: &str, existing: Existing) {
    if batch.is_empty() {
        return;
    }
    if existing == Existing::Replaced || !batch.may_have_header(name) {
        return batch.set_shared(name, value);
    }
    let lacking = batch.events().enumerate().filter(|(_, event)| event.header(name).is_none());
    let cells = lacking.map(|(index, _)| (index as u32, name.into(), value.into())).collect();
    batch.set_headers(cells);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Builder;

    #[test]
    fn an_existing_header_is_kept_or_replaced_as_asked() {
        let batch = || {
            let mut builder = Builder::default();
            builder.push(b"a", 0..0).header("h", "own").push(b"b", 0..0);
            builder.finish(None)
        };
        let values = |existing| {
            let mut batch = batch();
            set(&mut batch, "h", "new", existing);
            let values: Vec<_> = batch.events().map(|e| e.header("h").unwrap().to_string()).collect();
            values
        };
        assert_eq!(values(Existing::Kept), ["own", "new"]);
        assert_eq!(values(Existing::Replaced), ["new", "new"]);
    }
}
