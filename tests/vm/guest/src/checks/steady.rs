//! A stream that is not to notice what happens to others.

use crate::server::Server;
use std::time::{Duration, Instant};

/// Shorter measurements say little of a rate.
const AT_LEAST: Duration = Duration::from_secs(2);

/// The share of its rate that it must keep on a busy machine. A stream that is started anew or waits for
/// another loses more: seconds of these few.
const SHARE: f64 = 0.7;

/// A measurement that has begun.
pub struct Steady<'a> {
    server: &'a Server,
    stream: &'a str,
    start: Instant,
    frames: u64,
    opens: u64,
}

impl<'a> Steady<'a> {
    /// Begins with a stream that is live; its camera has the same name.
    pub fn begin(server: &'a Server, stream: &'a str) -> Self {
        server.until_frames(stream, 1);
        let opens = server.camera(stream)["opens"].as_u64().unwrap();
        Self { server, stream, frames: server.frames(stream), start: Instant::now(), opens }
    }

    /// Fails unless the stream has kept its rate; returns frames a second.
    pub fn end(self) -> f64 {
        if let Some(rest) = AT_LEAST.checked_sub(self.start.elapsed()) {
            std::thread::sleep(rest);
        }
        let camera = self.server.camera(self.stream);
        assert_eq!(camera["opens"], self.opens, "it was opened again: {camera:#}");
        let frames = self.server.frames(self.stream) - self.frames;
        let rate = frames as f64 / self.start.elapsed().as_secs_f64();
        let agreed = camera["fps"].as_f64().unwrap();
        assert!(rate >= agreed * SHARE, "{} gives {rate:.1} of {agreed} a second", self.stream);
        rate
    }
}
