//! A folder for one test.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    ffmpeg,
    process::{Run, tool_path},
};

/// A folder that goes away with its test.
#[derive(Debug)]
pub struct Desk(TempDir);

impl Default for Desk {
    fn default() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
}

impl Desk {
    /// An empty folder.
    pub fn new() -> Self {
        Self::default()
    }

    /// The path of a file in it, which may not be there yet.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file of parts, and returns its path.
    pub fn write(&self, name: &str, parts: &[&[u8]]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, parts.concat()).unwrap();
        path
    }

    /// The bytes of a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Makes a file with FFmpeg, and returns its path.
    #[track_caller]
    pub fn make(&self, name: &str, args: &[&str]) -> PathBuf {
        let path = self.path(name);
        ffmpeg::make(&path, args);
        path
    }

    /// Runs a program in the folder.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = S>,
    ) -> Run {
        let mut command = Command::new(program);
        Run::of(command.args(args).current_dir(self.0.path()))
    }

    /// Runs the tool in the folder.
    pub fn tool<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        self.run(tool_path(), args)
    }
}

/// The names in a folder, sorted.
pub fn listing(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
