//! What a program says on standard error, line by line into the log.

use std::io::{ErrorKind, Read};

/// Standard error, line by line into the log.
pub struct LogLines {
    camera: String,
    partial: Vec<u8>,
}

impl LogLines {
    /// Longer lines are cut, so that a program cannot fill the memory.
    const LINE_MAX: usize = 4096;

    /// Of this camera's program.
    pub fn new(camera: &str) -> Self {
        Self { camera: camera.to_owned(), partial: vec![] }
    }

    /// Whether there may be more to read.
    pub fn read(&mut self, pipe: &mut impl Read, buffer: &mut [u8]) -> bool {
        match pipe.read(buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.take(&buffer[..length]);
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' || self.partial.len() >= Self::LINE_MAX {
                let line = String::from_utf8_lossy(&self.partial);
                if !line.trim().is_empty() {
                    ::log::info!("root/cameras/{}/device: program says: {}", self.camera, line.trim());
                }
                self.partial.clear();
            }
            if byte != b'\n' && byte != b'\r' {
                self.partial.push(byte);
            }
        }
    }
}
