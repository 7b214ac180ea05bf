//! The traits through which the actors reach the world. The world implements them; nothing here
//! blocks, and nothing here knows a driver, a socket or a file, nor what an actor is made of.

mod capture;
mod capture_error;
mod clock;
mod datagrams;
mod encode;

pub use capture::{Capture, CaptureEvent, CaptureEventKind, CaptureEvents, CaptureInfo, OpenCapture, Plugged};
pub use capture_error::CaptureError;
pub use clock::Clock;
pub use datagrams::{Datagrams, Inbound};
pub use encode::{Encode, EncodeEvent, EncodeEventKind, EncodeEvents, Encoding};
