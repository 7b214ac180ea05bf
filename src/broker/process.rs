//! The broker itself: one thread that does what it is asked for, if that was permitted before anything was asked.

use super::holder::holder;
use super::message::{MESSAGE_BYTES_MAX, Outcome, Permission, Wish, receive, send};
use super::sibling;
use crate::guard::launch::{self, Launched};
use nix::sys::signal::{SigSet, Signal};
use rustix::fs::{Mode, OFlags};
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How a broker is called: the name under which this binary is one. Not lenscap's, for the same reason as a guard's.
pub const NAME: &str = "camera-broker";

/// Whether this process was started to be a broker.
pub fn is_asked() -> bool {
    std::env::args_os().next().is_some_and(|name| name == NAME)
}

/// Serves until the server is gone; its socket is standard input.
pub fn main() -> ExitCode {
    let _ = rustix::thread::set_name(c"camera-broker");
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody hears words of ours: the server sees that it has ended.
        Err(_) => ExitCode::FAILURE,
    }
}

/// What may be asked for.
#[derive(Default)]
struct Permitted {
    commands: HashMap<String, String>,
    files: HashSet<PathBuf>,
}

fn serve() -> io::Result<()> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    // Its programs are not to have it as their input, should one of them be started without any.
    rustix::stdio::dup2_stdin(&std::fs::File::open("/dev/null")?)?;
    // It ends when the server does, and not before.
    let mut set = SigSet::empty();
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().for_each(|signal| set.add(signal));
    set.thread_block()?;
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    let permitted = hear_permissions(&socket, &mut buffer)?;
    while let Some((wish, _)) = receive(&socket, &mut buffer)? {
        let (outcome, descriptors) = permitted.grant(&wish).unwrap_or_else(|error| (refused(&error), vec![]));
        let descriptors: Vec<_> = descriptors.iter().map(OwnedFd::as_fd).collect();
        if let Err(error) = send(&socket, &outcome, &descriptors) {
            // What cannot be handed over is not to be had; if nobody is there any more that ends this, too.
            send(&socket, &refused(&error), &[])?;
        }
    }
    Ok(())
}

fn hear_permissions(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Permitted> {
    let mut permitted = Permitted::default();
    while let Some((permission, _)) = receive(socket, buffer)? {
        match permission {
            Permission::Program { camera, command } => drop(permitted.commands.insert(camera, command)),
            Permission::File(file) => drop(permitted.files.insert(file)),
            Permission::NoMore => return Ok(permitted),
        }
    }
    Err(io::Error::other("the server is gone"))
}

impl Permitted {
    fn grant(&self, wish: &Wish) -> io::Result<(Outcome, Vec<OwnedFd>)> {
        let never = || io::Error::other("the broker has no permission for that");
        match wish {
            Wish::Start(camera) => start(camera, self.commands.get(camera).ok_or_else(never)?),
            Wish::Open(file) => open(self.files.get(file).ok_or_else(never)?),
            Wish::Holder(device) => {
                let device = std::fs::canonicalize(device).ok().filter(|device| is_video(device)).ok_or_else(never)?;
                // The server itself is nobody else.
                Ok((Outcome::Holder(holder(&device, parent_id())), vec![]))
            }
        }
    }
}

/// Whether it is a video device, like "/dev/video0".
fn is_video(device: &Path) -> bool {
    device.to_str().and_then(|path| path.strip_prefix("/dev/video")).is_some_and(|number| number.parse::<u32>().is_ok())
}

fn start(camera: &str, command: &str) -> io::Result<(Outcome, Vec<OwnedFd>)> {
    let Launched { guard, control, stdout, stderr, values } = launch::launch(camera, command, sibling::spawn)?;
    Ok((Outcome::Started { guard: guard.as_raw_nonzero().get(), values }, vec![control, stdout, stderr]))
}

fn open(file: &Path) -> io::Result<(Outcome, Vec<OwnedFd>)> {
    // A pipe without a writer would keep everybody waiting.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok((Outcome::Opened, vec![rustix::fs::open(file, flags, Mode::empty())?]))
}

fn refused(error: &io::Error) -> Outcome {
    Outcome::Refused { message: error.to_string(), errno: error.raw_os_error() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_permitted_is_granted() {
        let permitted = Permitted {
            commands: HashMap::from([("front".to_owned(), "true".to_owned())]),
            files: HashSet::from([PathBuf::from("/dev/null")]),
        };
        let refused = |wish: &Wish| permitted.grant(wish).unwrap_err().to_string();
        for wish in [
            Wish::Start("back".into()),
            Wish::Start("true".into()),
            Wish::Open("/etc/shadow".into()),
            Wish::Open("/dev/../dev/null".into()),
            Wish::Holder("/etc/passwd".into()),
            Wish::Holder("/dev/null".into()),
        ] {
            assert!(refused(&wish).contains("no permission"), "{wish:?}");
        }
        let (outcome, files) = permitted.grant(&Wish::Open("/dev/null".into())).unwrap();
        assert_eq!((outcome, files.len()), (Outcome::Opened, 1));
    }

    #[test]
    fn a_video_device_is_told_from_other_files() {
        for (path, expected) in [
            ("/dev/video0", true),
            ("/dev/video17", true),
            ("/dev/video", false),
            ("/dev/video0/x", false),
            ("/dev/sda", false),
        ] {
            assert_eq!(is_video(Path::new(path)), expected, "{path}");
        }
    }
}
