//! A moving test picture, so that everything can be tried without a camera.

use super::thread::{Session, Woken, spawn};
use bytes::Bytes;
use lenscap_actors::media::{Content, Layout, Picture, RawImage};
use lenscap_actors::ports::{Capture, CaptureError, CaptureEvents, CaptureInfo, OpenCapture};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the test picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Little that changes: it needs few bits.
    Calm,
    /// Grain, as of a real camera in a dim room: an encoder needs all the bits that it is given.
    Busy,
}

/// The source.
pub struct TestPattern {
    scene: Scene,
    size: [u32; 2],
    fps: u32,
}

impl TestPattern {
    /// Of the given size and rate, or 1280x720 at 30.
    pub fn new(scene: Scene, size: Option<[u32; 2]>, fps: Option<u32>) -> Self {
        Self { scene, size: size.unwrap_or([1280, 720]), fps: fps.unwrap_or(30) }
    }
}

impl Capture for TestPattern {
    fn open(&self, session: u64, events: CaptureEvents) -> Box<dyn OpenCapture> {
        let ([width, height], fps, scene) = (self.size, self.fps, self.scene);
        let canvas = move || Canvas::new(scene, width as usize, height as usize);
        spawn("test", session, events, move |session| run(session, &canvas(), fps))
    }
}

fn run(session: &Session, canvas: &Canvas, fps: u32) -> Result<(), CaptureError> {
    let (width, height) = (canvas.width, canvas.height);
    session.opened(CaptureInfo {
        device: "test picture".into(),
        format: format!("I420 {width}x{height}"),
        fps: fps as f32,
        warning: None,
    });
    let start = Instant::now();
    for number in 0u64.. {
        let due = start + Duration::from_secs_f64(number as f64 / f64::from(fps));
        let wait = due.saturating_duration_since(Instant::now());
        match session.wait(&[], Some(wait)) {
            Ok(Woken::Stop) => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                return Err(CaptureError::Failed { device: "test picture".into(), message: error.to_string() });
            }
        }
        let time_of_day = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        session.push(Picture {
            captured: Instant::now(),
            content: Content::Raw(RawImage {
                layout: Layout::I420,
                width,
                height,
                stride: width,
                data: canvas.draw(number, fps, time_of_day),
            }),
        });
    }
    Ok(())
}

/// Draws the pictures; what does not move is drawn once.
struct Canvas {
    width: usize,
    height: usize,
    background: Vec<u8>,
    /// Of a busy one: what is added to the brightness of a row. It is longer than any row, and each begins elsewhere in it.
    grain: Vec<u8>,
}

/// Grain changes the brightness by less than this.
const GRAIN: u8 = 24;

/// How long the grain is beyond a row: a prime, so that rows and pictures are a long time in coming together again.
const GRAIN_MORE: usize = 4099;

/// Y, U and V of the color bars.
const BARS: [[u8; 3]; 7] =
    [[180, 128, 128], [162, 44, 142], [131, 156, 44], [112, 72, 58], [84, 184, 198], [65, 100, 212], [35, 212, 114]];

impl Canvas {
    fn new(scene: Scene, width: usize, height: usize) -> Self {
        let mut background = vec![0; width * height * 3 / 2];
        let (luma, chroma) = background.split_at_mut(width * height);
        let (u, v) = chroma.split_at_mut(width * height / 4);
        for (y, row) in luma.chunks_exact_mut(width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = (u16::from(BARS[x * BARS.len() / width][0]) * 3 / 4 + (y * 40 / height) as u16) as u8;
            }
        }
        for (plane, component) in [(u, 1), (v, 2)] {
            for row in plane.chunks_exact_mut(width / 2) {
                for (x, pixel) in row.iter_mut().enumerate() {
                    *pixel = BARS[x * BARS.len() / (width / 2)][component];
                }
            }
        }
        let grain = match scene {
            Scene::Calm => vec![],
            Scene::Busy => grain(width + GRAIN_MORE),
        };
        Self { width, height, background, grain }
    }

    fn draw(&self, number: u64, fps: u32, time_of_day: Duration) -> Bytes {
        let mut image = self.background.clone();
        let luma = &mut image[..self.width * self.height];
        if !self.grain.is_empty() {
            for (nth, row) in luma.chunks_exact_mut(self.width).enumerate() {
                let start = (number as usize).wrapping_mul(1009).wrapping_add(nth * 2003) % GRAIN_MORE;
                row.iter_mut()
                    .zip(&self.grain[start..])
                    .for_each(|(pixel, grain)| *pixel = pixel.saturating_add(*grain));
            }
        }
        // A block that crosses the picture in four seconds, to see whether it runs smoothly.
        let side = (self.height / 6).max(2);
        let travel = self.width.saturating_sub(side);
        let period = u64::from(fps.max(1)) * 4;
        let phase = (number % period) as usize;
        let x = if period > 1 { travel * phase / (period as usize - 1) } else { 0 };
        self.fill(luma, x, self.height * 2 / 3, side, side, 235);
        let seconds = time_of_day.as_secs() % 86_400;
        let clock = format!(
            "{:02}:{:02}:{:02}.{:03}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            time_of_day.subsec_millis()
        );
        let scale = (self.height / 60).max(1);
        self.text(luma, &clock, scale * 2, scale * 2, scale);
        self.text(luma, &number.to_string(), scale * 2, scale * 11, scale);
        Bytes::from(image)
    }

    fn fill(&self, luma: &mut [u8], x: usize, y: usize, width: usize, height: usize, value: u8) {
        let right = (x + width).min(self.width);
        for row in y..(y + height).min(self.height) {
            if x < right {
                luma[row * self.width + x..row * self.width + right].fill(value);
            }
        }
    }

    fn text(&self, luma: &mut [u8], text: &str, x: usize, y: usize, scale: usize) {
        self.fill(luma, x.saturating_sub(scale), y.saturating_sub(scale), (text.len() * 4 + 1) * scale, 7 * scale, 16);
        for (nth, character) in text.chars().enumerate() {
            for (row, bits) in glyph(character).into_iter().enumerate() {
                for column in 0..3 {
                    if bits >> (2 - column) & 1 == 1 {
                        self.fill(luma, x + (nth * 4 + column) * scale, y + row * scale, scale, scale, 235);
                    }
                }
            }
        }
    }
}

/// Always the same (a linear congruential generator: Knuth, The Art of Computer Programming, volume 2, section 3.2.1).
fn grain(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 % GRAIN
    };
    (0..length).map(|_| next()).collect()
}

/// Digits and separators, 3 by 5 pixels, the leftmost in bit 2.
fn glyph(character: char) -> [u8; 5] {
    match character {
        '0' => [7, 5, 5, 5, 7],
        '1' => [2, 6, 2, 2, 7],
        '2' => [7, 1, 7, 4, 7],
        '3' => [7, 1, 7, 1, 7],
        '4' => [5, 5, 7, 1, 1],
        '5' => [7, 4, 7, 1, 7],
        '6' => [7, 4, 7, 5, 7],
        '7' => [7, 1, 1, 1, 1],
        '8' => [7, 5, 7, 5, 7],
        '9' => [7, 5, 7, 1, 7],
        ':' => [0, 2, 0, 2, 0],
        '.' => [0, 0, 0, 0, 2],
        _ => [0; 5],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_differs_from_the_one_before() {
        for scene in [Scene::Calm, Scene::Busy] {
            let canvas = Canvas::new(scene, 320, 240);
            let mut last = Bytes::new();
            for number in 0..200 {
                let image = canvas.draw(number, 30, Duration::from_millis(number * 33));
                assert_eq!(image.len(), 320 * 240 * 3 / 2);
                assert_ne!(image, last, "{number}");
                last = image;
            }
        }
    }

    #[test]
    fn any_size_that_the_configuration_allows_can_be_drawn() {
        for (width, height) in [(16, 16), (16, 8192), (8192, 16), (1280, 720), (18, 22)] {
            let canvas = Canvas::new(Scene::Busy, width, height);
            let image = canvas.draw(u64::MAX, 1, Duration::from_secs(u64::MAX / 2));
            assert_eq!(image.len(), width * height * 3 / 2);
        }
    }
}
