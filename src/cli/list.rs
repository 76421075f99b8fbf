//! Fragments as they are written down: `SOURCE@START`, or an element of a JSON array. Pure: no file is
//! looked for, and a fuzz target takes this file as it is.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

use media_concat::time::Time;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A fragment's name, and where it starts.
pub(crate) type Named = (OsString, Option<Time>);

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

/// `SOURCE` or `SOURCE@START`; `is_name` tells whether all of it, with its `@`, is the name of something.
pub(crate) fn from_argument(
    index: usize,
    argument: &OsStr,
    is_name: impl FnOnce(&OsStr) -> bool,
) -> Result<Named, String> {
    let bytes = argument.as_bytes();
    let whole = || Ok((argument.to_owned(), None));
    let Some(at) = bytes.iter().rposition(|&byte| byte == b'@') else {
        return whole();
    };
    let name = OsString::from_vec(bytes[..at].to_vec());
    let text = String::from_utf8_lossy(&bytes[at + 1..]);
    match text.parse::<Time>() {
        Ok(start) if !name.is_empty() => Ok((name, Some(start))),
        _ if is_name(argument) => whole(),
        Ok(_) => Err(format!("fragment {index}: no path before the start")),
        Err(error) => Err(format!(
            "fragment {index} ({}): {error}",
            name.to_string_lossy()
        )),
    }
}

/// The fragments of the list that is called `list`.
pub(crate) fn from_json(list: &str, text: &str) -> Result<Vec<Named>, String> {
    let elements: Vec<Element> = serde_json::from_str(text)
        .map_err(|error| format!("the list {list} is not an array of fragments: {error}"))?;
    let elements = elements.into_iter().enumerate();
    elements
        .map(|(index, element)| element.resolve(index))
        .collect()
}

impl Element {
    fn resolve(self, index: usize) -> Result<Named, String> {
        let given = usize::from(self.url.is_some())
            + usize::from(self.s3_path.is_some())
            + usize::from(self.path.is_some());
        if given != 1 {
            return Err(format!(
                "fragment {index}: exactly one of path, url and s3Path is wanted, {given} are given"
            ));
        }
        let start = match &self.start_time {
            Some(raw) if raw.get() != "null" => {
                // The decimal text as it was written, so that no float rounds it.
                let text = raw.get().trim_matches('"');
                let start: Time = text
                    .parse()
                    .map_err(|error| format!("fragment {index}: startTime: {error}"))?;
                Some(start)
            }
            _ => None,
        };
        let remote = |name: Option<String>, schemes: &[&str]| match name {
            Some(name) if !schemes.iter().any(|scheme| name.starts_with(scheme)) => Err(format!(
                "fragment {index}: a name that begins with {} was expected",
                schemes.join(" or ")
            )),
            name => Ok(name.map(OsString::from)),
        };
        let url = remote(self.url, &["http://", "https://"])?;
        let object = remote(self.s3_path, &["s3://"])?;
        let name = self.path.map(PathBuf::into_os_string).or(url).or(object);
        let name = name.unwrap_or_default();
        Ok((name, start))
    }
}
