//! Sets one header to one value.
//!
//! Truth: Flume 1.11 `StaticInterceptor`; unlike its siblings it keeps what is there by default.
use super::header::{Existing, set};
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::Batch;
use crate::flow::{Interceptor, Kind};

const KEY: Field = Field::text("key").default("key").doc("the header");
const VALUE: Field = Field::text("value").default("value").doc("its value");
const PRESERVE: Field =
    Field::flag("preserveExisting").default("true").doc("whether a value that is there stays");

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "static",
    class: "org.apache.flume.interceptor.StaticInterceptor$Builder",
    aliases: &["org.apache.flume.interceptor.StaticInterceptor"],
    summary: "sets one header to one value",
    fields: &[&[KEY, VALUE, PRESERVE]],
    build: Build::Interceptor(build),
};

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    let existing = Existing::kept_if(at.flag(&PRESERVE));
    Ok(Box::new(Static { key: at.text(&KEY).into(), value: at.text(&VALUE).into(), existing }))
}

struct Static {
    key: String,
    value: String,
    existing: Existing,
}

impl Interceptor for Static {
    fn apply(&mut self, batch: &mut Batch) {
        set(batch, &self.key, &self.value, self.existing);
    }
}
