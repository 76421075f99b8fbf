//! The artifact service: takes files that are uploaded, downloaded, copied or joined, keeps them in
//! an object store, and tells how far it is. The joins are the library's.
//!
//! Reading the modules in this order is following a request: settings, the database, keys, the API
//! that creates a row and its job, the worker that takes it, what it does, and where the bytes go.

pub mod ids;
pub mod seal;
pub mod settings;

pub mod db;
pub mod keys;
pub mod model;

pub mod api;
pub mod error;
pub mod events;
pub mod files;

pub mod claimed;
pub mod jobs;
pub mod process;
pub mod storage;
pub mod webhooks;

pub mod metrics;
pub mod service;
