//! A job in the hands of a worker: what those who do it, end it and tell of it know.

use crate::{
    model::{ArtifactType, Input},
    storage::{Keeper, To},
};

/// A job that is ours for now.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The artifact.
    pub artifact_id: String,
    /// Proves that it is ours.
    pub token: String,
    /// Which attempt this is, from 1.
    pub attempt: i64,
    /// Since when it waits, in milliseconds since the epoch.
    pub queued_at: i64,
    /// The key that created it.
    pub key_id: String,
    /// What to do.
    pub input: Input,
    /// What it must be.
    pub kind: ArtifactType,
    /// Where it goes.
    pub s3_path: String,
    /// What it is served as.
    pub content_type: String,
    /// What is stored of it.
    pub keeper: Keeper,
}

impl Claimed {
    /// Where it goes.
    pub fn to(&self) -> To<'_> {
        To {
            key: &self.s3_path,
            content_type: &self.content_type,
            keeper: &self.keeper,
        }
    }
}
