//! Many viewers on one thread.

use crate::Failure;
use crate::playout::Picture;
use crate::socket::Buffers;
use crate::viewer::{Counts, Joined, Viewer, Wish};
use crate::whep::{Endpoint, Exchange};
use rustix::event::{Timespec, epoll};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The thread looks at least so often whether something is wanted of it.
const LOOK: Duration = Duration::from_millis(20);
/// What is read of one viewer before it is another's turn.
const BATCHES_MAX: usize = 4;
/// Of an event: it is about the exchange, not about the socket.
const EXCHANGE: u64 = 1 << 32;

/// What the thread that directs and those of the viewers tell each other.
#[derive(Default)]
pub struct Stage {
    /// Offers are ready on so many threads.
    pub ready: AtomicUsize,
    /// Offers may be sent.
    pub curtain: AtomicBool,
    /// So many viewers have a picture.
    pub playing: AtomicUsize,
    /// So many cannot have one.
    pub failed: AtomicUsize,
    /// Counting begins.
    pub counting: AtomicBool,
    /// All take leave.
    pub over: AtomicBool,
}

/// What one viewer has seen.
#[derive(Debug)]
pub struct Seen {
    /// How it came to its picture.
    pub joined: Joined,
    /// What came since counting began.
    pub counts: Counts,
    /// What could be decoded, if that was noted.
    pub picture: Option<Picture>,
    /// Why it has none.
    pub failure: Option<String>,
}

struct Seat {
    viewer: Viewer,
    offer: Option<String>,
    at: Duration,
    exchange: Option<Exchange>,
    plays: bool,
    failure: Option<String>,
}

/// Runs viewers that send their offers at these times after the curtain, until all is over.
pub fn run(endpoint: &Endpoint, wish: Wish, times: &[Duration], stage: &Stage) -> Result<Vec<Seen>, Failure> {
    let address = endpoint.our_address()?;
    let mut seats = Vec::with_capacity(times.len());
    for &at in times {
        let (viewer, offer) = Viewer::new(address, wish)?;
        seats.push(Seat { viewer, offer: Some(offer), at, exchange: None, plays: false, failure: None });
    }
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (nth, seat) in seats.iter().enumerate() {
        let token = epoll::EventData::new_u64(nth as u64);
        epoll::add(&poll, seat.viewer.socket().as_inner(), token, epoll::EventFlags::IN)?;
    }
    stage.ready.fetch_add(1, Ordering::SeqCst);
    while !stage.curtain.load(Ordering::SeqCst) {
        if stage.over.load(Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        std::thread::sleep(Duration::from_millis(1));
    }

    let mut buffers = Buffers::default();
    let mut events = Vec::with_capacity(256);
    let start = Instant::now();
    let mut unsent = 0;
    let mut look = start;
    let mut counting = false;
    while !stage.over.load(Ordering::SeqCst) {
        let now = Instant::now();
        if !counting && stage.counting.load(Ordering::SeqCst) {
            counting = true;
            seats.iter_mut().for_each(|seat| seat.viewer.count_anew());
        }
        while let Some(seat) = seats.get_mut(unsent).filter(|seat| now >= start + seat.at) {
            if let Err(error) = seat.offer(endpoint, &poll, unsent) {
                seat.fail(&error, stage);
            }
            unsent += 1;
        }
        if now >= look {
            look = now + LOOK;
            for seat in seats[..unsent].iter_mut().filter(|seat| seat.failure.is_none()) {
                let woken = if seat.viewer.deadline <= now { seat.viewer.wake(now) } else { Ok(()) };
                match woken.and_then(|()| seat.viewer.tend(now)) {
                    Ok(next) => look = look.min(next.unwrap_or(look)),
                    Err(error) => seat.fail(&error, stage),
                }
                look = look.min(seat.viewer.deadline);
            }
            if let Some(seat) = seats.get(unsent) {
                look = look.min(start + seat.at);
            }
        }
        let wait = Timespec::try_from(look.saturating_duration_since(Instant::now()))?;
        events.clear();
        match epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let token = event.data.u64();
            let Some(seat) = seats.get_mut((token & (EXCHANGE - 1)) as usize) else { continue };
            if let Err(error) = seat.serve(token & EXCHANGE != 0, &poll, &mut buffers, stage) {
                seat.fail(&error, stage);
            }
            look = look.min(seat.viewer.deadline);
        }
    }
    let seen = seats.iter().map(Seat::seen).collect();
    leave(endpoint, seats);
    Ok(seen)
}

impl Seat {
    fn offer(&mut self, endpoint: &Endpoint, poll: &impl std::os::fd::AsFd, nth: usize) -> Result<(), Failure> {
        let offer = self.offer.take().ok_or("its offer is out already")?;
        self.viewer.offer_sent(Instant::now());
        let exchange = Exchange::begin(endpoint.host, "POST", &endpoint.path, &offer)?;
        let token = epoll::EventData::new_u64(nth as u64 | EXCHANGE);
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        epoll::add(poll, exchange.stream(), token, flags)?;
        self.exchange = Some(exchange);
        Ok(())
    }

    fn serve(
        &mut self,
        exchange: bool,
        poll: &impl std::os::fd::AsFd,
        buffers: &mut Buffers,
        stage: &Stage,
    ) -> Result<(), Failure> {
        if exchange {
            let Some(open) = &mut self.exchange else { return Ok(()) };
            let Some(answer) = open.proceed()? else { return Ok(()) };
            epoll::delete(poll, open.stream())?;
            self.exchange = None;
            return self.viewer.answered(answer);
        }
        for _ in 0..BATCHES_MAX {
            if !self.viewer.receive(buffers)? {
                break;
            }
        }
        if !self.plays && self.viewer.joined.picture.is_some() {
            self.plays = true;
            stage.playing.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Notes the first failure. Who plays already is not counted out: what it misses is in its counts.
    fn fail(&mut self, error: &Failure, stage: &Stage) {
        if self.failure.is_none() {
            self.failure = Some(error.to_string());
            if !self.plays {
                stage.failed.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    fn seen(&self) -> Seen {
        Seen {
            joined: self.viewer.joined,
            counts: self.viewer.counts(),
            picture: self.viewer.picture(),
            failure: self.failure.clone(),
        }
    }
}

/// Takes leave for everybody, and waits until the server has heard it, for so long as that is worth it.
fn leave(endpoint: &Endpoint, seats: Vec<Seat>) {
    let deadline = Instant::now() + Duration::from_secs(5);
    for seat in seats {
        let Some(session) = &seat.viewer.session else { continue };
        let Ok(mut exchange) = Exchange::begin(endpoint.host, "DELETE", session, "") else { continue };
        while matches!(exchange.proceed(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}
