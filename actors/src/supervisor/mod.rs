//! Supervision in the sense of Erlang/OTP: who is started again, when, with whom, and when a
//! supervisor gives up. Knows no camera.
//!
//! [`spec`] has the words, [`plan`] the decisions.

pub mod plan;
pub mod spec;
