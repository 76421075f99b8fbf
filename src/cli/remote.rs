//! Sources and targets by what they are called: paths, URLs, objects.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use media_concat::{
    Overwrite,
    object::{ObjectStore, ObjectUrl, StoreOptions},
    sink::ObjectTarget,
    source::{AddressPolicy, FileSource, Http, HttpOptions, SharedSource},
};

use super::output::Failure;

/// How URLs and object stores are reached.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Remote {
    /// The object store of s3:// URLs, as http://HOST[:PORT] or https://…; else AWS_ENDPOINT_URL,
    /// else AWS. Its keys are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The object store's region; else AWS_REGION, else us-east-1.
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Connect to addresses of this network although they are not public, such as 127.0.0.0/8; may
    /// be repeated.
    #[arg(long, value_name = "CIDR")]
    allow_address: Vec<String>,
    /// Refuse fragments larger than this.
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_fragment_size: Option<u64>,
    /// Give up a read of a remote fragment that has waited this long in all.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
}

/// Makes sources; what they share is made when the first one needs it.
pub(super) struct Places<'a> {
    options: &'a Remote,
    http: OnceLock<Http>,
    store: OnceLock<ObjectStore>,
}

impl<'a> Places<'a> {
    pub(super) fn new(options: &'a Remote) -> Self {
        Self {
            options,
            http: OnceLock::new(),
            store: OnceLock::new(),
        }
    }

    /// The fragment that is called `name`.
    pub(super) fn source(&self, index: usize, name: &OsStr) -> Result<SharedSource, Failure> {
        let refused = |error: &dyn std::error::Error| {
            let name = without_secrets(&name.to_string_lossy());
            Failure::refused(format!("fragment {index} ({name}): {error}"))
        };
        let text = name.to_str().unwrap_or_default();
        match scheme(name) {
            Some("http" | "https") => {
                let source = self.http()?.source(text);
                Ok(Arc::new(source.map_err(|error| refused(&error))?))
            }
            Some("s3") => {
                let url: ObjectUrl = text.parse().map_err(|error| refused(&error))?;
                Ok(Arc::new(self.store()?.source(url)))
            }
            Some(other) => Err(Failure::refused(format!(
                "fragment {index}: {other}: is not supported, a path, an http(s):// or an s3:// URL \
                 was expected"
            ))),
            None => Ok(Arc::new(FileSource::new(PathBuf::from(name)))),
        }
    }

    /// The object that `output` is, if it is one.
    pub(super) fn target(
        &self,
        output: &Path,
        overwrite: Overwrite,
    ) -> Result<Option<(ObjectTarget, SharedSource)>, Failure> {
        match scheme(output.as_os_str()) {
            Some("s3") => {
                let url = output.to_str().unwrap_or_default().parse::<ObjectUrl>();
                let url = url.map_err(|error| Failure::usage(format!("--output: {error}")))?;
                let store = self.store()?;
                let written = Arc::new(store.source(url.clone()));
                let target = ObjectTarget::new(store.clone(), url, overwrite);
                Ok(Some((target, written)))
            }
            Some(other) => Err(Failure::usage(format!(
                "--output: {other}: cannot be written to, a path or an s3:// URL was expected"
            ))),
            None => Ok(None),
        }
    }

    fn addresses(&self) -> Result<AddressPolicy, Failure> {
        let all = self.options.allow_address.iter();
        all.map(String::as_str)
            .try_fold(AddressPolicy::default(), AddressPolicy::allow)
            .map_err(|error| Failure::usage(format!("--allow-address: {error}")))
    }

    fn http(&self) -> Result<&Http, Failure> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let mut options = HttpOptions::new().addresses(self.addresses()?);
        options.timeout = self.options.timeout.unwrap_or(options.timeout);
        let largest = self.options.max_fragment_size;
        options.max_fragment_bytes = largest.unwrap_or(options.max_fragment_bytes);
        let http = Http::new(options).map_err(|error| Failure::io(error.to_string()))?;
        Ok(self.http.get_or_init(|| http))
    }

    fn store(&self) -> Result<&ObjectStore, Failure> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let wrong = |error: &dyn std::error::Error| {
            Failure::usage(format!("the object store cannot be used: {error}"))
        };
        let mut options = StoreOptions::from_env().map_err(|error| wrong(&error))?;
        options.addresses = self.addresses()?;
        if let Some(endpoint) = &self.options.endpoint {
            options.endpoint = Some(endpoint.clone());
        }
        if let Some(region) = &self.options.region {
            options.region.clone_from(region);
        }
        let timeout = self.options.timeout.unwrap_or(options.idle_timeout);
        options.idle_timeout = options.idle_timeout.min(timeout);
        let store = ObjectStore::new(options).map_err(|error| wrong(&error))?;
        Ok(self.store.get_or_init(|| store))
    }
}

/// What comes before `://`, or a word that some tools take for a protocol, unless that is a file.
fn scheme(name: &OsStr) -> Option<&str> {
    let (scheme, rest) = name.to_str()?.split_once(':')?;
    let known = ["http", "https", "s3"];
    if rest.starts_with("//") {
        let same = known
            .iter()
            .find(|known| scheme.eq_ignore_ascii_case(known));
        return match same {
            Some(known) => Some(known),
            None if Path::new(name).exists() => None,
            None => Some(scheme),
        };
    }
    let pretends = matches!(scheme, "concat" | "subfile" | "data" | "pipe" | "fd");
    (pretends && !Path::new(name).exists()).then_some(scheme)
}

/// Whether a source is a URL, in which an `@` need not be followed by a start.
pub(super) fn is_url(name: &OsStr) -> bool {
    matches!(scheme(name), Some("http" | "https" | "s3"))
}

/// A URL without its user, password and query.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| format!("{text} is not a time above 0"))
}
