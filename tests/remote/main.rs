//! Remote sources against servers on loopback that fail in every way there is.

mod fault;
mod faults;
mod http;
mod support;
