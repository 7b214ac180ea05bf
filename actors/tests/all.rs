//! The actors as their users see them: one program, since to link each file by itself takes minutes.
//! `cargo test -p lenscap-actors --test all peer::` runs one of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

mod adaptive;
mod away;
mod exchange;
mod fanout;
mod faults;
mod ice_session;
mod offers;
mod peer;
mod places;
mod policies;
mod release;
mod renditions;
mod retrying;
mod stuck;
mod supervision;
mod suspicion;
mod transport;
