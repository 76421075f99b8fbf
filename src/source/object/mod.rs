//! S3-compatible object stores: fragments in them, outputs into them.
//!
//! Seven requests are all a join needs, and it needs them exactly: a copied part pinned to the
//! entity tag that was probed, parts of sizes that the plan chose, every upload ended one way or
//! the other. They are made here; their signatures are reqsign's.

mod answer;
mod credentials;
mod error;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod keeping;
mod options;
mod reading;
mod requests;
mod retry;
mod source;
mod store;
mod url;
mod wire;

pub(crate) use reading::HeadObject;
pub(crate) use requests::{Upload, UploadedPart};
pub(crate) use retry::Backoff;

pub use credentials::Credentials;
pub use error::{ObjectError, StoreError};
pub use options::{BucketStyle, StoreOptions};
pub use source::ObjectSource;
pub use store::ObjectStore;
pub use url::{ObjectUrl, ObjectUrlError};
