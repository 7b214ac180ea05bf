//! As much of a WebSocket client (RFC 6455) as the checks need: it sends text and ignores the answers.

use crate::PATIENCE;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A connection; its end is a viewer's leaving.
pub struct WebSocket(TcpStream);

impl WebSocket {
    /// Connects and upgrades.
    pub fn connect(address: SocketAddr, path: &str) -> Self {
        let mut connection = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection.set_nodelay(true).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bGVuc2NhcC1sZW5zY2FwIQ==\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).unwrap();
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        let mut answers = connection.try_clone().unwrap();
        answers.set_read_timeout(None).unwrap();
        std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
        Self(connection)
    }

    /// Sends a text message.
    pub fn say(&mut self, text: &str) {
        // One final frame; clients mask, and a mask of zeros changes nothing.
        let mut frame = vec![0x81];
        match text.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).unwrap();
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}
