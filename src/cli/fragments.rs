//! The list of fragments, from arguments or from a JSON array.

use std::{
    ffi::{OsStr, OsString},
    io::Read,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use media_concat::{Concat, time::Time};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    args::List,
    output::Failure,
    remote::{Places, is_url},
};

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

/// A fragment's name, and where it starts.
type Named = (OsString, Option<Time>);

/// Adds the list's fragments to a join.
pub(super) async fn add(
    concat: Concat,
    list: &List,
    places: &Places<'_>,
) -> Result<Concat, Failure> {
    let fragments = match &list.fragments {
        Some(file) => from_json(file.clone()).await?,
        None => list
            .sources
            .iter()
            .enumerate()
            .map(|(i, one)| from_argument(i, one))
            .collect::<Result<_, _>>()?,
    };
    let mut all = fragments.into_iter().enumerate();
    all.try_fold(concat, |concat, (index, (name, start))| {
        Ok(concat.shared_fragment(places.source(index, &name)?, start))
    })
}

/// `SOURCE` or `SOURCE@START`.
fn from_argument(index: usize, argument: &OsStr) -> Result<Named, Failure> {
    let bytes = argument.as_bytes();
    let whole = || Ok((argument.to_owned(), None));
    let Some(at) = bytes.iter().rposition(|&byte| byte == b'@') else {
        return whole();
    };
    let name = OsString::from_vec(bytes[..at].to_vec());
    let text = String::from_utf8_lossy(&bytes[at + 1..]);
    match text.parse::<Time>() {
        Ok(start) if !name.is_empty() => Ok((name, Some(start))),
        _ if is_url(argument) || Path::new(argument).exists() => whole(),
        Ok(_) => Err(Failure::usage(format!(
            "fragment {index}: no path before the start"
        ))),
        Err(error) => Err(Failure::usage(format!(
            "fragment {index} ({}): {error}",
            name.to_string_lossy()
        ))),
    }
}

async fn from_json(file: PathBuf) -> Result<Vec<Named>, Failure> {
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
    fn resolve(self, index: usize) -> Result<Named, Failure> {
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
        let remote = |name: Option<String>, schemes: &[&str]| match name {
            Some(name) if !schemes.iter().any(|scheme| name.starts_with(scheme)) => {
                Err(Failure::usage(format!(
                    "fragment {index}: a name that begins with {} was expected",
                    schemes.join(" or ")
                )))
            }
            name => Ok(name.map(OsString::from)),
        };
        let url = remote(self.url, &["http://", "https://"])?;
        let object = remote(self.s3_path, &["s3://"])?;
        let name = self.path.map(PathBuf::into_os_string).or(url).or(object);
        let name = name.unwrap_or_default();
        Ok((name, start))
    }
}
