//! How a leaving is recognized. Pure: signs in, time in, verdict out.
//!
//! [`Cause`] lists the signs, [`Presence`] gives the verdict. [`silence`] decides where no sign comes at all, by what [`path`]
//! and [`delay`] know.

mod cause;
pub mod delay;
pub mod path;
pub mod patience;
mod presence;
pub mod silence;

pub use cause::Cause;
pub use presence::{Presence, Verdict};
