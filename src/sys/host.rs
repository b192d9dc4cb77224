//! This host's own name and address, as its resolver tells them.
//!
//! Truth: gethostname(2), getaddrinfo(3), getnameinfo(3), by which Java's `InetAddress.getLocalHost` goes too.
use std::fs;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};

/// The kernel's name of this host.
pub fn host_name() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/hostname")?.trim().to_string())
}

/// The address that the host's name resolves to; IPv4 first.
pub fn host_address() -> io::Result<IpAddr> {
    let addresses: Vec<IpAddr> = (host_name()?, 0).to_socket_addrs()?.map(|address| address.ip()).collect();
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    first.copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

/// The name that the host's address resolves back to; the address itself where it has none.
pub fn full_host_name() -> io::Result<String> {
    let address = host_address()?;
    Ok(dns_lookup::lookup_addr(&address).unwrap_or_else(|_| address.to_string()))
}

/// What escapes call this host, by their name for it.
pub fn host_part(name: &str) -> Result<String, String> {
    let found = match name {
        "localhost" => host_name(),
        "ip" => host_address().map(|address| address.to_string()),
        "fqdn" => full_host_name(),
        other => return Err(format!("`%[{other}]` is none of `%[localhost]`, `%[IP]` and `%[FQDN]`")),
    };
    found.map_err(|error| format!("`%[{name}]` is not known: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_a_name() {
        assert!(!host_name().unwrap().is_empty());
    }
}
