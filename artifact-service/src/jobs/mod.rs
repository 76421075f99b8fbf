//! Jobs: handed out fairly, held by a lease, ended in one transaction with their artifact.

mod cleaning;
mod leases;
mod worker;

pub use leases::{claim, finish, give_back, hold, queue};
pub use worker::Worker;
