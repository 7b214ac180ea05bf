//! The one UDP socket that all viewers share.
//!
//! `quinn-udp` does the system calls: many datagrams a call both ways (UDP_SEGMENT, UDP_GRO,
//! recvmmsg), the address that each arrived at, and the error queue. `routes` decides whose a
//! datagram is.

mod errors;
mod interfaces;
mod pace;
mod post;
mod routes;

pub use interfaces::candidates;

use bytes::BytesMut;
use lenscap_actors::ports::{Datagrams, Inbound};
use lenscap_actors::supervisor::recipient::Recipient;
use lenscap_actors::transport::{Batch, stun};
use pace::Pace;
use post::Post;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use routes::Routes;
use rtc::crypto::RTCCryptoProvider;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Kernel buffers, each way. A keyframe for many viewers leaves in one burst.
const KERNEL_BUFFER: usize = 4 << 20;

/// Datagrams of one destination that may leave in one system call: what the kernel takes, if it
/// can segment at all.
const SEGMENTS_MAX: usize = 64;

/// Larger datagrams than this are none of ours.
const DATAGRAM_MAX: usize = 2048;

/// How many batches are read before others get a turn.
const BATCHES_AT_A_TIME: usize = 16;

/// How many are read at once if all that has arrived is wanted; more is a flood.
const BATCHES_AT_MOST: usize = 256;

/// So many times a datagram is sent that is kept back by what is said of others: a flood of forged refusals must not
/// stop it.
const REFUSALS_MAX: u32 = 16;

/// The shared socket.
pub struct Udp {
    socket: std::net::UdpSocket,
    state: UdpSocketState,
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
        let memory = vec![0; BATCH_SIZE * DATAGRAM_MAX * state.gro_segments()];
        let reader = Mutex::new(Reader { memory, pace: Pace::new(Instant::now()) });
        let crypto = rtc::crypto::default_provider().map_err(io::Error::other)?;
        Ok(Self { socket: socket.into(), state, routes: RwLock::default(), crypto, reader })
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
            let mut fds = [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(closing, PollFlags::IN)];
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
        let received = self.state.recv((&self.socket).into(), &mut buffers, &mut metas)?;
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
                // The handshake and the farewell are DTLS (RFC 7983); checks from known addresses only keep a connection.
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
                    matches!(datagram.first(), Some(20..=63)) && is_known()
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
        let refused = std::iter::from_fn(|| errors::next(&self.socket)).take(BATCH_SIZE * BATCHES_AT_A_TIME);
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

    fn transmit(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let send = || self.state.try_send((&self.socket).into(), transmit);
        let mut attempts = 1;
        loop {
            match send() {
                // It may be about what was sent to another peer before; then nothing was sent.
                Err(error) if attempts < attempts_for(error.kind()) => {
                    attempts += 1;
                    self.drain_errors();
                }
                result => return result,
            }
        }
    }

    /// Sends datagrams of one size to one destination, as many in a system call as the system segments. Gives how many
    /// datagrams are dealt with: fewer than all if there is no room for more.
    fn send_run(&self, destination: SocketAddr, bytes: &[u8], segment: usize, src_ip: Option<IpAddr>) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            let limit = self.state.max_gso_segments().min(SEGMENTS_MAX);
            let (contents, after) = rest.split_at(rest.len().min(limit * segment));
            let segment_size = (contents.len() > segment).then_some(segment);
            let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip };
            if let Err(error) = self.transmit(&transmit) {
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
                    self.came_back(std::iter::once((destination, BytesMut::new())));
                }
            }
            rest = after;
        }
        bytes.len().div_ceil(segment)
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

    fn forget(&self, ufrag: &str) {
        self.routes_mut().forget(ufrag);
    }

    fn send(&self, batch: &Batch) -> usize {
        let mut taken = 0;
        for (destination, bytes, segment) in batch.runs() {
            let src_ip = self.routes().local_ip(destination);
            let dealt_with = self.send_run(destination, bytes, segment, src_ip);
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

/// IPv4 as IPv4, also where it arrived on an IPv6 socket.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(plain_ip(address.ip()), address.port())
}

fn plain_ip(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(to: SocketAddr, datagrams: &[&[u8]]) -> Batch {
        let mut batch = Batch::default();
        let mut run = batch.run(to);
        datagrams.iter().for_each(|datagram| run.datagram(|bytes| bytes.extend_from_slice(datagram)));
        drop(run);
        batch
    }

    #[actix::test]
    async fn an_error_about_one_destination_does_not_keep_datagrams_from_another() {
        let udp = Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // Bound and closed: nobody listens there.
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let open = listener.local_addr().unwrap();
        for round in 0..20u8 {
            udp.send(&batch(closed, &[&[round]]));
            udp.send(&batch(open, &[&[round]]));
            let mut buffer = [0; 8];
            let (length, _) = listener.recv_from(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], [round]);
        }
    }

    #[actix::test]
    async fn all_that_has_arrived_is_led_to_its_peer_before_a_drain_returns() {
        struct Counter(std::sync::Arc<std::sync::atomic::AtomicUsize>);
        impl actix::Actor for Counter {
            type Context = actix::Context<Self>;
        }
        impl actix::Handler<Inbound> for Counter {
            type Result = ();
            fn handle(&mut self, inbound: Inbound, _: &mut Self::Context) {
                self.0.fetch_add(inbound.datagrams.len(), std::sync::atomic::Ordering::Relaxed);
            }
        }
        let count = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
        let counter = actix::Actor::start(Counter(count.clone()));
        let udp = Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        udp.register("ours", "a password of 22 chars", counter.clone().recipient().into());
        let viewer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let role = stun::Role::Controlling(1);
        let password = "a password of 22 chars";
        let request = stun::request([7; 12], "ours:theirs", password, role, false, udp.crypto.crypto()).unwrap();
        for _ in 0..100 {
            viewer.send_to(&request, udp.local_addr().unwrap()).unwrap();
        }
        // Nobody reads.
        udp.drain();
        // A message to the same mailbox comes after them.
        counter.send(Inbound { at: Instant::now(), datagrams: vec![], undeliverable: vec![] }).await.unwrap();
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 100);
    }

    #[actix::test]
    async fn the_reader_rests_after_an_error() {
        let udp = std::sync::Arc::new(Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap());
        let reading = udp.read(oneshot::channel().0).unwrap();
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        udp.send(&batch(closed, &[&[1]]));
        // Of the threads of that name there is this one only; it may not have taken it yet.
        let find = || {
            let mut threads = std::fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path());
            threads.find(|thread| std::fs::read_to_string(thread.join("comm")).is_ok_and(|name| name == "udp\n"))
        };
        let thread = loop {
            match find() {
                Some(thread) => break thread,
                None => tokio::task::yield_now().await,
            }
        };
        // Nanoseconds on a processor, first of all (the kernel's documentation of schedstats).
        let seconds = || {
            let times = std::fs::read_to_string(thread.join("schedstat")).unwrap();
            times.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
        };
        let before = seconds();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let share = (seconds() - before) / 0.3;
        assert!(share < 0.3, "{share:.2} of a core while nothing happens");
        drop(reading);
    }

    /// Sends a burst and makes sure that it arrives, whole and in order.
    async fn assert_a_burst_arrives(udp: &Udp) {
        let listener = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let sizes = [1200, 1200, 1200, 300, 1200, 50, 60];
        let burst: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(n, &size)| vec![n as u8; size]).collect();
        udp.send(&batch(to, &burst.iter().map(|datagram| &datagram[..]).collect::<Vec<_>>()));
        for (n, size) in sizes.into_iter().enumerate() {
            let mut buffer = [0; 2000];
            let received = tokio::time::timeout(std::time::Duration::from_secs(5), listener.recv_from(&mut buffer));
            let (length, _) = received.await.unwrap_or_else(|_| panic!("datagram {n} is lost")).unwrap();
            assert_eq!((length, buffer[0], buffer[length - 1]), (size, n as u8, n as u8));
        }
    }

    #[actix::test]
    async fn a_burst_arrives_as_it_was_sent() {
        assert_a_burst_arrives(&Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap()).await;
    }

    #[actix::test]
    async fn a_burst_arrives_where_the_kernel_does_not_segment() {
        let udp = Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        // Without a checksum to be computed the kernel refuses to segment, as it does on a network
        // device that computes none.
        let on: libc::c_int = 1;
        let (value, length) = ((&raw const on).cast(), size_of_val(&on) as libc::socklen_t);
        let socket = std::os::fd::AsRawFd::as_raw_fd(&udp.socket);
        // SAFETY: the option takes an int, which outlives the call.
        let result = unsafe { libc::setsockopt(socket, libc::SOL_SOCKET, libc::SO_NO_CHECK, value, length) };
        assert_eq!(result, 0);
        assert!(udp.state.max_gso_segments() > 1, "as the kernel has it, and nothing has failed yet");
        assert_a_burst_arrives(&udp).await;
        assert_eq!(udp.state.max_gso_segments(), 1, "the kernel has refused");
    }
}
