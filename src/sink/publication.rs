//! How a file comes to its name, and what it took.

#[cfg(feature = "checksum")]
use crate::checksum::{Checksums, Digests};

use crate::{options::Durability, setters::setters};

/// What to do with an existing target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Refuse. The default.
    #[default]
    Never,
    /// Replace it, once the output is finished.
    Replace,
}

/// How a file comes to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Publication {
    /// What becomes of an existing target.
    pub overwrite: Overwrite,
    /// Whether it is on the disk by then.
    pub durability: Durability,
    /// What is computed of it by then.
    #[cfg(feature = "checksum")]
    pub(crate) checksums: Checksums,
}

setters! {
    Publication {
        overwrite: Overwrite,
        durability: Durability,
        #[cfg(feature = "checksum")]
        checksums: Checksums,
    }
}

impl From<(Overwrite, Durability)> for Publication {
    fn from((overwrite, durability): (Overwrite, Durability)) -> Self {
        Self {
            overwrite,
            durability,
            #[cfg(feature = "checksum")]
            checksums: Checksums::default(),
        }
    }
}

/// Where the bytes of an output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Written {
    /// The whole output.
    pub size: u64,
    /// Shared with the sources on disk.
    pub bytes_shared: u64,
    /// Copied from the sources.
    pub bytes_copied: u64,
    /// Made by us.
    pub bytes_generated: u64,
    /// Downloaded from remote sources: what was copied of them, and small holes in between.
    pub bytes_downloaded: u64,
    /// Uploaded to an object store.
    pub bytes_uploaded: u64,
    /// Kept in a temporary file on the way.
    pub bytes_spooled: u64,
    /// Copied by an object store from its own objects.
    pub bytes_copied_server_side: u64,
    /// Checksums of the whole, as far as they were asked for.
    #[cfg(feature = "checksum")]
    pub(crate) checksums: Digests,
}

impl Written {
    /// Checksums of the whole, as far as they were asked for.
    #[cfg(feature = "checksum")]
    #[must_use]
    pub const fn checksums(&self) -> &Digests {
        &self.checksums
    }

    /// The same with these checksums of the whole.
    #[cfg(feature = "checksum")]
    #[must_use]
    pub const fn with_checksums(mut self, checksums: Digests) -> Self {
        self.checksums = checksums;
        self
    }
}
