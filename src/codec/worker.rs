//! The thread that makes one rendition's frames out of its camera's pictures.
//!
//! What a camera has encoded is passed on as it is, except for a small rendition: there it is decoded and encoded anew,
//! which is done nowhere else.

use super::convert::{I420, Scaler, to_i420};
use super::frame_rate::ArrivalRate;
use super::h264::H264Encoder;
use super::h264_decoder::H264Decoder;
use super::inbox::{EncoderHandle, Inbox, Task, Unit};
use super::jpeg::JpegDecoder;
use super::last_picture::{LastPictures, Tap};
use super::pacer::Pacer;
use super::payload::Packetizer;
use super::rendering::Rendering;
use bytes::Bytes;
use lenscap_actors::ids::StreamId;
use lenscap_actors::media::{Content, Layout, Origin, Picture, RawImage};
use lenscap_actors::ports::{Encode, EncodeEvent, EncodeEventKind, EncodeEvents, Encoding};
use lenscap_actors::supervisor::incarnation::words;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An access unit that has waited for so long to be encoded anew is too late, and so is what follows it, up to the next
/// keyframe. A newcomer is given its past within this time.
const LATE: Duration = Duration::from_secs(2);

/// While others wait behind it, a picture is decoded and not shown, for they are nearer to the present; but one so often
/// is shown on a machine that never comes to the last.
const STARVED: Duration = Duration::from_millis(500);

/// Makes encoders for one rendition of a stream.
pub struct Encoder {
    rendering: Rendering,
    stream: StreamId,
    pictures: LastPictures,
}

impl Encoder {
    /// For this rendition of the stream that viewers know by this name, whose last picture is kept there.
    pub fn new(rendering: Rendering, stream: StreamId, pictures: LastPictures) -> Self {
        Self { rendering, stream, pictures }
    }
}

impl Encode for Encoder {
    fn start(&self, session: u64, events: EncodeEvents) -> Box<dyn Encoding> {
        let inbox = Arc::new(Inbox::default());
        let ended = events.clone();
        let tap = self.pictures.tap(self.stream.clone());
        let mut work = Work::new(self.rendering.clone(), inbox.clone(), session, events, tap);
        let name = &self.rendering.name;
        let spawned = std::thread::Builder::new().name(format!("encode {name}")).spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| work.run()));
            let kind = match result {
                Ok(Ok(())) => return,
                Ok(Err(reason)) => EncodeEventKind::Ended(reason),
                Err(panic) => EncodeEventKind::Panicked(words(&*panic)),
            };
            work.events.do_send(EncodeEvent { session, kind });
        });
        if let Err(error) = spawned {
            let reason = format!("no thread for the encoder: {error}");
            ended.do_send(EncodeEvent { session, kind: EncodeEventKind::Ended(reason) });
        }
        Box::new(EncoderHandle(inbox))
    }
}

struct Work {
    rendering: Rendering,
    inbox: Arc<Inbox>,
    session: u64,
    events: EncodeEvents,
    packetizer: Packetizer,
    encoder: Option<H264Encoder>,
    decoder: Option<H264Decoder>,
    jpeg: JpegDecoder,
    scaler: Scaler,
    decoded: I420,
    scaled: I420,
    has_picture: bool,
    /// What is decoded came encoded: see [`Rendering::size`].
    as_is: bool,
    shown: Instant,
    pacer: Pacer,
    /// Of what is encoded.
    rate: ArrivalRate,
    /// Bits a second that encoders are held to, and what the present one was told.
    held: Option<u32>,
    told: Option<u32>,
    bad: u64,
    tap: Tap,
}

impl Work {
    fn new(rendering: Rendering, inbox: Arc<Inbox>, session: u64, events: EncodeEvents, tap: Tap) -> Self {
        let pacer = Pacer::new(rendering.fps_max);
        Self {
            rendering,
            inbox,
            session,
            events,
            packetizer: Packetizer::new(0),
            encoder: None,
            decoder: None,
            jpeg: JpegDecoder::new(),
            scaler: Scaler::default(),
            decoded: I420::default(),
            scaled: I420::default(),
            has_picture: false,
            as_is: false,
            shown: Instant::now(),
            pacer,
            rate: ArrivalRate::default(),
            held: None,
            told: None,
            bad: 0,
            tap,
        }
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(task) = self.inbox.next(self.has_picture) {
            match task {
                Task::Unit(unit) if self.rendering.transcodes() => self.transcode(&unit)?,
                Task::Unit(Unit { captured, data, lost, .. }) => {
                    (0..lost).for_each(|_| self.packetizer.lost());
                    let keyframe = self.send(data, Origin::Device, captured);
                    if let Some(unit) = keyframe {
                        self.tap.saw(captured, &Content::H264(unit));
                    }
                }
                Task::Picture(picture) => {
                    // One that cannot be decoded does not count for the rate: the next one is tried.
                    if self.pacer.is_due(picture.captured) && self.decode(&picture) {
                        self.pacer.took(picture.captured);
                        self.encode(picture.captured, false)?;
                        self.tap.saw(picture.captured, &picture.content);
                    }
                }
                // The latest picture once more, at once: whoever waits does not wait for the
                // camera's next one.
                Task::Keyframe => self.encode(Instant::now(), true)?,
            }
        }
        Ok(())
    }

    /// Decodes an access unit, for the next ones depend on it, and encodes its picture if that is due.
    fn transcode(&mut self, Unit { captured, data, lost, more }: &Unit) -> Result<(), String> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            None => self.decoder.insert(H264Decoder::new().map_err(|error| error.to_string())?),
        };
        if *lost > 0 || captured.elapsed() > LATE {
            decoder.lost();
        }
        match decoder.decode(data) {
            Ok(None) => return Ok(()),
            Ok(Some(_)) if (*more && self.shown.elapsed() < STARVED) || !self.pacer.is_due(*captured) => return Ok(()),
            Ok(Some(picture)) => picture.copy_to(&mut self.decoded),
            Err(error) => {
                // No finding about the camera: those who have its frames as they are may well be able to show them.
                self.left_out(&error);
                return Ok(());
            }
        }
        self.as_is = true;
        self.shown = Instant::now();
        self.pacer.took(*captured);
        self.encode(*captured, false)?;
        if self.tap.is_due(*captured) {
            self.tap.saw(*captured, &Content::Raw(uncompressed(&self.decoded)));
        }
        Ok(())
    }

    /// Brings a picture into the form that the encoder takes. One that cannot be decoded is
    /// counted and left out.
    fn decode(&mut self, picture: &Picture) -> bool {
        let result = match &picture.content {
            Content::Raw(image) => to_i420(image, &mut self.decoded).map_err(|error| error.to_string()),
            Content::Jpeg(bytes) => self.jpeg.decode(bytes, &mut self.decoded).map_err(|error| error.to_string()),
            Content::H264(_) => Err("already encoded".to_owned()),
        };
        self.inbox.found(result.is_ok());
        if let Err(error) = &result {
            self.left_out(error);
        }
        result.is_ok()
    }

    fn left_out(&mut self, error: &dyn Display) {
        self.bad += 1;
        let _ = self.events.try_send(EncodeEvent { session: self.session, kind: EncodeEventKind::LeftOut });
        if self.bad.is_power_of_two() {
            log::warn!("stream {}: {} pictures left out so far: {error}", self.rendering.name, self.bad);
        }
    }

    fn encode(&mut self, captured: Instant, force: bool) -> Result<(), String> {
        let size = self.rendering.size((self.decoded.width, self.decoded.height), self.as_is);
        let image = if size == (self.decoded.width, self.decoded.height) {
            &self.decoded
        } else {
            if !force {
                self.scaled.resize(size.0, size.1);
                self.scaler.scale(&self.decoded, &mut self.scaled).map_err(|error| error.to_string())?;
            }
            &self.scaled
        };
        let is_new = self.encoder.as_ref().is_none_or(|encoder| encoder.size() != size);
        let encoder = match &mut self.encoder {
            Some(encoder) if !is_new => encoder,
            _ => {
                let bitrate = self.rendering.bitrate(size, self.as_is);
                let encoder = match self.as_is {
                    true => H264Encoder::of_encoded(size, self.rendering.fps, bitrate),
                    false => H264Encoder::new(size, self.rendering.fps, bitrate),
                };
                let encoder = encoder.map_err(|error| error.to_string())?;
                // Its first frame is an IDR: who asked for one so far gets this.
                self.inbox.keyframe_comes();
                if let Some(least) = self.rendering.bitrate_min {
                    self.inbox.can_be_held(least.min(bitrate)..=bitrate);
                }
                self.encoder.insert(encoder)
            }
        };
        if !force {
            self.rate.came(captured);
        }
        if !is_new
            && let Some(fps) = self.rate.differs_from(encoder.fps())
            && let Err(error) = encoder.set_fps(fps)
        {
            log::warn!("stream {}: it stays at its frame rate: {error}", self.rendering.name);
        }
        self.held = self.inbox.take_hold().or(self.held);
        if is_new {
            // It takes another rate only once it has begun.
            self.told = None;
        } else if self.told != self.held
            && let Some(bps) = self.held
        {
            self.told = self.held;
            if let Err(error) = encoder.set_bitrate(bps) {
                log::warn!("stream {}: it stays at its bit rate: {error}", self.rendering.name);
            }
        }
        if force {
            encoder.force_keyframe();
        }
        self.has_picture = true;
        if let Some(unit) = encoder.encode(image).map_err(|error| error.to_string())? {
            let _ = self.send(unit.into(), Origin::Encoder, captured);
        }
        Ok(())
    }

    /// Sends a frame. If it is a keyframe, gives it back with its parameter sets.
    fn send(&mut self, unit: Bytes, origin: Origin, captured: Instant) -> Option<Bytes> {
        let frame = self.packetizer.frame(unit, origin, captured)?;
        let keyframe = frame.keyframe.then(|| frame.unit.clone());
        let kind = EncodeEventKind::Frame(Arc::new(frame));
        // A stream that is behind misses this one, and its viewers see that in the numbers.
        let _ = self.events.try_send(EncodeEvent { session: self.session, kind });
        keyframe
    }
}

/// A copy that can be handed on.
fn uncompressed(image: &I420) -> RawImage {
    let I420 { width, height, y, u, v } = image;
    let data = [&y[..], u, v].concat().into();
    RawImage { layout: Layout::I420, width: *width, height: *height, stride: *width, data }
}

#[cfg(test)]
mod tests;
