//! Sends a camera's pictures while the driver wants them, at the rate that was agreed.

use super::damage;
use super::device::{Device, PAYLOAD_MAX, Streaming};
use super::pictures::picture;
use super::wire;
use super::{Faults, Shared};
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// Bits of a payload header (UVC 1.1, 2.4.3.3).
const PICTURE_PARITY: u8 = 0x01;
const END_OF_PICTURE: u8 = 0x02;
const BROKEN: u8 = 0x40;
const END_OF_HEADER: u8 = 0x80;

/// A camera that is late sends at most so many pictures at once.
const LATE_AT_MOST: Duration = Duration::from_millis(200);

/// Runs until the camera is unplugged.
pub fn run(shared: &Shared) {
    let (mut parity, mut number, mut session, mut due) = (0, 0, 0, Instant::now());
    while let Some(streaming) = wait_for_turn(shared, session, due) {
        let now = Instant::now();
        if streaming.session != session {
            (session, number, due) = (streaming.session, 0, now);
        }
        due = due.max(now - LATE_AT_MOST) + streaming.interval;
        if send(shared, &streaming, number, parity).is_err() {
            return;
        }
        parity ^= PICTURE_PARITY;
        number += 1;
    }
}

/// Waits until a picture is due, the first of a new stream at once; none if the camera is gone.
fn wait_for_turn(shared: &Shared, session: u64, due: Instant) -> Option<Streaming> {
    let mut device = shared.lock();
    while !device.gone {
        let Some(streaming) = device.streaming.filter(|_| has_picture(&device)) else {
            device = shared.changed.wait(device).unwrap();
            continue;
        };
        let wait = due.saturating_duration_since(Instant::now());
        if wait.is_zero() || streaming.session != session {
            return Some(streaming);
        }
        device = shared.changed.wait_timeout(device, wait).unwrap().0;
    }
    None
}

fn has_picture(device: &Device) -> bool {
    let Faults { stalled, by_hand, .. } = device.faults;
    !stalled && (!by_hand || !device.given.is_empty())
}

/// Sends a picture, in as many payloads as it takes, each with the driver's next transfer. What
/// is left when the stream ends is not sent.
fn send(shared: &Shared, streaming: &Streaming, number: u64, parity: u8) -> std::io::Result<()> {
    let (faults, given) = {
        let mut device = shared.lock();
        (device.faults, device.given.pop_front())
    };
    let mut picture = given.map_or_else(|| picture(streaming.format, streaming.size, number), Cow::Owned);
    if faults.damaged {
        picture = Cow::Owned(damage::header(&picture));
    }
    if faults.rubbish {
        picture.to_mut().extend((0..300).map(|n| (n * 7 + 1) as u8));
    }
    let mut rest = if faults.truncated { &picture[..picture.len() / 2] } else { &picture[..] };
    let broken = faults.flag_every > 0 && number.is_multiple_of(faults.flag_every);
    while !rest.is_empty() {
        let mut device = shared.lock();
        let transfer = loop {
            if device.gone || device.streaming.is_none_or(|now| now.session != streaming.session) {
                return Ok(());
            }
            match device.pending.pop_front() {
                Some(transfer) => break transfer,
                None => device = shared.changed.wait(device).unwrap(),
            }
        };
        let (part, after) = rest.split_at(rest.len().min(transfer.capacity.min(PAYLOAD_MAX) - 2));
        rest = after;
        let mut flags = END_OF_HEADER | parity;
        flags |= if rest.is_empty() { END_OF_PICTURE } else { 0 };
        flags |= if broken { BROKEN } else { 0 };
        let payload = [&[2, flags], part].concat();
        // With the lock held: see `wire`, where transfers are taken back.
        wire::complete(&mut device.socket, transfer, &payload)?;
    }
    Ok(())
}
