//! Remote sources against servers on loopback that fail in every way there is.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod containers;
mod fault;
mod faults;
mod guard;
mod http;
mod joins;
mod nginx;
mod support;
mod tool;
mod verify;
