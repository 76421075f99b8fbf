//! Credentials for an object store.

use std::{env, fmt};

use super::StoreError;

/// Keys to a store. `Debug` and errors never show a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Requests are signed with these.
    Keys {
        /// Says who asks.
        access_key_id: String,
        /// Proves it.
        secret_access_key: String,
        /// Goes with keys that were lent for a time.
        session_token: Option<String>,
    },
    /// Requests are not signed: public objects.
    Anonymous,
}

impl Credentials {
    /// Keys that do not expire.
    #[must_use]
    pub fn keys(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self::Keys {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
        }
    }

    /// The keys in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    ///
    /// # Errors
    /// [`StoreError::NoCredentials`] names what is missing.
    pub fn from_env() -> Result<Self, StoreError> {
        Self::from_lookup(&variable)
    }

    pub(super) fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, StoreError> {
        let needed = |variable| lookup(variable).ok_or(StoreError::NoCredentials { variable });
        Ok(Self::Keys {
            access_key_id: needed("AWS_ACCESS_KEY_ID")?,
            secret_access_key: needed("AWS_SECRET_ACCESS_KEY")?,
            session_token: lookup("AWS_SESSION_TOKEN"),
        })
    }
}

/// A variable of the environment; an empty one is as good as none.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys { access_key_id, .. } => f
                .debug_struct("Keys")
                .field("access_key_id", access_key_id)
                .finish_non_exhaustive(),
            Self::Anonymous => f.write_str("Anonymous"),
        }
    }
}
