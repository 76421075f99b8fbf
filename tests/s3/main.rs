//! Joins from and into object stores, against a real one on loopback.

mod cancelling;
mod clips;
mod faults;
mod joins;
mod kept;
mod objects;
mod proxy;
mod server;
mod streamed;
mod tool;
