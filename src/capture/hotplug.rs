//! Tells when cameras are plugged in and out: one thread that waits for changes in `/dev`
//! (inotify(7)) and then looks which of the wanted devices are there.

use super::identity::Identity;
use lenscap_actors::ports::Plugged;
use lenscap_actors::supervisor::recipient::Recipient;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Nodes appear in the first; udev keeps its links in the others, if it runs. What cameras are named by may be elsewhere, and is watched, too.
const FOLDERS: [&str; 4] = ["/dev", "/dev/v4l", "/dev/v4l/by-id", "/dev/v4l/by-path"];

/// The watcher. Clones are the same.
#[derive(Clone)]
pub struct Hotplug(Arc<Wanted>);

struct Wanted {
    list: Mutex<Vec<Weak<Watched>>>,
    /// Wakes the thread to look for somebody new.
    wake: OwnedFd,
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
        watch_folders(&inotify, &[]);
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let hotplug = Self(Arc::new(Wanted { list: Mutex::default(), wake }));
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

    /// Tells `events` soon and at each change, until what is returned is dropped. Does not block: it is
    /// the thread that looks.
    pub fn watch(&self, identity: Identity, events: Recipient<Plugged>) -> Box<dyn Send> {
        let watched = Arc::new(Watched { identity, events, last: Mutex::default() });
        lock(&self.0.list).push(Arc::downgrade(&watched));
        // Cannot fail: the counter is far from its limit.
        let _ = rustix::io::write(&self.0.wake, &1u64.to_ne_bytes());
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
            let mut fds = [PollFd::new(&inotify, PollFlags::IN), PollFd::new(&self.wake, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return error,
            }
            let [changed, mut look] = fds.map(|fd| !fd.revents().is_empty());
            if look {
                let _ = rustix::io::read(&self.wake, &mut [0; 8]);
            }
            // Before anybody looks: what comes after that is told.
            let all = self.all();
            let named: Vec<&Path> = all.iter().filter_map(|watched| watched.identity.folder()).collect();
            if look {
                watch_folders(&inotify, &named);
            }
            if changed {
                let mut reader = Reader::new(&inotify, &mut memory);
                match concerns_video(&mut reader) {
                    Ok(concerns) => look |= concerns,
                    Err(error) => return error,
                }
                // All that was read at once is one change.
                while !reader.is_buffer_empty() {
                    look |= concerns_video(&mut reader).unwrap_or(true);
                }
                watch_folders(&inotify, &named);
            }
            if look {
                all.iter().for_each(|watched| watched.look());
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
fn watch_folders(inotify: &OwnedFd, named: &[&Path]) {
    let changes = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM;
    for folder in FOLDERS.map(Path::new).iter().chain(named).filter(|folder| folder.is_dir()) {
        if let Err(error) = inotify::add_watch(inotify, *folder, changes | WatchFlags::ONLYDIR) {
            log::warn!("{} cannot be watched for cameras: {error}", folder.display());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::prelude::*;
    use std::path::PathBuf;
    use tokio::sync::mpsc;

    struct Listener(mpsc::UnboundedSender<Plugged>);

    impl Actor for Listener {
        type Context = Context<Self>;
    }

    impl Handler<Plugged> for Listener {
        type Result = ();

        fn handle(&mut self, plugged: Plugged, _: &mut Self::Context) {
            self.0.send(plugged).unwrap();
        }
    }

    #[actix::test]
    async fn whoever_is_new_is_told_at_once_how_it_is() {
        let hotplug = Hotplug::start().unwrap();
        for (path, expected) in [("/dev/null", Plugged::In), ("/dev/video-that-is-not", Plugged::Out)] {
            let (sender, mut told) = mpsc::unbounded_channel();
            let listener = Listener(sender).start();
            let watch = hotplug.watch(Identity::Path(PathBuf::from(path)), listener.recipient().into());
            assert_eq!(told.recv().await, Some(expected));
            drop(watch);
            // The thread may be looking for it this very moment, because something else came to /dev.
            let forgotten = async {
                while !hotplug.0.all().is_empty() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(std::time::Duration::from_secs(5), forgotten).await.expect("nobody is kept");
        }
    }

    #[actix::test]
    async fn a_camera_named_by_a_link_anywhere_is_seen_when_that_comes() {
        let folder = std::env::temp_dir().join(format!("lenscap-hotplug-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let link = folder.join("cameras/front");
        let hotplug = Hotplug::start().unwrap();
        let (sender, mut told) = mpsc::unbounded_channel();
        let _watch = hotplug.watch(Identity::Path(link.clone()), Listener(sender).start().recipient().into());
        for _ in 0..2 {
            assert_eq!(told.recv().await, Some(Plugged::Out));
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink("/dev/null", &link).unwrap();
            assert_eq!(told.recv().await, Some(Plugged::In));
            std::fs::remove_file(&link).unwrap();
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
