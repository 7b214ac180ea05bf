//! The one UDP socket that all viewers share.
//!
//! `socket` does the system calls, `routes` decides whose a datagram is, and a thread reads at its `pace`.

mod errors;
mod interfaces;
mod pace;
mod post;
mod routes;
mod socket;

pub use interfaces::candidates;

use bytes::BytesMut;
use lenscap_actors::ports::{Datagrams, Inbound};
use lenscap_actors::supervisor::recipient::Recipient;
use lenscap_actors::transport::{Batch, is_dtls, stun};
use pace::Pace;
use post::Post;
use quinn_udp::{BATCH_SIZE, RecvMeta};
use routes::Routes;
use rtc::crypto::RTCCryptoProvider;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use socket::{DatagramSocket, Trouble};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Larger datagrams than this are none of ours.
const DATAGRAM_MAX: usize = 2048;

/// How many batches are read before others get a turn.
const BATCHES_AT_A_TIME: usize = 16;

/// How many are read at once if all that has arrived is wanted; more is a flood.
const BATCHES_AT_MOST: usize = 256;

/// The shared socket.
pub struct Udp {
    socket: DatagramSocket,
    routes: RwLock<Routes<Recipient<Inbound>>>,
    crypto: Arc<dyn RTCCryptoProvider>,
    /// Whoever reads holds it.
    reader: Mutex<Reader>,
}

/// A thread that reads. It ends when this is dropped.
pub struct Reading {
    closing: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Cannot fail: the counter is far from its limit.
        let _ = rustix::io::write(&*self.closing, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // A panic has been logged, and has been noticed by the end of `failed`.
            let _ = thread.join();
        }
    }
}

/// What reading needs.
struct Reader {
    /// Where datagrams are read to.
    memory: Vec<u8>,
    pace: Pace,
}

impl Udp {
    /// Binds.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = DatagramSocket::bind(address)?;
        let memory = vec![0; BATCH_SIZE * DATAGRAM_MAX * socket.datagrams_a_buffer()];
        let reader = Mutex::new(Reader { memory, pace: Pace::new(Instant::now()) });
        let crypto = rtc::crypto::default_provider().map_err(io::Error::other)?;
        Ok(Self { socket, routes: RwLock::default(), crypto, reader })
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Reads datagrams and leads them to their peers, on a thread of its own: until what is returned is dropped, or the
    /// socket fails, which `failed` is told.
    ///
    /// # Errors
    ///
    /// If there is no thread to be had.
    pub fn read(self: &Arc<Self>, failed: oneshot::Sender<String>) -> io::Result<Reading> {
        let closing = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (udp, told) = (self.clone(), closing.clone());
        let thread = thread::Builder::new().name("udp".into()).spawn(move || {
            if let Err(error) = udp.read_until(&told) {
                // Who would hear it has gone: then the server ends as it is.
                let _ = failed.send(error.to_string());
            }
        })?;
        Ok(Reading { closing, thread: Some(thread) })
    }

    fn read_until(&self, closing: &OwnedFd) -> io::Result<()> {
        loop {
            // By no runtime's poll: that would be woken by every datagram, also while nobody wants to read.
            let mut fds = [PollFd::new(self.socket.inner(), PollFlags::IN), PollFd::new(closing, PollFlags::IN)];
            match poll(&mut fds, None) {
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
                Ok(_) if !fds[1].revents().is_empty() => return Ok(()),
                Ok(_) => {}
            }
            if fds[0].revents().contains(PollFlags::ERR) {
                self.drain_errors();
            }
            if let Some(rest) = self.read_batches(BATCHES_AT_A_TIME) {
                thread::sleep(rest);
            }
        }
    }

    /// Has batches read until there is nothing more, or so many; how long to rest then.
    fn read_batches(&self, limit: usize) -> Option<Duration> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..limit {
            match self.receive(&mut reader) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return reader.pace.rest(Instant::now()),
                // An ICMP error about a datagram that we sent.
                Err(_) => self.drain_errors(),
            }
        }
        // There is more.
        None
    }

    fn receive(&self, Reader { memory, pace }: &mut Reader) -> io::Result<()> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let each = memory.len() / BATCH_SIZE;
        let mut chunks = memory.chunks_mut(each);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let received = self.socket.receive(&mut buffers, &mut metas)?;
        let at = Instant::now();
        let mut post = Post::new(at);
        let authentic = |datagram: &[u8], password: &str| stun::is_signed(datagram, password, self.crypto.crypto());
        for (meta, buffer) in metas.iter().zip(&buffers).take(received) {
            let from = plain(meta.addr);
            for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                let mut lead = |inbox: &Recipient<Inbound>| {
                    post.to(inbox).datagrams.push((from, BytesMut::from(datagram)));
                };
                // Who asks for a peer by its name may come from a new address.
                let is_known = || self.routes().at(from).next().is_some();
                // The handshake and the farewell are DTLS; checks from known addresses only keep a connection.
                let urgent = if routes::names_a_peer(datagram) {
                    let is_new = !is_known();
                    let is_authentic = self.routes().is_authentic(datagram, authentic);
                    if is_authentic {
                        let here = meta.dst_ip.map(plain_ip);
                        self.routes_mut().inboxes(from, here, datagram, |_, _| true).for_each(&mut lead);
                    }
                    is_authentic && is_new
                } else {
                    self.routes().at(from).for_each(&mut lead);
                    is_dtls(datagram) && is_known()
                };
                pace.count(urgent, at);
            }
        }
        post.send();
        Ok(())
    }

    /// Reads what came back, and tells those it concerns.
    fn drain_errors(&self) {
        // Not without end, should they come faster than they are read.
        let refused = std::iter::from_fn(|| errors::next(self.socket.inner())).take(BATCH_SIZE * BATCHES_AT_A_TIME);
        self.came_back(refused.map(|refused| (plain(refused.to), refused.quoted)));
    }

    /// Tells the peers concerned that datagrams, of which these are the beginnings, came back.
    fn came_back(&self, undeliverable: impl Iterator<Item = (SocketAddr, BytesMut)>) {
        let mut post = Post::new(Instant::now());
        for (to, quoted) in undeliverable {
            for inbox in self.routes().at(to) {
                post.to(inbox).undeliverable.push((to, quoted.clone()));
            }
        }
        post.send();
    }

    fn routes(&self) -> RwLockReadGuard<'_, Routes<Recipient<Inbound>>> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn routes_mut(&self) -> RwLockWriteGuard<'_, Routes<Recipient<Inbound>>> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Datagrams for Udp {
    fn register(&self, ufrag: &str, password: &str, inbox: Recipient<Inbound>) {
        self.routes_mut().register(ufrag, password, inbox);
    }

    fn expect(&self, ufrag: &str, address: SocketAddr) {
        self.routes_mut().expect(ufrag, plain(address));
    }

    fn forget(&self, ufrag: &str) {
        self.routes_mut().forget(ufrag);
    }

    fn send(&self, batch: &Batch) -> usize {
        let mut taken = 0;
        for (destination, bytes, segment) in batch.runs() {
            let src_ip = self.routes().local_ip(destination);
            let dealt_with = self.socket.send(destination, bytes, segment, src_ip, |trouble| match trouble {
                Trouble::Reported => self.drain_errors(),
                Trouble::Unreachable => self.came_back(std::iter::once((destination, BytesMut::new()))),
            });
            taken += dealt_with;
            if dealt_with < bytes.len().div_ceil(segment) {
                break;
            }
        }
        taken
    }

    fn drain(&self) {
        self.read_batches(BATCHES_AT_MOST);
    }
}

/// IPv4 as IPv4, also where it arrived on an IPv6 socket.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(plain_ip(address.ip()), address.port())
}

fn plain_ip(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

#[cfg(test)]
mod tests;
