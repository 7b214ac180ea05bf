//! The system calls: many datagrams each, both ways (UDP_SEGMENT, UDP_GRO, recvmmsg), and the address that each arrived
//! at, by `quinn-udp`.

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::io::Errno;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Kernel buffers, each way. A keyframe for many viewers leaves in one burst.
const KERNEL_BUFFER: usize = 4 << 20;

/// Datagrams of one destination that may leave in one system call: what the kernel takes, if it
/// can segment at all.
const SEGMENTS_MAX: usize = 64;

/// So many times a datagram is sent that is kept back by what is said of others: a flood of forged refusals must not
/// stop it.
const REFUSALS_MAX: u32 = 16;

/// A bound UDP socket.
pub struct DatagramSocket {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// What sending has shown.
pub enum Trouble {
    /// Errors wait to be read. They may be about what was sent to others before.
    Reported,
    /// There is no way to the destination.
    Unreachable,
}

impl DatagramSocket {
    /// Binds.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::DGRAM.nonblocking(),
            Some(socket2::Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        let state = UdpSocketState::new((&socket).into())?;
        // The kernel may grant less, which only costs packets under load.
        let _ = socket.set_send_buffer_size(KERNEL_BUFFER);
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
        state.enable_transport_errors((&socket).into())?;
        Ok(Self { socket: socket.into(), state })
    }

    /// What can be waited for, and has an error queue.
    pub fn inner(&self) -> &UdpSocket {
        &self.socket
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// How many datagrams of one sender a buffer may be given at once.
    pub fn datagrams_a_buffer(&self) -> usize {
        self.state.gro_segments()
    }

    /// How many datagrams leave in one system call.
    pub fn datagrams_a_call(&self) -> usize {
        self.state.max_gso_segments().min(SEGMENTS_MAX)
    }

    /// Fills buffers with what has arrived: how many.
    pub fn receive(&self, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        self.state.recv((&self.socket).into(), buffers, metas)
    }

    /// Sends datagrams of one size to one destination, as many in a system call as the system segments, and says what that
    /// has shown. Gives how many datagrams are dealt with: fewer than all if there is no room for more.
    pub fn send(
        &self,
        destination: SocketAddr,
        bytes: &[u8],
        segment: usize,
        src_ip: Option<IpAddr>,
        told: impl Fn(Trouble),
    ) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            let limit = self.datagrams_a_call();
            let (contents, after) = rest.split_at(rest.len().min(limit * segment));
            let segment_size = (contents.len() > segment).then_some(segment);
            let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip };
            if let Err(error) = self.transmit(&transmit, &told) {
                // Where the network device computes no checksums the kernel may refuse to segment. That
                // shows with the first attempt only; then `state` knows, and all leave one by one.
                if segment_size.is_some() && self.state.max_gso_segments() < limit {
                    continue;
                }
                if is_full(&error) {
                    return (bytes.len() - rest.len()) / segment;
                }
                log::trace!("{} bytes to {destination} not sent: {error}", contents.len());
                if matches!(error.kind(), io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) {
                    told(Trouble::Unreachable);
                }
            }
            rest = after;
        }
        bytes.len().div_ceil(segment)
    }

    fn transmit(&self, transmit: &Transmit<'_>, told: impl Fn(Trouble)) -> io::Result<()> {
        let mut attempts = 1;
        loop {
            match self.state.try_send((&self.socket).into(), transmit) {
                // It may be about what was sent to another peer before; then nothing was sent.
                Err(error) if attempts < attempts_for(error.kind()) => {
                    attempts += 1;
                    told(Trouble::Reported);
                }
                result => return result,
            }
        }
    }
}

/// Whether there is no room for a datagram, in the socket or in the queue of its interface.
fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error())
}

fn attempts_for(error: io::ErrorKind) -> u32 {
    match error {
        io::ErrorKind::WouldBlock => 1,
        io::ErrorKind::ConnectionRefused => REFUSALS_MAX,
        _ => 2,
    }
}
