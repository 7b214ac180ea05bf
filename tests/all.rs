//! The server as a whole, by what it says and does from outside: one program, since to link each file by itself takes minutes.
//! `cargo test --test all leaving::` runs one of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

mod access;
mod acme;
mod cli;
mod forged;
mod groups;
mod half_open;
mod leaving;
mod limits;
mod lite;
mod logs;
mod metrics;
mod picture;
mod probe;
mod programs;
mod revocation;
mod routes;
mod sandbox;
mod secrets;
mod signalling;
mod socket_file;
mod stopping;
mod systemd;
mod tls;
mod whep;
