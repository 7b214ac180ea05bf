//! From pictures to frames: `jpeg` and `convert` make I420, `h264` makes access units, [`annexb`]
//! takes streams of them apart, `payload` makes RTP payloads, and `worker` is the thread that does
//! all this for one stream.

pub mod annexb;
mod convert;
mod h264;
mod jpeg;
mod payload;
mod worker;

pub use convert::I420;
pub use h264::H264Encoder;
pub use worker::Encoder;
