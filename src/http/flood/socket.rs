//! The socket beneath a connection of HTTP/2, which the library owns and does not show again.

use actix_web::rt::net::TcpStream;
use rustix::net::{connect_unspec, sockopt};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// The socket of a connection, which somebody else owns. Its number may be another's when that one has closed it; its cookie
/// is never given to another.
#[derive(Clone, Copy)]
pub struct Socket {
    number: RawFd,
    cookie: u64,
}

impl Socket {
    /// This one; none if it is over already.
    pub fn of(stream: &TcpStream) -> Option<Self> {
        Some(Self { number: stream.as_raw_fd(), cookie: sockopt::socket_cookie(stream).ok()? })
    }

    /// The socket, if it is still open. Who owns it closes it on this thread, so it is until the caller has done with it.
    fn find(&self) -> Option<BorrowedFd<'_>> {
        // SAFETY: it is asked for its cookie before anything is done with it, and whatever has that number may be asked.
        let socket = unsafe { BorrowedFd::borrow_raw(self.number) };
        (sockopt::socket_cookie(socket).ok()? == self.cookie).then_some(socket)
    }

    /// Whether the other side has acknowledged all that was written.
    pub fn all_is_taken(&self) -> bool {
        let mut bytes: libc::c_int = 0;
        let Some(socket) = self.find() else { return true };
        // SAFETY: it writes an integer where one is (tcp(7), SIOCOUTQ).
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
        result != 0 || bytes == 0
    }

    /// Ends it so that not even what has come already is read: that may be megabytes.
    pub fn end(&self) {
        if let Some(socket) = self.find() {
            // If that fails, it has ended by itself.
            let _ = connect_unspec(socket);
        }
    }
}
