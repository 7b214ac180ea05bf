//! What the server and its broker say to each other: JSON, a message a packet, with descriptors beside some.

use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// No message is longer, in bytes: a command with all its characters escaped is not, nor are the values that one can take.
pub const MESSAGE_BYTES_MAX: usize = 160 << 10;

/// So many descriptors come with a message at most.
pub const DESCRIPTORS_MAX: usize = 3;

/// What the broker may do for the server, told before anything is asked for, and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Permission {
    /// To start the program of a camera.
    Program {
        /// The camera.
        camera: String,
        /// Its command, as it is configured.
        command: String,
    },
    /// To open a file for reading.
    File(#[serde(with = "bytes")] PathBuf),
    /// That was all.
    NoMore,
}

/// What the server asks for, one wish at a time: the next message that the broker sends is its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// That the program of this camera be started, with a guard.
    Start(String),
    /// This file, for reading.
    Open(#[serde(with = "bytes")] PathBuf),
    /// Who else holds this video device.
    Holder(#[serde(with = "bytes")] PathBuf),
}

/// What became of a wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The guard runs. With it come the server's end of its socket, and what its program writes and says.
    Started {
        /// The guard.
        guard: i32,
        /// What its command has taken from elsewhere, to be masked in what it says.
        values: Vec<String>,
    },
    /// The file comes with it.
    Opened,
    /// Whoever holds it, in words, if anybody who may be known.
    Holder(Option<String>),
    /// It is not to be had.
    Refused {
        /// Why, in words.
        message: String,
        /// What the system said, if it did.
        errno: Option<i32>,
    },
}

/// Paths as they are: not all of them are text.
mod bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Vec::deserialize(deserializer).map(|bytes| OsString::from_vec(bytes).into())
    }
}

/// Sends a message.
///
/// # Errors
///
/// If it is too long, or nobody is there to get it.
pub fn send(socket: impl AsFd, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for a message"));
    }
    loop {
        match sendmsg(&socket, &[IoSlice::new(&bytes)], &mut beside, SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for a message, with what came beside it; none if the other side is gone. What is too long or no such message is an error.
///
/// # Errors
///
/// Those, and what the system says.
pub fn receive<T: DeserializeOwned>(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let length = loop {
        match recvmsg(&socket, &mut [IoSliceMut::new(buffer)], &mut beside, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => break message.bytes,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    if length == 0 {
        return Ok(None);
    }
    let descriptors = beside.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
        _ => vec![],
    });
    let descriptors = descriptors.collect();
    Ok(Some((serde_json::from_slice(&buffer[..length])?, descriptors)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use std::io::Read;

    #[test]
    fn a_message_arrives_with_its_descriptors_and_the_end_is_seen() {
        let (near, far) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let (reading, writing) = rustix::pipe::pipe().unwrap();
        let sent = Outcome::Started { guard: 3, values: vec!["\u{1}\"x".into()] };
        send(&near, &sent, &[reading.as_fd()]).unwrap();
        rustix::io::write(&writing, b"through").unwrap();
        drop((near, reading, writing));
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        let (got, descriptors) = receive::<Outcome>(&far, &mut buffer).unwrap().unwrap();
        assert_eq!((got, descriptors.len()), (sent, 1));
        let mut text = String::new();
        let mut file = std::fs::File::from(descriptors.into_iter().next().unwrap());
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        assert!(receive::<Outcome>(&far, &mut buffer).unwrap().is_none());
    }

    #[test]
    fn a_path_that_is_no_text_arrives() {
        use std::os::unix::ffi::OsStringExt;
        let path = PathBuf::from(std::ffi::OsString::from_vec(vec![b'/', 0xff, b'"']));
        let text = serde_json::to_string(&Permission::File(path.clone())).unwrap();
        assert_eq!(serde_json::from_str::<Permission>(&text).unwrap(), Permission::File(path));
    }

    #[test]
    fn what_is_no_message_is_an_error_and_ends_nothing() {
        let (near, far) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        rustix::net::send(&near, b"{\"Start\":1}", SendFlags::NOSIGNAL).unwrap();
        let wish = Wish::Start("front".into());
        send(&near, &wish, &[]).unwrap();
        assert!(receive::<Wish>(&far, &mut buffer).is_err());
        assert_eq!(receive::<Wish>(&far, &mut buffer).unwrap().unwrap().0, wish);
    }
}
