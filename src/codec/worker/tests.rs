use super::*;
use crate::codec::H264Encoder;
use crate::config::Stream;
use actix::prelude::*;
use lenscap_actors::media::{Frame, Layout, RawImage};
use lenscap_actors::supervisor::recipient;
use std::sync::Mutex;

const SIZE: (usize, usize) = (320, 192);

/// Keeps what the encoder reports.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<EncodeEventKind>>>);

impl Actor for Heard {
    type Context = Context<Self>;
}

impl Handler<EncodeEvent> for Heard {
    type Result = ();

    fn handle(&mut self, event: EncodeEvent, _: &mut Self::Context) {
        self.0.lock().unwrap().push(event.kind);
    }
}

/// An encoder at work.
struct Bench {
    encoding: Box<dyn Encoding>,
    heard: Heard,
    start: Instant,
    pictures: LastPictures,
}

impl Bench {
    fn new(rendering: Rendering) -> Self {
        let heard = Heard::default();
        let events = recipient::Recipient::from(heard.clone().start().recipient());
        let pictures = LastPictures::start().unwrap();
        let encoder = Encoder::new(rendering, "front".into(), pictures.clone());
        Self { encoding: encoder.start(1, events), heard, start: Instant::now(), pictures }
    }

    /// Gives a picture that was taken at the `nth` of 30 in a second.
    fn push(&self, nth: u32, content: Content) {
        let captured = self.start + Duration::from_secs(1) * nth / 30;
        self.encoding.sink().push(&Arc::new(Picture { captured, content }));
    }

    /// What has come when nothing has for a while.
    async fn frames(&self) -> Vec<Arc<Frame>> {
        let mut before = usize::MAX;
        loop {
            actix::clock::sleep(Duration::from_millis(150)).await;
            let heard = self.heard.0.lock().unwrap();
            if heard.len() == before {
                let frame = |kind: &EncodeEventKind| match kind {
                    EncodeEventKind::Frame(frame) => Some(frame.clone()),
                    _ => None,
                };
                return heard.iter().filter_map(frame).collect();
            }
            before = heard.len();
        }
    }

    fn left_out(&self) -> usize {
        let heard = self.heard.0.lock().unwrap();
        heard.iter().filter(|kind| matches!(kind, EncodeEventKind::LeftOut)).count()
    }
}

fn image(nth: u32) -> I420 {
    let mut image = I420::default();
    image.resize(SIZE.0, SIZE.1);
    image.y.fill(brightness(nth));
    image
}

fn brightness(nth: u32) -> u8 {
    20 + nth as u8
}

fn raw(nth: u32) -> Content {
    let I420 { width, height, y, u, v } = image(nth);
    Content::Raw(RawImage { layout: Layout::I420, width, height, stride: width, data: [y, u, v].concat().into() })
}

/// So many pictures, encoded, with no keyframe but the first.
fn units(count: u32) -> Vec<Content> {
    let mut encoder = H264Encoder::new(SIZE, 30.0, 2_000_000).unwrap();
    (0..count).map(|nth| Content::H264(encoder.encode(&image(nth)).unwrap().unwrap().into())).collect()
}

/// Size and brightness of frames that follow each other.
fn shown(frames: &[Arc<Frame>]) -> Vec<((usize, usize), u8)> {
    let mut decoder = H264Decoder::new().unwrap();
    let mut image = I420::default();
    let mut show = |frame: &Arc<Frame>| {
        decoder.decode(&frame.unit).unwrap().unwrap().copy_to(&mut image);
        ((image.width, image.height), image.y[0])
    };
    frames.iter().map(&mut show).collect()
}

fn small() -> Rendering {
    Stream::of("front").small(None)
}

/// Every other picture, half as large, and a keyframe on request, whatever the camera gives.
async fn assert_small(give: impl Fn(u32) -> Content) {
    let bench = Bench::new(small());
    for nth in 0..30 {
        bench.push(nth, give(nth));
        actix::clock::sleep(Duration::from_millis(10)).await;
    }
    let before = bench.frames().await;
    assert!((12..=16).contains(&before.len()), "{}", before.len());
    assert!(before.iter().all(|frame| frame.origin == Origin::Encoder));
    assert_eq!(before.iter().filter(|frame| frame.keyframe).count(), 1);
    let shown = shown(&before);
    assert!(shown.iter().all(|(size, _)| *size == (160, 96)), "{shown:?}");
    let ((_, first), (_, last)) = (shown[0], shown[shown.len() - 1]);
    assert!(first.abs_diff(brightness(0)) <= 3 && last.abs_diff(brightness(29)) <= 4, "{shown:?}");
    bench.encoding.force_keyframe();
    let after = bench.frames().await;
    assert_eq!(after.len(), before.len() + 1);
    assert!(after[before.len()].keyframe);
}

#[actix::test]
async fn a_small_rendition_of_what_comes_uncompressed() {
    assert_small(raw).await;
}

#[actix::test]
async fn a_small_rendition_of_what_comes_encoded() {
    let units = units(30);
    assert_small(|nth| units[nth as usize].clone()).await;
}

#[actix::test]
async fn the_past_that_a_newcomer_is_given_is_decoded_and_not_shown() {
    let bench = Bench::new(small());
    for (nth, unit) in units(60).into_iter().enumerate() {
        bench.push(nth as u32, unit);
    }
    let frames = bench.frames().await;
    assert!((1..=3).contains(&frames.len()), "{}", frames.len());
    let (_, last) = shown(&frames)[frames.len() - 1];
    assert!(last.abs_diff(brightness(59)) <= 3, "the present, not {last}");
}

#[actix::test]
async fn what_is_missing_or_broken_leaves_out_what_comes_up_to_the_next_keyframe() {
    let (bench, units, again) = (Bench::new(small()), units(20), units(12));
    let rubbish = Content::H264(Bytes::from([&[0, 0, 0, 1, 0x41][..], &[0x5a; 200]].concat()));
    let give = async |nth: u32, content: Content| {
        bench.push(nth, content);
        actix::clock::sleep(Duration::from_millis(10)).await;
    };
    // It has come in the midst of a group.
    for nth in 1..10 {
        give(nth, units[nth as usize].clone()).await;
    }
    assert_eq!((bench.frames().await.len(), bench.left_out()), (0, 0));
    for nth in 0..10 {
        give(10 + nth, again[nth as usize].clone()).await;
    }
    let good = bench.frames().await.len();
    assert!((4..=6).contains(&good), "{good}");
    give(21, rubbish).await;
    for nth in 10..20 {
        give(12 + nth, units[nth as usize].clone()).await;
    }
    assert_eq!((bench.frames().await.len(), bench.left_out()), (good, 1));
    assert_eq!(bench.encoding.sink().findings(), Default::default(), "the camera is not to blame");
    for nth in 0..4 {
        give(40 + nth, again[nth as usize].clone()).await;
    }
    let more = bench.frames().await.len() - good;
    assert!((2..=3).contains(&more), "{more}");
}

#[actix::test]
async fn the_full_rendition_of_what_comes_encoded_is_that() {
    let bench = Bench::new(Stream::of("front").full(None));
    let units = units(5);
    for (nth, unit) in units.iter().enumerate() {
        bench.push(nth as u32, unit.clone());
    }
    let frames = bench.frames().await;
    assert_eq!(frames.len(), 5);
    for (frame, unit) in frames.iter().zip(&units) {
        let Content::H264(unit) = unit else { panic!("another kind") };
        assert_eq!((&frame.unit, frame.origin), (unit, Origin::Device));
    }
}

/// Brightness of the last picture that is kept, as soon as it is this one.
async fn kept(pictures: &LastPictures, wanted: u8) {
    let mut changes = pictures.changes();
    let is_it = |pictures: &LastPictures| {
        let mut image = I420::default();
        pictures.of(&"front".into()).is_some_and(|picture| {
            JpegDecoder::new().decode(&picture.jpeg, &mut image).unwrap();
            image.y[0].abs_diff(wanted) <= 4
        })
    };
    while !is_it(pictures) {
        actix::clock::timeout(Duration::from_secs(10), changes.changed()).await.unwrap().unwrap();
    }
}

#[actix::test]
async fn of_whatever_comes_the_first_picture_and_the_last_are_kept() {
    let mut encoder = H264Encoder::new(SIZE, 30.0, 2_000_000).unwrap();
    let mut keyframe = |nth: u32| {
        encoder.force_keyframe();
        Content::H264(encoder.encode(&image(nth)).unwrap().unwrap().into())
    };
    let encoded: Vec<Content> = [0, 20].into_iter().map(&mut keyframe).collect();
    for (rendering, given) in [
        (Stream::of("front").full(None), vec![raw(0), raw(20)]),
        (Stream::of("front").full(None), encoded.clone()),
        (small(), vec![raw(0), raw(20)]),
    ] {
        let bench = Bench::new(rendering);
        bench.push(0, given[0].clone());
        kept(&bench.pictures, brightness(0)).await;
        bench.push(20, given[1].clone());
        bench.frames().await;
        let pictures = bench.pictures.clone();
        drop(bench);
        kept(&pictures, brightness(20)).await;
    }
    let bench = Bench::new(small());
    bench.push(0, encoded[0].clone());
    kept(&bench.pictures, brightness(0)).await;
}

/// Grain: it needs all the bits that there are.
fn grain(nth: u32, (width, height): (usize, usize)) -> Content {
    let mut state = nth + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 27) as u8 * 4
    };
    let y: Vec<u8> = (0..width * height).map(|_| next()).collect();
    let chroma = vec![128; width * height / 4];
    let data = [y, chroma.clone(), chroma].concat().into();
    Content::Raw(RawImage { layout: Layout::I420, width, height, stride: width, data })
}

#[actix::test]
async fn a_bit_rate_that_is_held_stays_held_when_the_camera_gives_another_size() {
    let stream = Stream { bitrate: Some(1_000_000), adaptive_bitrate: true, ..Stream::of("front") };
    let bench = Bench::new(stream.full(None));
    assert_eq!(bench.encoding.bit_rates(), None, "there is no encoder yet");
    let mut nth = 0;
    let mut bits_a_second = async |size, pictures: u32| {
        let before = bench.frames().await.len();
        for _ in 0..pictures {
            bench.push(nth, grain(nth, size));
            nth += 1;
            actix::clock::sleep(Duration::from_millis(10)).await;
        }
        let frames = bench.frames().await;
        frames[before..].iter().map(|frame| frame.unit.len() as u32 * 8 * 30).sum::<u32>() / pictures
    };
    bits_a_second(SIZE, 30).await;
    let full = bits_a_second(SIZE, 60).await;
    assert_eq!(bench.encoding.bit_rates(), Some(250_000..=1_000_000));
    bench.encoding.hold_to(250_000);
    bits_a_second((SIZE.0 + 32, SIZE.1), 60).await;
    let held = bits_a_second((SIZE.0 + 32, SIZE.1), 60).await;
    assert!(held * 2 < full, "{full}, then {held}");
    // It was told for the size before.
    bits_a_second(SIZE, 60).await;
    let still = bits_a_second(SIZE, 60).await;
    assert!(still * 2 < full, "{full}, then {still}");
}
