//! lenscap shows cameras in the browser over WebRTC, and puts the lens cap back on the moment
//! nobody is watching.
//!
//! This package is the world around the actors of [`lenscap_actors`], which decide:
//!
//! - [`cli`] is the command line, [`config`] the file;
//! - [`capture`] opens cameras, [`codec`] makes frames of their pictures;
//! - [`sandbox`] takes from the server what it does not need, [`broker`] does for it what needs more,
//!   and a [`guard`] sees to it that nothing is left of a program;
//! - [`access`] says who may do what, [`tls`] keeps others from listening;
//! - [`net`] is the UDP socket, [`http`] the pages and the signalling;
//! - [`probe`] watches a stream from the command line, as a viewer of its own;
//! - [`secrets`] hides what must not be shown, `logging` writes the log, and [`screen`] speaks to people in a terminal;
//! - [`server`] puts it together, and tells systemd how it is; [`memory`] sets up the allocator,
//!   `descriptors` the number of files, and `threads` says what each thread has done.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod access;
pub mod broker;
pub mod capture;
pub mod cli;
pub mod codec;
pub mod config;
mod descriptors;
pub mod guard;
pub mod http;
mod logging;
pub mod memory;
pub mod net;
pub mod probe;
pub mod sandbox;
pub mod screen;
pub mod secrets;
pub mod server;
mod systemd;
mod threads;
pub mod tls;
