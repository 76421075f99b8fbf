//! Joins from and into object stores, against a real one on loopback.

mod cancelling;
mod client;
mod clips;
mod faults;
mod joins;
mod kept;
mod objects;
mod streamed;
mod tool;
