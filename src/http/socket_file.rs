//! A socket file to listen at, for a reverse proxy on the same machine.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Its owner and its group may connect: the proxy is to be in the group.
const MODE: u32 = 0o660;

/// Listens at a file. One that a server has left behind is replaced; one at which somebody listens, and any other file, is not.
///
/// # Errors
///
/// If something else is there, or the system refuses.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_left_behind(path)? => {
            fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        result => result?,
    };
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok(listener)
}

fn is_left_behind(path: &Path) -> io::Result<bool> {
    let is_socket = fs::symlink_metadata(path)?.file_type().is_socket();
    // Not waiting: a server that hangs is one, too.
    let asking =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    Ok(is_socket && connect(asking, &SocketAddrUnix::new(path)?) == Err(Errno::CONNREFUSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_server_has_left_behind_is_replaced() {
        let folder = std::env::temp_dir().join(format!("lenscap-socket-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("socket");
        let first = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse, "somebody listens");
        drop(first);
        drop(bind(&path).unwrap());
        let file = folder.join("file");
        fs::write(&file, "precious").unwrap();
        assert_eq!(bind(&file).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        fs::remove_dir_all(folder).unwrap();
    }
}
