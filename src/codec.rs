//! From pictures to frames: `jpeg` and `convert` make I420, `h264` makes access units, `h264_decoder`
//! pictures of these again, [`annexb`] takes streams of them apart, `payload` makes RTP payloads, and `worker` is the thread
//! that does all this for one rendition of a stream, as `rendering` says, with pictures from its `inbox`, thinned out by `pacer`.
//! `last_picture` keeps one of these now and then as a `still`. The parts are public for those who measure them.

pub mod annexb;
mod convert;
mod frame_rate;
mod h264;
mod h264_decoder;
mod inbox;
mod jpeg;
mod last_picture;
mod pacer;
mod payload;
mod range;
mod rendering;
mod still;
mod worker;

pub use convert::{BadImage, I420, Scaler, to_i420};
pub use h264::{EncodeError, H264Encoder, usual_bitrate};
pub use h264_decoder::{DecodeError, Decoded, H264Decoder};
pub use jpeg::{JpegDecoder, JpegError, is_complete};
pub use last_picture::{LastPicture, LastPictures};
pub use payload::Packetizer;
pub use rendering::Rendering;
pub use still::{StillError, Stills};
pub use worker::Encoder;
