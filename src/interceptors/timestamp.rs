//! Stamps events with the time they came through, in milliseconds since 1970.
//!
//! Truth: Flume 1.11 `TimestampInterceptor`.
use super::header::{Existing, set};
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::Batch;
use crate::flow::{Interceptor, Kind};
use crate::sys;

const PRESERVE: Field =
    Field::flag("preserveExisting").default("false").doc("whether a timestamp that is there stays");
const HEADER: Field =
    Field::text("headerName").also(&["header"]).default("timestamp").doc("the header it is put in");

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "timestamp",
    class: "org.apache.flume.interceptor.TimestampInterceptor$Builder",
    aliases: &["org.apache.flume.interceptor.TimestampInterceptor"],
    summary: "stamps events with the present time",
    fields: &[&[PRESERVE, HEADER]],
    build: Build::Interceptor(build),
};

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    let existing = Existing::kept_if(at.flag(&PRESERVE));
    Ok(Box::new(Timestamp { header: at.text(&HEADER).into(), existing }))
}

struct Timestamp {
    header: String,
    existing: Existing,
}

impl Interceptor for Timestamp {
    fn apply(&mut self, batch: &mut Batch) {
        set(batch, &self.header, &sys::wall_ms().to_string(), self.existing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Builder;

    #[test]
    fn every_event_gets_the_present_time() {
        let mut batch = Builder::default().push(b"a", 0..0).finish(None);
        let before = sys::wall_ms();
        Timestamp { header: "timestamp".into(), existing: Existing::Replaced }.apply(&mut batch);
        let stamp: u64 = batch.event(0).header("timestamp").unwrap().parse().unwrap();
        assert!((before..=sys::wall_ms()).contains(&stamp));
    }
}
