//! Remote sources against servers on loopback that fail in every way there is.

mod fault;
mod faults;
mod guard;
mod http;
mod joins;
mod nginx;
mod support;
