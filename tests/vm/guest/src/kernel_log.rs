//! What the kernel logs from now on.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// A place in the kernel's log.
pub struct KernelLog(File);

impl KernelLog {
    /// The end of the log.
    pub fn tail() -> Self {
        let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg").unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        Self(file)
    }

    /// The messages since the last call.
    pub fn read(&mut self) -> Vec<String> {
        let mut messages = vec![];
        let mut record = [0; 8192];
        loop {
            match self.0.read(&mut record) {
                Ok(length) => {
                    // "priority,number,time,flags;message\n", then properties.
                    let text = String::from_utf8_lossy(&record[..length]);
                    let message = text.split_once(';').map_or("", |(_, message)| message);
                    messages.push(message.lines().next().unwrap_or("").to_owned());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return messages,
                Err(error) => panic!("/dev/kmsg: {error}"),
            }
        }
    }
}
