//! What sending costs at the least: `floor --viewers N --seconds S --bitrate BITS --fps F`.
//!
//! For each frame and viewer: headers written, payload copied once, sealed in place with AES-128-GCM, one segmented
//! system call; no connection, no feedback, nothing kept to be sent again. The datagrams go over loopback to sockets
//! that another process reads, so that the receiving half of the kernel is in the figure as it is in the server's.

use lenscap_clients::Failure;
use lenscap_clients::arguments::Arguments;
use lenscap_clients::socket::{Buffers, Socket};
use nix::sys::resource::{UsageWho, getrusage};
use quinn_udp::{Transmit, UdpSocketState};
use rtc_crypto::{AeadAlgorithm, AeadCipher};
use rustix::event::epoll;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of video in a packet.
const PAYLOAD: usize = 1_100;
/// Fixed header, and an extension with a transport-wide number (RFC 3550, section 5; RFC 8285, section 4.2).
const HEAD: usize = 12 + 8;
const TAG: usize = 16;

struct Destination {
    address: SocketAddr,
    cipher: Box<dyn AeadCipher>,
    number: u16,
}

fn main() -> Result<(), Failure> {
    let mut arguments = Arguments::of_process();
    let viewers: usize = arguments.option("--viewers")?.unwrap_or(1);
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    if arguments.flag("--receive") {
        return receive(viewers);
    }
    let seconds: f64 = arguments.option("--seconds")?.unwrap_or(5.0);
    let fps: f64 = arguments.option("--fps")?.unwrap_or(30.0);
    let bitrate: f64 = arguments.option("--bitrate")?.unwrap_or(2e6);
    arguments.rest()?;

    let mut receiver = Command::new(std::env::current_exe()?)
        .args(["--receive", "--viewers", &viewers.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = receiver.stdout.take().ok_or("the receiver has no output")?;
    let addresses = BufReader::new(stdout).lines().take(viewers).collect::<Result<Vec<_>, _>>()?;
    let sent = send(&addresses, bitrate, fps, seconds);
    drop(receiver.stdin.take());
    receiver.wait()?;
    println!("{}", sent?);
    Ok(())
}

/// Sends for so long; what it cost.
fn send(addresses: &[String], bitrate: f64, fps: f64, seconds: f64) -> Result<serde_json::Value, Failure> {
    let provider = rtc_crypto::default_provider()?;
    let mut destinations = Vec::with_capacity(addresses.len());
    for address in addresses {
        let cipher = provider.crypto().new_aead(AeadAlgorithm::Aes128Gcm, &[7; 16])?;
        destinations.push(Destination { address: address.parse()?, cipher, number: 0 });
    }
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let state = UdpSocketState::new((&socket).into())?;
    let frame: Vec<u8> = (0..(bitrate / fps / 8.0) as usize).map(|nth| nth as u8).collect();
    let mut out = Vec::with_capacity(frame.len() * 2);
    let between = Duration::from_secs_f64(1.0 / fps);
    let frames = (seconds * fps) as u32;
    let (mut packets, mut refused) = (0_u64, 0_u64);

    let cpu = cpu_ms()?;
    let start = Instant::now();
    for nth in 0..frames {
        thread::sleep((start + between * nth).saturating_duration_since(Instant::now()));
        for destination in &mut destinations {
            out.clear();
            for payload in frame.chunks(PAYLOAD) {
                destination.seal(payload, nth * 3_000, &mut out)?;
                packets += 1;
            }
            let transmit = Transmit {
                destination: destination.address,
                ecn: None,
                contents: &out,
                segment_size: Some(HEAD + PAYLOAD + TAG),
                src_ip: None,
            };
            if state.try_send((&socket).into(), &transmit).is_err() {
                refused += 1;
            }
        }
    }
    let took = start.elapsed().as_secs_f64();
    let viewer_seconds = destinations.len() as f64 * f64::from(frames) / fps;
    Ok(json!({
        "viewers": destinations.len(),
        "ms_a_viewer_second": (cpu_ms()? - cpu) / viewer_seconds,
        "packets_a_viewer_second": packets as f64 / viewer_seconds,
        "late_percent": (took * fps / f64::from(frames) - 1.0).max(0.0) * 100.0,
        "refused": refused,
    }))
}

impl Destination {
    /// Appends a packet (RFC 7714, section 8.1, with a salt of zeros).
    fn seal(&mut self, payload: &[u8], time: u32, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.number = self.number.wrapping_add(1);
        let start = out.len();
        out.extend_from_slice(&[0x90, 96]);
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&time.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x31]);
        out.extend_from_slice(&self.number.to_be_bytes());
        out.push(0);
        out.extend_from_slice(payload);
        let mut nonce = [0; 12];
        nonce[4..8].copy_from_slice(&time.to_be_bytes());
        nonce[10..].copy_from_slice(&self.number.to_be_bytes());
        let mut tag = [0; TAG];
        let (head, body) = out[start..].split_at_mut(HEAD);
        self.cipher.seal_in_place(&nonce, head, body, &mut tag)?;
        out.extend_from_slice(&tag);
        Ok(())
    }
}

/// User and system time of this process.
fn cpu_ms() -> Result<f64, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let ms = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1e3 + time.tv_usec() as f64 / 1e3;
    Ok(ms(usage.user_time()) + ms(usage.system_time()))
}

/// Reads what comes and forgets it, until standard input is closed.
fn receive(viewers: usize) -> Result<(), Failure> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut sockets = Vec::with_capacity(viewers);
    for nth in 0..viewers {
        let socket = Socket::new(Ipv4Addr::LOCALHOST.into())?;
        epoll::add(&poll, socket.as_inner(), epoll::EventData::new_u64(nth as u64), epoll::EventFlags::IN)?;
        println!("{}", socket.address());
        sockets.push(socket);
    }
    let reader = thread::spawn(move || -> Result<(), Failure> {
        let mut buffers = Buffers::default();
        let mut events = Vec::with_capacity(256);
        loop {
            events.clear();
            match epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let Some(socket) = sockets.get(event.data.u64() as usize) else { continue };
                while socket.receive(&mut buffers, |_, _, _| {})? > 0 {}
            }
        }
    });
    let closed = std::io::stdin().read_to_end(&mut Vec::new());
    if reader.is_finished() {
        reader.join().map_err(|_| "the reader panicked")??;
    }
    closed?;
    // The process ends with this thread, and takes the reader along.
    Ok(())
}
