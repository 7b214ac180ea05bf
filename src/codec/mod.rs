//! From pictures to frames: `jpeg` and `convert` make I420, `h264` makes access units, [`annexb`]
//! takes streams of them apart, `payload` makes RTP payloads, and `worker` is the thread that does
//! all this for one stream. The parts are public for those who measure them.

pub mod annexb;
mod convert;
mod h264;
mod jpeg;
mod payload;
mod worker;

pub use convert::{BadImage, I420, Scaler, to_i420};
pub use h264::{EncodeError, H264Encoder, usual_bitrate};
pub use jpeg::{JpegDecoder, JpegError, is_complete};
pub use payload::Packetizer;
pub use worker::Encoder;
