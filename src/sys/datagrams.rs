//! Datagrams with their senders, and how many the kernel has dropped.
//!
//! Why recvmsg(2): a full socket buffer drops silently; only the counter beside a datagram (`SO_RXQ_OVFL`) tells.
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::sockopt::RxqOvfl;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};

/// Larger than any datagram.
const LARGEST: usize = 64 << 10;

/// A UDP socket.
pub struct Datagrams {
    socket: UdpSocket,
    buffer: Box<[u8]>,
    beside: Vec<u8>,
    /// As the kernel counts: from the socket's beginning, in 32 bits.
    dropped: u32,
}

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    pub bytes: &'a [u8],
    pub from: Option<SocketAddr>,
    /// How many were dropped since the one before.
    pub dropped: u32,
}

impl Datagrams {
    pub fn new(socket: UdpSocket) -> io::Result<Datagrams> {
        setsockopt(&socket, RxqOvfl, &1)?;
        let (buffer, beside) = (vec![0; LARGEST].into(), nix::cmsg_space!(u32));
        Ok(Datagrams { socket, buffer, beside, dropped: 0 })
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The next one that is there already.
    pub fn receive(&mut self) -> io::Result<Option<Datagram<'_>>> {
        let mut parts = [IoSliceMut::new(&mut self.buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let message = match recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut self.beside),
            flags,
        ) {
            Ok(message) => message,
            Err(errno) => {
                let error = io::Error::from(errno);
                return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) };
            }
        };
        let count = |message| match message {
            ControlMessageOwned::RxqOvfl(count) => Some(count),
            _ => None,
        };
        let counted = message.cmsgs()?.find_map(count).unwrap_or(self.dropped);
        let (length, from) = (message.bytes, message.address.and_then(|address| sender(&address)));
        let dropped = counted.wrapping_sub(self.dropped);
        self.dropped = counted;
        Ok(Some(Datagram { bytes: &self.buffer[..length], from, dropped }))
    }
}

/// An IPv4 sender is one, on a socket for both as well.
fn sender(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::new(IpAddr::V4(v4.ip()), v4.port()));
    }
    let v6 = address.as_sockaddr_in6()?;
    Some(SocketAddr::new(IpAddr::V6(v6.ip()).to_canonical(), v6.port()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{Until, wait_for};

    #[test]
    fn datagrams_come_whole_with_their_senders() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, peer) = (socket.local_addr().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut datagrams = Datagrams::new(socket).unwrap();
        assert_eq!(datagrams.receive().unwrap(), None);
        for text in [vec![b'x'; 60_000], Vec::new()] {
            peer.send_to(&text, address).unwrap();
            wait_for([(datagrams.fd(), Until::Readable)], None).unwrap();
            let from = Some(peer.local_addr().unwrap());
            assert_eq!(datagrams.receive().unwrap().unwrap(), Datagram { bytes: &text, from, dropped: 0 });
        }
    }

    #[test]
    fn what_the_kernel_dropped_is_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        setsockopt(&socket, nix::sys::socket::sockopt::RcvBuf, &4096).unwrap();
        let (address, peer) = (socket.local_addr().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut datagrams = Datagrams::new(socket).unwrap();
        let send = |count| (0..count).for_each(|_| _ = peer.send_to(&[0; 1000], address).unwrap());
        send(50);
        let mut received = 0;
        while datagrams.receive().unwrap().is_some() {
            received += 1;
        }
        send(1);
        wait_for([(datagrams.fd(), Until::Readable)], None).unwrap();
        assert_eq!(datagrams.receive().unwrap().unwrap().dropped, 50 - received);
    }
}
