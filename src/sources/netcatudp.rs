//! Listens on a UDP port; each datagram is an event: what stands before its first newline.
//!
//! Shape: one thread takes what has come and puts it together; a put waits for room, and the kernel's buffer fills
//! meanwhile. What overflows there is counted and told, with the next datagram that comes through.
//! Differs from Flume's: a datagram is never cut (at 2048 bytes there since 1.10), one that meets a full channel waits
//! (Flume drops it), and without `remoteAddress` there is no header (Flume's has no name, which breaks its channels).
//! Guarantee: best effort (G0). Nobody sends a datagram again.
//! Truth: Flume 1.11 `NetcatUdpSource`; Java's `InetSocketAddress.toString`.
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::config::{At, Build, Field, Refusal, Spec};
use crate::event::Builder;
use crate::flow::{Counter, Fatal, Input, Kind, Outlet, PutError, Source, Stop, Wait};
use crate::sys::datagrams::Datagrams;
use crate::sys::{Until, wait_for};

const BIND: Field = Field::text("bind").doc("address or host name to listen on; without it all addresses");
const PORT: Field = Field::int("port", 0, 65_535).required().doc("UDP port; 0: any that is free");
const REMOTE: Field = Field::text("remoteAddress")
    .also(&["remoteAddressHeader"])
    .doc("the header that gets the sender, `/192.0.2.1:4711`; without it there is none");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "netcatudp",
    class: "org.apache.flume.source.NetcatUdpSource",
    aliases: &[],
    summary: "takes lines from UDP datagrams",
    fields: &[&[BIND, PORT, REMOTE]],
    build: Build::Source(build),
};

/// What one put carries at most.
const AT_ONCE: usize = 1000;

fn build(at: &At) -> Result<Box<dyn Source>, Refusal> {
    let port = u16::try_from(at.int(&PORT)).expect("checked: within the field's bounds");
    let text = |field: &Field| at.opt(field).map(str::to_string);
    Ok(Box::new(NetcatUdp { bind: text(&BIND), port, header: text(&REMOTE) }))
}

struct NetcatUdp {
    bind: Option<String>,
    port: u16,
    header: Option<String>,
}

impl Source for NetcatUdp {
    fn input(&self) -> Input {
        Input::Fleeting { why: "nobody sends a datagram again", better: "`netcat`, which answers each line" }
    }

    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        let (mut datagrams, place) = self.listen()?;
        log::info!(component = out.source(); "listens on {place}, by UDP");
        let failed = |error| Fatal::io(format!("cannot receive on `{place}`"), error);
        while !stop.is_told() {
            {
                let _waiting = out.pulse().wait(Wait::Input, "datagrams");
                let what = [(datagrams.fd(), Until::Readable), (stop.fd(), Until::Readable)];
                wait_for(what, None).map_err(failed)?;
            }
            // At the end too: what has come before it is taken, as far as there is room.
            while self.put_some(&mut datagrams, out, stop).map_err(failed)?? && !stop.is_told() {}
        }
        Ok(())
    }
}

impl NetcatUdp {
    fn listen(&self) -> Result<(Datagrams, SocketAddr), Fatal> {
        let place = format!("{}:{}", self.bind.as_deref().unwrap_or("*"), self.port);
        let bound = match &self.bind {
            Some(host) => UdpSocket::bind((host.as_str(), self.port)),
            // One socket for both; a host without IPv6 has the other alone.
            None => UdpSocket::bind(("::", self.port)).or_else(|_| UdpSocket::bind(("0.0.0.0", self.port))),
        };
        let opened = bound.and_then(|socket| {
            let address = socket.local_addr()?;
            Ok((Datagrams::new(socket)?, address))
        });
        opened.map_err(|error| Fatal::io(format!("cannot listen on `{place}`"), error))
    }

    /// Puts what has come; false if there was nothing, or nothing can be put any more.
    fn put_some(
        &self,
        datagrams: &mut Datagrams,
        out: &Outlet,
        stop: &Stop,
    ) -> io::Result<Result<bool, Fatal>> {
        let (mut builder, mut dropped) = (Builder::default(), 0);
        while builder.len() < AT_ONCE
            && let Some(datagram) = datagrams.receive()?
        {
            builder.push(line(datagram.bytes), 0..0);
            if let (Some(header), Some(from)) = (&self.header, datagram.from) {
                builder.header(header, &java_text(from));
            }
            dropped += datagram.dropped;
        }
        if dropped > 0 {
            let what = "the kernel had no room for them: they came faster than they could be put";
            lost(out, dropped as usize, what);
        }
        let events = builder.len();
        if events == 0 {
            return Ok(Ok(false));
        }
        Ok(match out.put_all(builder.finish(None), stop) {
            Ok(receipt) => {
                receipt.forget();
                Ok(true)
            }
            Err(PutError::Closed) => {
                lost(out, events, "the agent ends, and no channel has room");
                Ok(false)
            }
            Err(PutError::Broken(error)) => {
                lost(out, events, "a channel is broken");
                Err(Fatal::new(error.to_string()))
            }
            Err(PutError::Gap { .. } | PutError::Full(_)) => unreachable!("no span, and room is waited for"),
        })
    }
}

fn lost(out: &Outlet, datagrams: usize, why: &str) {
    let source = out.source();
    out.pulse().add(Counter::LostEvents, datagrams as u64);
    log::warn!(component = source, events = datagrams; "source `{source}` loses {datagrams} datagrams: {why}");
}

fn line(datagram: &[u8]) -> &[u8] {
    &datagram[..memchr::memchr(b'\n', datagram).unwrap_or(datagram.len())]
}

/// `/192.0.2.1:4711`, `/[2001:db8:0:0:0:0:0:1]:4711`: Java leaves no zeros out.
fn java_text(address: SocketAddr) -> String {
    let port = address.port();
    match address.ip() {
        IpAddr::V4(ip) => format!("/{ip}:{port}"),
        IpAddr::V6(ip) => {
            let parts: Vec<String> = ip.segments().iter().map(|part| format!("{part:x}")).collect();
            format!("/[{}]:{port}", parts.join(":"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_what_stands_before_the_first_newline() {
        for (datagram, event) in
            [("one\ntwo\n", "one"), ("one", "one"), ("one\r\n", "one\r"), ("", ""), ("\nx", "")]
        {
            assert_eq!(line(datagram.as_bytes()), event.as_bytes());
        }
    }

    #[test]
    fn senders_are_written_as_java_writes_them() {
        assert_eq!(java_text("127.0.0.1:80".parse().unwrap()), "/127.0.0.1:80");
        assert_eq!(java_text("[2001:db8::1]:80".parse().unwrap()), "/[2001:db8:0:0:0:0:0:1]:80");
    }
}
