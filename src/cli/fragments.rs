//! The list of fragments, from arguments or from a JSON array.

use std::{
    ffi::OsStr,
    io::Read,
    path::{Path, PathBuf},
};

use media_concat::Concat;

use super::{
    args::List,
    list::{self, Named},
    output::Failure,
    remote::{Places, is_url},
};

/// The longest fragment list that is read: 64 MiB, hundreds of thousands of fragments.
const LARGEST_LIST: u64 = 64 << 20;

/// Adds the list's fragments to a join.
pub(super) async fn add(
    concat: Concat,
    list: &List,
    places: &Places<'_>,
) -> Result<Concat, Failure> {
    let is_name = |argument: &OsStr| is_url(argument) || Path::new(argument).exists();
    let fragments = match &list.fragments {
        Some(file) => from_json(file.clone()).await?,
        None => list
            .sources
            .iter()
            .enumerate()
            .map(|(i, one)| list::from_argument(i, one, is_name))
            .collect::<Result<Vec<Named>, _>>()
            .map_err(Failure::usage)?,
    };
    let mut all = fragments.into_iter().enumerate();
    all.try_fold(concat, |concat, (index, (name, start))| {
        Ok(concat.shared_fragment(places.source(index, &name)?, start))
    })
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
    list::from_json(&name, &text).map_err(Failure::usage)
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
