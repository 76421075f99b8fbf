//! The list of fragments, from arguments or from a JSON array.

use std::{
    ffi::{OsStr, OsString},
    io::Read,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use media_concat::{Concat, source::FileSource, time::Time};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{args::List, output::Failure};

/// The longest fragment list that is read: 64 MiB, hundreds of thousands of fragments.
const LARGEST_LIST: u64 = 64 << 20;

/// One element of the array that the artifact service takes too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Element {
    url: Option<String>,
    s3_path: Option<String>,
    path: Option<PathBuf>,
    #[serde(default)]
    start_time: Option<Box<RawValue>>,
}

/// Adds the list's fragments to a join.
pub(super) async fn add(concat: Concat, list: &List) -> Result<Concat, Failure> {
    let fragments = match &list.fragments {
        Some(file) => from_json(file.clone()).await?,
        None => list
            .sources
            .iter()
            .enumerate()
            .map(|(i, one)| from_argument(i, one))
            .collect::<Result<_, _>>()?,
    };
    Ok(fragments.into_iter().fold(concat, |concat, (path, start)| {
        concat.fragment(FileSource::new(path), start)
    }))
}

/// `PATH` or `PATH@START`.
fn from_argument(index: usize, argument: &OsStr) -> Result<(PathBuf, Option<Time>), Failure> {
    let bytes = argument.as_bytes();
    let whole = || PathBuf::from(argument);
    let Some(at) = bytes.iter().rposition(|&byte| byte == b'@') else {
        refuse_remote(index, argument)?;
        return Ok((whole(), None));
    };
    let path = PathBuf::from(OsString::from_vec(bytes[..at].to_vec()));
    refuse_remote(index, path.as_os_str())?;
    let text = String::from_utf8_lossy(&bytes[at + 1..]);
    match text.parse::<Time>() {
        Ok(start) if !path.as_os_str().is_empty() => Ok((path, Some(start))),
        _ if Path::new(argument).exists() => Ok((whole(), None)),
        Ok(_) => Err(Failure::usage(format!(
            "fragment {index}: no path before the start"
        ))),
        Err(error) => Err(Failure::usage(format!(
            "fragment {index} ({}): {error}",
            path.display()
        ))),
    }
}

async fn from_json(file: PathBuf) -> Result<Vec<(PathBuf, Option<Time>)>, Failure> {
    let name = file.display().to_string();
    let read = tokio::task::spawn_blocking(move || read_list(&file)).await;
    let text = match read {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => {
            return Err(Failure::io(format!(
                "the list {name} cannot be read: {error}"
            )));
        }
        Err(_) => return Err(Failure::io(format!("the list {name} cannot be read"))),
    };
    let elements: Vec<Element> = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!(
            "the list {name} is not an array of fragments: {error}"
        ))
    })?;
    elements
        .into_iter()
        .enumerate()
        .map(|(index, element)| element.resolve(index))
        .collect()
}

fn read_list(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(LARGEST_LIST + 1)
            .read_to_string(&mut text)?
    } else {
        std::fs::File::open(file)?
            .take(LARGEST_LIST + 1)
            .read_to_string(&mut text)?
    };
    if read as u64 > LARGEST_LIST {
        return Err(std::io::Error::other("it is larger than 64 MiB"));
    }
    Ok(text)
}

impl Element {
    fn resolve(self, index: usize) -> Result<(PathBuf, Option<Time>), Failure> {
        let given = usize::from(self.url.is_some())
            + usize::from(self.s3_path.is_some())
            + usize::from(self.path.is_some());
        if given != 1 {
            return Err(Failure::usage(format!(
                "fragment {index}: exactly one of path, url and s3Path is wanted, {given} are given"
            )));
        }
        let start = match &self.start_time {
            Some(raw) if raw.get() != "null" => {
                // The decimal text as it was written, so that no float rounds it.
                let text = raw.get().trim_matches('"');
                let start: Time = text.parse().map_err(|error| {
                    Failure::usage(format!("fragment {index}: startTime: {error}"))
                })?;
                Some(start)
            }
            _ => None,
        };
        match (self.path, self.url.or(self.s3_path)) {
            (Some(path), _) => Ok((path, start)),
            (None, Some(remote)) => {
                refuse_remote(index, OsStr::new(&remote))?;
                Ok((PathBuf::from(remote), start))
            }
            (None, None) => Err(Failure::usage(format!("fragment {index}: no source"))),
        }
    }
}

/// This build reads local files: a URL is refused as such, not looked for on disk.
fn refuse_remote(index: usize, source: &OsStr) -> Result<(), Failure> {
    let text = source.to_string_lossy();
    let scheme = text
        .split_once(':')
        .map(|(scheme, _)| scheme)
        .unwrap_or_default();
    let remote =
        text.contains("://") || matches!(scheme, "concat" | "subfile" | "data" | "pipe" | "fd");
    if remote && !Path::new(source).exists() {
        return Err(Failure::refused(format!(
            "fragment {index}: {scheme}: is not supported, a path of a local file was expected"
        )));
    }
    Ok(())
}
