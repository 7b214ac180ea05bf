//! Who lives, who watches whom, and who leaves when.
//!
//! ```text
//! root                       one_for_one
//! ├── cameras                simple_one_for_one
//! │   └── <camera id>        rest_for_one, transient: gives up when its budget is spent
//! │       ├── device         owns the device: open while a stream is attached
//! │       └── stream-<id>    owns the set of subscribers: stops capture when it is empty;
//! │                          <id>~small for those whose link cannot carry the stream
//! ├── media                  one_for_one
//! │   └── thread-<n>         hands frames to the peers of one thread
//! └── peers                  simple_one_for_one, temporary children
//!     └── <peer id>          owns one viewer's connection
//! ```
//!
//! A tour, from the viewer to the device:
//!
//! - [`peers`] lets a viewer in and finds it again by its token.
//! - [`peer`] is one viewer; its connection is a [`transport`].
//! - [`transport`] is WebRTC without a socket and a clock, for a peer that sends.
//! - [`departure`] decides when a viewer has left, and by which sign.
//! - [`fanout`] hands frames to the viewers of one thread.
//! - [`stream`] forwards frames to its subscribers, and lets the camera go with the last one.
//! - [`camera`] opens and closes the device and tries again when it fails; [`retry`] says when.
//! - [`group`] lets one camera of several be open at a time.
//! - [`supervisor`] decides who is started again, when, and with whom, and does it.
//! - [`shutdown`] says how long the end of all that may take.
//! - [`media`] is what flows; [`ports`] is how the world is reached; [`board`] is what `/debug`
//!   shows, and how it all went, counted; [`root`] puts it all together.
//!
//! Nothing here does I/O: devices, encoders, sockets and time come through [`ports`]. [`clock`] has the time that the
//! system keeps.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod board;
pub mod camera;
pub mod clock;
pub mod departure;
pub mod fanout;
pub mod group;
pub mod ids;
pub mod media;
pub mod peer;
pub mod peers;
pub mod ports;
pub mod retry;
pub mod root;
pub mod shutdown;
pub mod stream;
pub mod supervisor;
pub mod transport;
