//! What MKVToolNix makes of Matroska, and says of it.

use std::{ffi::OsStr, path::Path, process::Command};

use serde_json::Value;

use crate::process::Run;

/// Makes a Matroska file with `mkvmerge`.
#[track_caller]
pub fn merge<S: AsRef<OsStr>>(path: &Path, args: impl IntoIterator<Item = S>) {
    let mut command = Command::new("mkvmerge");
    let run = Run::of(command.args(["-q", "-o"]).arg(path).args(args));
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.done(), "{}: {said}", path.display());
}

/// What `mkvmerge -J` sees in a file.
#[track_caller]
pub fn identify(path: &Path) -> Value {
    Run::of(Command::new("mkvmerge").arg("-J").arg(path)).json()
}
