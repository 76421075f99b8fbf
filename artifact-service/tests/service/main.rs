//! The contract over a real socket: one suite, with SQLite and a folder, and with PostgreSQL and an
//! object store.

#![allow(clippy::unwrap_used, reason = "a test that finds nothing has failed")]

mod browser;
mod connections;
mod content;
mod contract;
mod dashboard;
mod disasters;
mod examples;
mod faults;
mod hooks;
mod limits;
mod place;
mod postgres;
mod process;
mod proxy;
mod resuming;
mod sources;
mod trouble;
mod web;

/// Runs every test with both kinds of database and store.
macro_rules! suite {
    ($($(#[$doc:meta])* async fn $name:ident($place:ident: &$type:ty) $body:block)*) => {
        $($(#[$doc])* async fn $name($place: &$type) $body)*
        mod sqlite_and_folder {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let place = crate::place::Place::embedded().await;
                super::$name(&place).await;
                place.end().await;
            })*
        }
        mod postgres_and_s3 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let place = crate::place::Place::shared().await;
                super::$name(&place).await;
                place.end().await;
            })*
        }
    };
}
use suite;
