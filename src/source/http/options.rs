//! How HTTP is spoken.

use crate::setters::setters;
use std::{path::PathBuf, time::Duration};

use super::AddressPolicy;

/// How sources behind URLs are read, and what is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// Which addresses may be connected to: public ones.
    pub addresses: AddressPolicy,
    /// Whether every port may be asked. Else 80, 443 and all from 1024 on, which leaves out where mail,
    /// shells and the like live: `false`.
    pub any_port: bool,
    /// Whether a URL may have a user name and a password, which are sent to its server and appear in no
    /// message: `false`.
    pub user_info: bool,
    /// How long looking up, connecting and shaking hands may take: 10 s.
    pub connect_timeout: Duration,
    /// How long the first byte of an answer may take, connecting included: 30 s.
    pub answer_timeout: Duration,
    /// Over how long a time the speed of a body is judged: 30 s.
    pub stall_window: Duration,
    /// The fewest bytes per second over that time: 1 KiB.
    pub stall_floor: u64,
    /// How long one read may wait for the network in all, attempts and pauses included; a fragment is
    /// copied with one read or a few. Time in which the caller does not poll is not counted: 1 h.
    pub timeout: Duration,
    /// How often what may pass is tried again without progress; a mebibyte is progress: 5.
    pub retries: u32,
    /// The pause before the first of these attempts, which doubles with each, and of which a random part is
    /// waited: 0.5 s.
    pub first_pause: Duration,
    /// The longest pause, and the longest `Retry-After` that is obeyed; a server that asks for more
    /// fails: 30 s.
    pub longest_pause: Duration,
    /// Redirects that are followed: 5.
    pub max_redirects: usize,
    /// The most bytes of a fragment: 1 TiB.
    pub max_fragment_bytes: u64,
    /// The most bytes of all fragments together from servers that cannot give ranges, which are kept in a
    /// temporary file: 16 GiB.
    pub spool_bytes: u64,
    /// The folder of that file: the system's folder for temporary files.
    pub spool_folder: PathBuf,
    /// What the client calls itself: `media-concat/` and the version.
    pub user_agent: String,
}

impl HttpOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters! {
    HttpOptions {
        addresses: AddressPolicy,
        any_port: bool,
        user_info: bool,
        connect_timeout: Duration,
        answer_timeout: Duration,
        stall_window: Duration,
        stall_floor: u64,
        timeout: Duration,
        retries: u32,
        first_pause: Duration,
        longest_pause: Duration,
        max_redirects: usize,
        max_fragment_bytes: u64,
        spool_bytes: u64,
    }
    into {
        spool_folder: PathBuf,
        user_agent: String,
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::default(),
            any_port: false,
            user_info: false,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(30),
            stall_window: Duration::from_secs(30),
            stall_floor: 1 << 10,
            timeout: Duration::from_secs(3600),
            retries: 5,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            max_redirects: 5,
            max_fragment_bytes: 1 << 40,
            spool_bytes: 16 << 30,
            spool_folder: std::env::temp_dir(),
            user_agent: concat!("media-concat/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
