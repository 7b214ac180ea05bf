//! Tells when cameras are plugged in and out: one thread that waits for changes in `/dev`
//! (inotify(7)) and then looks which of the wanted devices are there.

use super::identity::Identity;
use lenscap_actors::ports::Plugged;
use lenscap_actors::supervisor::address::Recipient;
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Nodes appear in the first; udev keeps its links in the others, if it runs.
const FOLDERS: [&str; 4] = ["/dev", "/dev/v4l", "/dev/v4l/by-id", "/dev/v4l/by-path"];

/// The watcher. Clones are the same.
#[derive(Clone)]
pub struct Hotplug(Arc<Wanted>);

#[derive(Default)]
struct Wanted {
    list: Mutex<Vec<Weak<Watched>>>,
}

struct Watched {
    identity: Identity,
    events: Recipient<Plugged>,
    last: Mutex<Option<Plugged>>,
}

impl Watched {
    /// Looks, and tells if that is news.
    fn look(&self) {
        let now = if self.identity.resolve().is_some() { Plugged::In } else { Plugged::Out };
        let mut last = lock(&self.last);
        if last.replace(now) != Some(now) {
            self.events.do_send(now);
        }
    }
}

impl Hotplug {
    /// Starts the thread.
    pub fn start() -> std::io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC)?;
        watch_folders(&inotify);
        let hotplug = Self(Arc::default());
        let wanted = hotplug.0.clone();
        std::thread::Builder::new().name("hotplug".to_owned()).spawn(move || {
            let error = wanted.follow(inotify);
            // Cameras then find out by trying, as they do where there is no inotify.
            log::error!("no longer told of cameras that are plugged in or out: {error}");
            for watched in wanted.all() {
                watched.events.do_send(Plugged::In);
            }
        })?;
        Ok(hotplug)
    }

    /// Tells `events` now and at each change, until what is returned is dropped.
    pub fn watch(&self, identity: Identity, events: Recipient<Plugged>) -> Box<dyn Send> {
        let watched = Arc::new(Watched { identity, events, last: Mutex::default() });
        lock(&self.0.list).push(Arc::downgrade(&watched));
        watched.look();
        Box::new(watched)
    }
}

impl Wanted {
    fn all(&self) -> Vec<Arc<Watched>> {
        let mut list = lock(&self.list);
        list.retain(|watched| watched.strong_count() > 0);
        list.iter().filter_map(Weak::upgrade).collect()
    }

    /// Waits for changes for ever; returns when that fails.
    fn follow(&self, inotify: OwnedFd) -> Errno {
        let mut memory = [MaybeUninit::uninit(); 4096];
        loop {
            let mut reader = Reader::new(&inotify, &mut memory);
            let mut concerns_video = match concerns_video(&mut reader) {
                Ok(concerns) => concerns,
                Err(Errno::INTR) => continue,
                Err(error) => return error,
            };
            // All that was read at once is one change.
            while !reader.is_buffer_empty() {
                concerns_video |= self::concerns_video(&mut reader).unwrap_or(true);
            }
            if concerns_video {
                watch_folders(&inotify);
                self.all().iter().for_each(|watched| watched.look());
            }
        }
    }
}

fn concerns_video(reader: &mut Reader<'_, &OwnedFd>) -> Result<bool, Errno> {
    let event = reader.next()?;
    // "video0" or "v4l" in /dev, or one of the links, which begin with "usb", "pci" or "platform":
    // all but what comes and goes often.
    let often = |name: &[u8]| [&b"tty"[..], b"pts", b"shm", b"ptmx"].iter().any(|often| name.starts_with(often));
    Ok(event.file_name().is_none_or(|name| !often(name.to_bytes())))
}

/// Watches the folders that are there; again for one that has come since is no harm.
fn watch_folders(inotify: &OwnedFd) {
    let changes = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM;
    for folder in FOLDERS.map(Path::new).into_iter().filter(|folder| folder.is_dir()) {
        if let Err(error) = inotify::add_watch(inotify, folder, changes | WatchFlags::ONLYDIR) {
            log::warn!("{} cannot be watched for cameras: {error}", folder.display());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
