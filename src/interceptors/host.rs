//! Names the host that events came through: its address, or its full name.
//!
//! Resolved once, with the first events; where that fails the header is never set, and a warning says so. On many hosts
//! the address is `127.0.1.1`, as with Flume, since that is what their name resolves to.
//! Truth: Flume 1.11 `HostInterceptor` on `InetAddress.getLocalHost`.
use super::header::{Existing, set};
use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::Batch;
use crate::flow::{Interceptor, Kind};
use crate::sys;

const USE_IP: Field = Field::flag("useIP").default("true").doc("the address; else the full name");
const PRESERVE: Field =
    Field::flag("preserveExisting").default("false").doc("whether a host that is there stays");
const HEADER: Field = Field::text("hostHeader").default("host").doc("the header it is put in");

pub static SPEC: Spec = Spec {
    kind: Kind::Interceptor,
    name: "host",
    class: "org.apache.flume.interceptor.HostInterceptor$Builder",
    aliases: &["org.apache.flume.interceptor.HostInterceptor"],
    summary: "names the host that events came through",
    fields: &[&[USE_IP, PRESERVE, HEADER]],
    build: Build::Interceptor(build),
};

fn build(at: &At) -> Result<Box<dyn Interceptor>, Refusal> {
    Ok(Box::new(Host {
        name: at.name.into(),
        header: at.text(&HEADER).into(),
        existing: Existing::kept_if(at.flag(&PRESERVE)),
        look_up: if at.flag(&USE_IP) { address } else { sys::full_host_name },
        host: None,
    }))
}

fn address() -> std::io::Result<String> {
    sys::host_address().map(|address| address.to_string())
}

struct Host {
    name: String,
    header: String,
    existing: Existing,
    look_up: fn() -> std::io::Result<String>,
    /// Looked up; inside, what was found.
    host: Option<Option<String>>,
}

impl Interceptor for Host {
    fn apply(&mut self, batch: &mut Batch) {
        if batch.is_empty() {
            return;
        }
        let host = self.host.get_or_insert_with(|| {
            (self.look_up)()
                .inspect_err(|error| {
                    let (name, header) = (self.name.as_str(), &self.header);
                    log::warn!(component = name; "cannot resolve this host's own name, so events get no header `{header}`: {error}");
                })
                .ok()
        });
        if let Some(host) = host {
            set(batch, &self.header, host, self.existing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Builder;

    fn header(look_up: fn() -> std::io::Result<String>) -> Option<String> {
        let (name, header) = ("i1".into(), "host".into());
        let mut host = Host { name, header, existing: Existing::Replaced, look_up, host: None };
        let mut batch = Builder::default().push(b"a", 0..0).finish(None);
        host.apply(&mut batch);
        batch.event(0).header("host").map(str::to_string)
    }

    #[test]
    fn the_host_is_set_where_it_resolves_and_missing_where_not() {
        assert_eq!(header(|| Ok("127.0.1.1".into())).as_deref(), Some("127.0.1.1"));
        assert_eq!(header(|| Err(std::io::ErrorKind::NotFound.into())), None);
    }
}
