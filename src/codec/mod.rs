//! From pictures to frames: `jpeg` and `convert` make I420, `h264` makes access units, `h264_decoder`
//! pictures of these again, [`annexb`] takes streams of them apart, `payload` makes RTP payloads, and `worker` is the thread
//! that does all this for one rendition of a stream, as `rendering` says, with pictures from its `inbox`, thinned out by `pacer`. The parts are public for those who measure them.

pub mod annexb;
mod convert;
mod h264;
mod h264_decoder;
mod inbox;
mod jpeg;
mod pacer;
mod payload;
mod rendering;
mod worker;

pub use convert::{BadImage, I420, Scaler, to_i420};
pub use h264::{EncodeError, H264Encoder, usual_bitrate};
pub use h264_decoder::{DecodeError, Decoded, H264Decoder};
pub use jpeg::{JpegDecoder, JpegError, is_complete};
pub use payload::Packetizer;
pub use rendering::Rendering;
pub use worker::Encoder;
