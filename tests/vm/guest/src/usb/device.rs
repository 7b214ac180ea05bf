//! The state of a camera and its answers to the requests of USB and UVC.

use super::Faults;
use super::controls::{self, Control};
use super::descriptors::{self, FORMATS, Format, Identity};
use super::wire::Transfer;
use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The most bytes of one payload, its header included: what `uvcvideo` takes in one transfer.
pub const PAYLOAD_MAX: usize = 32 * 512;

/// What a video stream was agreed to be: the probe and commit control of UVC 1.1.
pub type Agreement = [u8; 34];

/// An answer to a control request.
pub enum Answer {
    Data(Vec<u8>),
    Done,
    Refused,
}

/// What is being streamed.
#[derive(Clone, Copy, Debug)]
pub struct Streaming {
    /// Counts starts.
    pub session: u64,
    pub format: Format,
    pub size: [u16; 2],
    pub interval: Duration,
}

/// A camera's state.
pub struct Device {
    identity: Identity,
    /// To the kernel.
    pub socket: UnixStream,
    /// Transfers that wait for pictures.
    pub pending: VecDeque<Transfer>,
    pub faults: Faults,
    /// Pictures that it was given to send.
    pub given: VecDeque<Vec<u8>>,
    pub streaming: Option<Streaming>,
    /// Unplugged.
    pub gone: bool,
    sessions: u64,
    probed: Agreement,
    committed: Agreement,
    controls: Vec<Control>,
}

impl Device {
    pub fn new(identity: Identity, socket: UnixStream) -> Self {
        Self {
            identity,
            socket,
            pending: VecDeque::new(),
            faults: Faults::default(),
            given: VecDeque::new(),
            streaming: None,
            gone: false,
            sessions: 0,
            probed: possible([0; 34]),
            committed: possible([0; 34]),
            controls: controls::all(),
        }
    }

    /// Answers a request to endpoint 0.
    pub fn control(&mut self, setup: [u8; 8], data: &[u8]) -> Answer {
        let [kind, request, value_low, value_high, index_low, index_high, ..] = setup;
        let answer = match (kind, request) {
            (0x80, 6) => self.descriptor(value_high, value_low),
            (0x80..=0x82, 0) => Some(vec![0, 0]), // status
            (0x80, 8) => Some(vec![1]),           // configuration
            (0x81, 10) => Some(vec![0]),          // alternate setting
            (0x00, 9) | (0x01, 11) => return Answer::Done,
            // The driver clears the halt of a bulk endpoint to end the stream.
            (0x02, 1) => {
                self.streaming = None;
                return Answer::Done;
            }
            (0x21, 1) => return self.set(value_high, index_low, index_high, data),
            (0xa1, _) => self.get(request, value_high, index_low, index_high),
            _ => None,
        };
        answer.map_or(Answer::Refused, Answer::Data)
    }

    fn descriptor(&self, kind: u8, index: u8) -> Option<Vec<u8>> {
        match kind {
            1 => Some(descriptors::device(&self.identity)),
            2 => Some(descriptors::configuration()),
            3 => descriptors::string(&self.identity, index),
            _ => None,
        }
    }

    fn set(&mut self, selector: u8, interface: u8, unit: u8, data: &[u8]) -> Answer {
        if interface == 1 {
            let mut wanted = [0; 34];
            let length = data.len().min(wanted.len());
            wanted[..length].copy_from_slice(&data[..length]);
            self.probed = possible(wanted);
            if selector == 2 {
                self.committed = self.probed;
                self.sessions += 1;
                self.streaming = Some(streaming(&self.committed, self.sessions));
            }
            return Answer::Done;
        }
        match self.controls.iter_mut().find(|control| (control.unit, control.selector) == (unit, selector)) {
            Some(control) => {
                control.set(data);
                Answer::Done
            }
            None => Answer::Refused,
        }
    }

    fn get(&self, request: u8, selector: u8, interface: u8, unit: u8) -> Option<Vec<u8>> {
        if interface == 1 {
            return match request {
                0x81..=0x83 | 0x87 if selector == 2 => Some(self.committed.to_vec()),
                0x81..=0x83 | 0x87 => Some(self.probed.to_vec()),
                0x85 => Some(vec![34, 0]),
                0x86 => Some(vec![3]),
                _ => None,
            };
        }
        if unit == 0 {
            return Some(vec![6]); // why a request was refused: no such control
        }
        self.controls.iter().find(|control| (control.unit, control.selector) == (unit, selector))?.get(request)
    }
}

/// What comes nearest to the wish.
fn possible(mut wish: Agreement) -> Agreement {
    wish[2] = wish[2].clamp(1, FORMATS.len() as u8);
    let sizes = FORMATS[usize::from(wish[2]) - 1].1;
    wish[3] = wish[3].clamp(1, sizes.len() as u8);
    let interval = u32::from_le_bytes([wish[4], wish[5], wish[6], wish[7]]);
    let nearest = descriptors::INTERVALS.into_iter().min_by_key(|possible| possible.abs_diff(interval));
    wish[4..8].copy_from_slice(&nearest.unwrap_or(descriptors::DEFAULT_INTERVAL).to_le_bytes());
    let size = descriptors::frame_size(sizes[usize::from(wish[3]) - 1]);
    wish[18..22].copy_from_slice(&size.to_le_bytes());
    wish[22..26].copy_from_slice(&(PAYLOAD_MAX as u32).to_le_bytes());
    wish[26..30].copy_from_slice(&48_000_000u32.to_le_bytes());
    wish
}

fn streaming(agreed: &Agreement, session: u64) -> Streaming {
    let (format, sizes) = FORMATS[usize::from(agreed[2]) - 1];
    let interval = u32::from_le_bytes([agreed[4], agreed[5], agreed[6], agreed[7]]);
    Streaming {
        session,
        format,
        size: sizes[usize::from(agreed[3]) - 1],
        interval: Duration::from_nanos(u64::from(interval) * 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_agreed_is_what_comes_nearest() {
        let mut wish = [0; 34];
        wish[2] = 9; // no such format: the last
        wish[3] = 2;
        wish[4..8].copy_from_slice(&900_000u32.to_le_bytes());
        let agreed = streaming(&possible(wish), 1);
        assert_eq!(
            (agreed.format, agreed.size, agreed.interval),
            (Format::Yuyv, [640, 480], Duration::from_millis(100))
        );
    }
}
