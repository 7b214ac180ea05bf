//! A UDP socket whose datagrams come with the kernel's time of arrival: what a reader that has to wait for the
//! processor adds is not the sender's.

use crate::Failure;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use std::io::{ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

/// No datagram of WebRTC is longer.
const DATAGRAM_MAX: usize = 2048;
/// Room for an opening burst while the reader waits for the processor.
const RECEIVE_BUFFER: usize = 2 << 20;

/// A socket of one address of this host.
pub struct Socket {
    inner: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
}

/// Memory to read into: one for a thread.
pub struct Buffers {
    memory: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Default for Buffers {
    fn default() -> Self {
        Self { memory: vec![0; BATCH_SIZE * DATAGRAM_MAX], metas: [RecvMeta::default(); BATCH_SIZE] }
    }
}

impl Socket {
    /// On any free port of this address. Segments of one system call of the sender arrive as datagrams of their own, as they do from
    /// another machine.
    pub fn new(address: IpAddr) -> Result<Self, Failure> {
        let inner = UdpSocket::bind((address, 0))?;
        let state = UdpSocketState::new((&inner).into())?;
        nix::sys::socket::setsockopt(&inner, nix::sys::socket::sockopt::UdpGroSegment, &false)?;
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(&inner, RECEIVE_BUFFER).is_err() {
            rustix::net::sockopt::set_socket_recv_buffer_size(&inner, RECEIVE_BUFFER)?;
        }
        let address = inner.local_addr()?;
        Ok(Self { inner, state, address })
    }

    /// Its own address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket itself, to wait for it.
    pub fn as_inner(&self) -> &UdpSocket {
        &self.inner
    }

    /// Sends; what does not fit is lost, as on a network.
    pub fn send(&self, to: SocketAddr, datagram: &[u8]) {
        let _ = self.inner.send_to(datagram, to);
    }

    /// Hands over what is there: up to one batch, with source and time since 1970. How many it were.
    pub fn receive(
        &self,
        buffers: &mut Buffers,
        mut take: impl FnMut(&[u8], SocketAddr, Option<Duration>),
    ) -> Result<usize, Failure> {
        let mut chunks = buffers.memory.chunks_mut(DATAGRAM_MAX);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let count = match self.state.recv((&self.inner).into(), &mut slices, &mut buffers.metas) {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) => 0,
            Err(error) => return Err(error.into()),
        };
        for (slice, meta) in slices.iter().zip(&buffers.metas[..count]) {
            take(&slice[..meta.len], meta.addr, meta.timestamp);
        }
        Ok(count)
    }
}
