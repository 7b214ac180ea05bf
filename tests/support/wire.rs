//! The wire beneath the sockets: sees all UDP of this machine, and carries packets whose sender is a lie.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const IP: usize = 20;
const UDP: usize = 8;

/// A datagram that was on the wire.
#[derive(Clone)]
pub struct Seen {
    pub at: Instant,
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    pub data: Vec<u8>,
}

/// Sees what goes to and from one port until it is dropped.
pub struct Wire {
    seen: Arc<Mutex<Vec<Seen>>>,
    over: Arc<AtomicBool>,
    raw: socket2::Socket,
}

fn raw_socket(protocol: libc::c_int) -> socket2::Socket {
    let kind = socket2::Type::from(libc::SOCK_RAW);
    socket2::Socket::new(socket2::Domain::IPV4, kind, Some(protocol.into())).unwrap_or_else(|error| {
        panic!("this test forges packets and needs a raw socket, so run it as root (CAP_NET_RAW): {error}")
    })
}

impl Wire {
    pub fn tap(port: u16) -> Self {
        let (seen, over) = (Arc::new(Mutex::new(vec![])), Arc::new(AtomicBool::new(false)));
        let mut tap = raw_socket(libc::IPPROTO_UDP);
        tap.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let _ = tap.set_recv_buffer_size(8 << 20);
        let (list, ended) = (seen.clone(), over.clone());
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while !ended.load(Ordering::Relaxed) {
                let Ok(length) = tap.read(&mut buffer) else { continue };
                if let Some(packet) =
                    parse(&buffer[..length]).filter(|it| it.from.port() == port || it.to.port() == port)
                {
                    list.lock().unwrap().push(packet);
                }
            }
        });
        Self { seen, over, raw: raw_socket(libc::IPPROTO_RAW) }
    }

    /// What was seen since then.
    pub fn since(&self, start: Instant) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|it| it.at >= start).cloned().collect()
    }

    /// The last that fits.
    pub fn last(&self, fits: impl Fn(&Seen) -> bool) -> Option<Seen> {
        self.seen.lock().unwrap().iter().rev().find(|it| fits(it)).cloned()
    }

    /// A datagram, whoever `from` is.
    pub fn send(&self, from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) {
        self.put(
            *to.ip(),
            &[ip(*from.ip(), *to.ip(), libc::IPPROTO_UDP, UDP + data.len()), udp(from, to, data)].concat(),
        );
    }

    /// An ICMP port unreachable, by which `viewer` seems to refuse what `server` has sent.
    pub fn refuse(&self, viewer: SocketAddrV4, server: SocketAddrV4, quoted: &[u8]) {
        let quoted =
            [ip(*server.ip(), *viewer.ip(), libc::IPPROTO_UDP, UDP + quoted.len()), udp(server, viewer, quoted)];
        let mut icmp = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &quoted.concat()].concat();
        let sum = checksum(&icmp);
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        let header = ip(*viewer.ip(), *server.ip(), libc::IPPROTO_ICMP, icmp.len());
        self.put(*server.ip(), &[header, icmp].concat());
    }

    fn put(&self, to: Ipv4Addr, packet: &[u8]) {
        // A full buffer delays a flood, it is no reason to fail.
        while let Err(error) = self.raw.send_to(packet, &SocketAddrV4::new(to, 0).into()) {
            assert_eq!(error.raw_os_error(), Some(libc::ENOBUFS), "{error}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn parse(packet: &[u8]) -> Option<Seen> {
    let header = usize::from(packet.first()? & 0xf) * 4;
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
    let port = |at: usize| Some(u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?));
    Some(Seen {
        at: Instant::now(),
        from: SocketAddrV4::new(address(12)?, port(header)?),
        to: SocketAddrV4::new(address(16)?, port(header + 2)?),
        data: packet.get(header + UDP..)?.to_vec(),
    })
}

fn ip(from: Ipv4Addr, to: Ipv4Addr, protocol: libc::c_int, length: usize) -> Vec<u8> {
    let total = ((IP + length) as u16).to_be_bytes();
    let mut header = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, protocol as u8, 0, 0];
    header.extend(from.octets());
    header.extend(to.octets());
    let sum = checksum(&header).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    header
}

/// Without a checksum of its own, which IPv4 allows (RFC 768).
fn udp(from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) -> Vec<u8> {
    let fields = [from.port(), to.port(), (UDP + data.len()) as u16, 0];
    fields.iter().flat_map(|field| field.to_be_bytes()).chain(data.iter().copied()).collect()
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}
