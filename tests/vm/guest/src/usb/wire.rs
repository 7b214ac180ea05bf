//! USB/IP as `vhci_hcd` speaks it (Documentation/usb/usbip_protocol.rst): 48 bytes of header in
//! network order, then data.

use super::Shared;
use super::device::Answer;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

const CMD_SUBMIT: u32 = 1;
const CMD_UNLINK: u32 = 2;
const RET_SUBMIT: u32 = 3;
const RET_UNLINK: u32 = 4;

/// The endpoint refuses.
const EPIPE: i32 = -32;
/// The transfer was taken back.
const ECONNRESET: i32 = -104;

/// A transfer that waits for a picture.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    pub number: u32,
    pub capacity: usize,
}

fn reply(
    socket: &mut UnixStream,
    command: u32,
    number: u32,
    status: i32,
    length: usize,
    data: &[u8],
) -> io::Result<()> {
    let mut message = Vec::with_capacity(48 + data.len());
    for word in [command, number, 0, 0, 0, status as u32, length as u32] {
        message.extend(word.to_be_bytes());
    }
    message.resize(48, 0);
    message.extend(data);
    socket.write_all(&message)
}

/// Completes a transfer with data.
pub fn complete(socket: &mut UnixStream, transfer: Transfer, data: &[u8]) -> io::Result<()> {
    reply(socket, RET_SUBMIT, transfer.number, 0, data.len(), data)
}

/// Answers what the kernel asks until it hangs up or the plug is pulled.
pub fn answer(mut requests: UnixStream, shared: &Shared) {
    // Whatever ends it: the camera is gone, and its streamer is to know.
    let _ = serve(&mut requests, shared);
    shared.lock().gone = true;
    shared.changed.notify_all();
}

fn serve(requests: &mut UnixStream, shared: &Shared) -> io::Result<()> {
    loop {
        let mut header = [0; 48];
        requests.read_exact(&mut header)?;
        let word = |nth: usize| u32::from_be_bytes(header[nth * 4..nth * 4 + 4].try_into().unwrap());
        let (command, number, inward, endpoint) = (word(0), word(1), word(3) == 1, word(4));
        if command == CMD_UNLINK {
            // Under the same lock as completions: the kernel must not hear of a transfer again
            // that it was told is gone.
            let mut device = shared.lock();
            let before = device.pending.len();
            device.pending.retain(|transfer| transfer.number != word(5));
            let status = if device.pending.len() < before { ECONNRESET } else { 0 };
            reply(&mut device.socket, RET_UNLINK, number, status, 0, &[])?;
            continue;
        }
        assert_eq!(command, CMD_SUBMIT, "a command of USB/IP");
        let length = word(6) as usize;
        let mut data = vec![0; if inward { 0 } else { length }];
        requests.read_exact(&mut data)?;
        let mut device = shared.lock();
        if endpoint != 0 {
            device.pending.push_back(Transfer { number, capacity: length });
        } else {
            let setup: [u8; 8] = header[40..48].try_into().unwrap();
            let answer = device.control(setup, &data);
            let socket = &mut device.socket;
            match answer {
                Answer::Data(mut bytes) => {
                    bytes.truncate(length);
                    reply(socket, RET_SUBMIT, number, 0, bytes.len(), &bytes)?;
                }
                Answer::Done => reply(socket, RET_SUBMIT, number, 0, data.len(), &[])?,
                Answer::Refused => reply(socket, RET_SUBMIT, number, EPIPE, 0, &[])?,
            }
        }
        drop(device);
        shared.changed.notify_all();
    }
}
