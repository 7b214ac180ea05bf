//! The socket's error queue: datagrams of ours that the network sent back (ICMP, RFC 1122, section 4.1.3.3).
//!
//! `quinn-udp` reads this queue, too, but tells only which host complains, and not whom the datagram was for or
//! what was in it. The first finds the peer; the second tells a refusal of our own question from a forgery.

use bytes::BytesMut;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrLike, SockaddrStorage, recvmsg};
use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

/// As much as is read of what came back; a probe is known by its first 20 bytes.
const QUOTED_MAX: usize = 64;

/// Beside the error there is all that `quinn-udp` has asked the kernel to tell of datagrams.
const CONTROL_MAX: usize = 512;

/// A datagram that nobody takes at the address it was sent to.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it was to go.
    pub to: SocketAddr,
    /// Its beginning, as far as it was sent back.
    pub quoted: BytesMut,
}

/// The next of the queue; none if it is empty. Does not block.
pub fn next(socket: &impl AsRawFd) -> Option<Refused> {
    loop {
        if let Some(refused) = read(socket.as_raw_fd())? {
            return Some(refused);
        }
    }
}

/// The outer none means an empty queue, the inner one an entry of another kind.
fn read(socket: RawFd) -> Option<Option<Refused>> {
    let mut quoted = BytesMut::zeroed(QUOTED_MAX);
    let mut slices = [IoSliceMut::new(&mut quoted)];
    let mut control = [0; CONTROL_MAX];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket, &mut slices, Some(&mut control), flags).ok()?;
    let refused = message.cmsgs().ok()?.any(|control| match control {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            error.ee_errno == libc::ECONNREFUSED as u32
        }
        _ => false,
    });
    let to = message.address.as_ref().and_then(address);
    let length = message.bytes;
    quoted.truncate(length);
    Some(to.filter(|_| refused).map(|to| Refused { to, quoted }))
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    debug_assert!(storage.len() > 0);
    storage
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()))
        .or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::time::Duration;

    fn refused_by_nobody(address: &str) {
        let udp = UdpSocket::bind(address).unwrap();
        let state = quinn_udp::UdpSocketState::new((&udp).into()).unwrap();
        state.enable_transport_errors((&udp).into()).unwrap();
        assert_eq!(next(&udp), None);
        let closed = UdpSocket::bind(address).unwrap().local_addr().unwrap();
        udp.send_to(&[7; 100], closed).unwrap();
        udp.set_nonblocking(false).unwrap();
        udp.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        // Wakes with the error.
        assert_eq!(udp.recv(&mut [0; 8]).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
        let refused = next(&udp).unwrap();
        assert_eq!(refused.to, closed);
        assert_eq!(refused.quoted, [7; QUOTED_MAX][..]);
        assert_eq!(next(&udp), None);
    }

    #[test]
    fn what_came_back_names_whom_it_was_for_and_what_it_was() {
        refused_by_nobody("127.0.0.1:0");
        refused_by_nobody("[::1]:0");
    }
}
