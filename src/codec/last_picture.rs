//! The last picture of every stream, kept in memory when its camera is closed.
//!
//! Nothing is ever opened for it: the encoders, which have the pictures of an open camera in their hands anyway, leave one
//! here now and then, and one thread for all streams, which gives way to all others, makes JPEGs of them. Where one has not
//! been made yet when the next comes, it never is.

use super::still::Stills;
use bytes::Bytes;
use lenscap_actors::ids::StreamId;
use lenscap_actors::media::Content;
use lenscap_actors::supervisor::incarnation::words;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// While a camera is open, a picture is kept this often: of all streams at the same moments, so that those who follow them
/// are told once.
const INTERVAL: Duration = Duration::from_secs(5);

/// After the first picture, which many cameras take before they know how bright it is.
const SECOND_AFTER: Duration = Duration::from_secs(1);

/// How much this thread gives way to others (`nice(2)`).
const NICENESS: i32 = 10;

/// A picture of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastPicture {
    /// The JPEG.
    pub jpeg: Bytes,
    /// When the camera gave it, in ms since the Unix epoch.
    pub at: u64,
}

/// The last pictures of all streams. Clones show the same.
#[derive(Clone)]
pub struct LastPictures(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    requested: Condvar,
    made: watch::Sender<u64>,
    /// Since when moments are counted at which pictures are kept.
    epoch: Instant,
}

#[derive(Default)]
struct State {
    /// What is still to be made: at most one of each stream.
    jobs: BTreeMap<StreamId, Job>,
    pictures: BTreeMap<StreamId, LastPicture>,
    failures: u64,
}

struct Job {
    captured: Instant,
    content: Content,
}

impl LastPictures {
    /// None yet. The thread that makes them runs as long as the process.
    ///
    /// # Errors
    ///
    /// If there is no thread to be had.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            requested: Condvar::new(),
            made: watch::channel(0).0,
            epoch: Instant::now(),
        });
        let pictures = Self(shared);
        let makes = pictures.clone();
        std::thread::Builder::new().name("pictures".into()).spawn(move || makes.work())?;
        Ok(pictures)
    }

    /// The last picture of a stream, if there ever was one.
    pub fn of(&self, stream: &StreamId) -> Option<LastPicture> {
        self.lock().pictures.get(stream).cloned()
    }

    /// When each stream's was taken, in ms since the Unix epoch.
    pub fn times(&self) -> BTreeMap<StreamId, u64> {
        self.lock().pictures.iter().map(|(stream, picture)| (stream.clone(), picture.at)).collect()
    }

    /// Wakes whenever there is another one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.made.subscribe()
    }

    /// What an encoder of this stream leaves its pictures with.
    pub fn tap(&self, stream: StreamId) -> Tap {
        Tap { pictures: self.clone(), stream, moments: Moments::new(self.0.epoch), last: None }
    }

    fn request(&self, stream: &StreamId, captured: Instant, content: Content) {
        let mut state = self.lock();
        // A stream may have two encoders.
        if state.jobs.get(stream).is_none_or(|waiting| waiting.captured < captured) {
            state.jobs.insert(stream.clone(), Job { captured, content });
            self.0.requested.notify_one();
        }
    }

    fn work(&self) {
        // If that is not allowed it works all the same.
        let _ = rustix::process::nice(NICENESS);
        loop {
            let mut state = self.lock();
            while state.jobs.is_empty() {
                state = self.0.requested.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let jobs = std::mem::take(&mut state.jobs);
            drop(state);
            // With all that it has kept, which is nothing while no camera is open.
            let mut stills = Stills::default();
            for (stream, Job { captured, content }) in jobs {
                let made = catch_unwind(AssertUnwindSafe(|| stills.make(&content)));
                let made = made.unwrap_or_else(|panic| {
                    stills = Stills::default();
                    log::error!("stream {stream}: making its last picture panicked: {}", words(&*panic));
                    Ok(vec![])
                });
                match made {
                    Ok(jpeg) if jpeg.is_empty() => {}
                    Ok(jpeg) => self.keep(stream, LastPicture { jpeg: jpeg.into(), at: unix_ms(captured) }),
                    Err(error) => {
                        let mut state = self.lock();
                        state.failures += 1;
                        if state.failures.is_power_of_two() {
                            log::warn!("stream {stream}: it has no last picture: {error}");
                        }
                    }
                }
            }
            self.0.made.send_modify(|count| *count += 1);
        }
    }

    fn keep(&self, stream: StreamId, picture: LastPicture) {
        self.lock().pictures.insert(stream, picture);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time of day of a moment that has been.
fn unix_ms(moment: Instant) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(moment.elapsed()).as_millis() as u64
}

/// Where an encoder leaves pictures of its stream. With its end the last one is made, which nobody waits for.
pub struct Tap {
    pictures: LastPictures,
    stream: StreamId,
    moments: Moments,
    /// The last that was seen, if no picture has been made of it.
    last: Option<(Instant, Content)>,
}

impl Tap {
    /// Whether a picture that was taken then is to be kept.
    pub fn is_due(&self, captured: Instant) -> bool {
        self.moments.is_due(captured)
    }

    /// A picture was shown. Costs nothing worth mentioning: what is kept of it is a reference.
    pub fn saw(&mut self, captured: Instant, content: &Content) {
        if self.moments.is_due(captured) {
            self.moments.took(captured);
            self.last = None;
            self.pictures.request(&self.stream, captured, content.clone());
        } else {
            self.last = Some((captured, content.clone()));
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if let Some((captured, content)) = self.last.take() {
            self.pictures.request(&self.stream, captured, content);
        }
    }
}

/// When pictures are kept. Pure.
struct Moments {
    epoch: Instant,
    taken: u32,
    next: Option<Instant>,
}

impl Moments {
    fn new(epoch: Instant) -> Self {
        Self { epoch, taken: 0, next: None }
    }

    fn is_due(&self, captured: Instant) -> bool {
        self.next.is_none_or(|next| captured >= next)
    }

    fn took(&mut self, captured: Instant) {
        self.taken += 1;
        self.next = Some(match self.taken {
            1 => captured + SECOND_AFTER,
            _ => {
                let passed = captured.saturating_duration_since(self.epoch).as_secs() / INTERVAL.as_secs();
                self.epoch + INTERVAL * (passed as u32 + 1)
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lenscap_actors::media::{Layout, RawImage};

    fn picture(brightness: u8) -> Content {
        let data = [vec![brightness; 32 * 32], vec![128; 512]].concat();
        Content::Raw(RawImage { layout: Layout::I420, width: 32, height: 32, stride: 32, data: data.into() })
    }

    fn brightness(picture: &LastPicture) -> u8 {
        let mut out = super::super::I420::default();
        super::super::JpegDecoder::new().decode(&picture.jpeg, &mut out).unwrap();
        out.y[0]
    }

    #[test]
    fn pictures_are_kept_at_once_then_after_a_second_and_then_all_streams_together() {
        let epoch = Instant::now();
        let at = |ms| epoch + Duration::from_millis(ms);
        for begun in [0, 3300, 4900, 1_000_700] {
            let mut moments = Moments::new(epoch);
            let kept: Vec<u64> = (begun..begun + 16_000)
                .step_by(10)
                .filter(|ms| {
                    let due = moments.is_due(at(*ms));
                    if due {
                        moments.took(at(*ms));
                    }
                    due
                })
                .collect();
            assert_eq!(kept[..2], [begun, begun + 1000]);
            let next = (begun + 1000) / 5000 * 5000 + 5000;
            assert_eq!(kept[2..], [next, next + 5000, next + 10_000][..kept.len() - 2], "begun at {begun}");
            assert!(kept.len() >= 4);
        }
    }

    async fn until(pictures: &LastPictures, stream: &str, wanted: u8) -> LastPicture {
        let mut changes = pictures.changes();
        loop {
            if let Some(picture) = pictures.of(&stream.into()).filter(|it| brightness(it).abs_diff(wanted) <= 2) {
                return picture;
            }
            tokio::time::timeout(Duration::from_secs(10), changes.changed()).await.unwrap().unwrap();
        }
    }

    #[actix::test]
    async fn the_first_picture_comes_at_once_and_the_last_one_when_the_camera_has_been_closed() {
        let pictures = LastPictures::start().unwrap();
        let (mut tap, begun) = (pictures.tap("front".into()), Instant::now() - Duration::from_secs(1));
        let at = |ms| begun + Duration::from_millis(ms);
        tap.saw(at(0), &picture(40));
        let first = until(&pictures, "front", 40).await;
        tap.saw(at(100), &picture(80));
        tap.saw(at(200), &picture(120));
        drop(tap);
        let last = until(&pictures, "front", 120).await;
        assert!((190..=210).contains(&(last.at - first.at)), "{} {}", first.at, last.at);
        assert_eq!(pictures.times(), BTreeMap::from([("front".into(), last.at)]));
        assert_eq!(pictures.of(&"back".into()), None);
    }

    #[actix::test]
    async fn what_cannot_be_shown_leaves_the_picture_as_it_was_and_the_others_theirs() {
        let pictures = LastPictures::start().unwrap();
        let (now, broken) = (Instant::now(), Content::Jpeg(vec![0xff; 9].into()));
        pictures.request(&"a".into(), now, picture(40));
        until(&pictures, "a", 40).await;
        pictures.request(&"a".into(), now + Duration::from_millis(1), broken.clone());
        pictures.request(&"b".into(), now, picture(80));
        until(&pictures, "b", 80).await;
        until(&pictures, "a", 40).await;
    }

    #[test]
    fn of_what_waits_the_latest_of_a_stream_is_made_and_no_other() {
        let shared = Shared {
            state: Mutex::default(),
            requested: Condvar::new(),
            made: watch::channel(0).0,
            epoch: Instant::now(),
        };
        let (pictures, now) = (LastPictures(Arc::new(shared)), Instant::now());
        for (ms, nth) in [(10, 1), (30, 3), (20, 2)] {
            pictures.request(&"a".into(), now + Duration::from_millis(ms), picture(nth));
        }
        let state = pictures.lock();
        assert_eq!(state.jobs.len(), 1);
        assert_eq!(state.jobs[&"a".into()].captured, now + Duration::from_millis(30));
    }
}
