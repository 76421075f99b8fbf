//! Runs the tool and FFmpeg in a folder of their own.

use std::{
    ffi::OsStr,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

const TOOL: &str = env!("CARGO_BIN_EXE_media-concat");

/// A folder that goes away with the test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn run<S: AsRef<OsStr>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = S>,
    ) -> (bool, Vec<u8>, String) {
        let output = Command::new(program)
            .args(args)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), output.stdout, said)
    }

    /// Joins; the words of `args` are separated by spaces.
    pub(crate) fn join(&self, args: &str) {
        let args = std::iter::once("join").chain(args.split(' '));
        let (done, _, said) = self.run(TOOL, args);
        assert!(done, "the tool said: {said}");
    }

    /// Joins, and returns the report.
    pub(crate) fn report(&self, args: &str) -> Value {
        let args = ["join", "--json"].into_iter().chain(args.split(' '));
        let (done, stdout, said) = self.run(TOOL, args);
        assert!(done, "the tool said: {said}");
        serde_json::from_slice(&stdout).unwrap()
    }

    /// The first bytes of a join that is written to a pipe nobody reads to the end.
    pub(crate) fn shell_head(&self, args: &str, bytes: usize) -> Vec<u8> {
        let script = format!("{TOOL} join --format wav -o - {args} | head -c {bytes}");
        let (_, stdout, _) = self.run("bash", ["-c", &script]);
        assert_eq!(stdout.len(), bytes);
        stdout
    }

    /// What the tool says to a join that it refuses.
    pub(crate) fn refused(&self, args: &str) -> String {
        let args = std::iter::once("join").chain(args.split(' '));
        let (done, _, said) = self.run(TOOL, args);
        assert!(!done, "it was joined");
        assert!(!said.contains("panicked"), "{said}");
        said
    }

    /// Joins or refuses, but does not panic.
    pub(crate) fn attempt(&self, args: &str) {
        let args = std::iter::once("join").chain(args.split(' '));
        let (_, _, said) = self.run(TOOL, args);
        assert!(!said.contains("panicked"), "{said}");
    }

    /// Has the reference decoder read a file, to which every warning but one is an error.
    pub(crate) fn strictly_flac(&self, name: &str) {
        let (done, _, said) = self.run("flac", ["-t", "-s", name]);
        let rest = said.replace("WARNING, cannot check MD5 signature since it was unset", "");
        assert!(
            done && !rest.contains("WARNING") && !rest.contains("ERROR"),
            "{said}"
        );
    }

    /// Runs FFmpeg, which must be content; the words of `args` are separated by spaces.
    pub(crate) fn ffmpeg(&self, args: &str) -> Vec<u8> {
        self.ffmpeg_words(args.split(' '))
    }

    /// Runs FFmpeg, which must be content.
    pub(crate) fn ffmpeg_words<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
        let args = ["-v", "error", "-nostdin", "-y", "-bitexact"]
            .into_iter()
            .chain(args);
        let (done, stdout, said) = self.run("ffmpeg", args);
        assert!(done && said.is_empty(), "FFmpeg said: {said}");
        stdout
    }

    /// What ffprobe shows of `entries`, one value a line.
    pub(crate) fn ffprobe(&self, entries: &str, name: &str) -> String {
        let args = ["-v", "error", "-of", "default=nw=1:nk=1", "-show_entries"];
        let (done, stdout, said) = self.run("ffprobe", args.into_iter().chain([entries, name]));
        assert!(done && said.is_empty(), "ffprobe said: {said}");
        String::from_utf8(stdout).unwrap().trim().replace('\n', " ")
    }
}

/// A RIFF chunk, padded.
pub(crate) fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut all = kind.to_vec();
    all.extend((content.len() as u32).to_le_bytes());
    all.extend(content);
    all.resize(all.len() + content.len() % 2, 0);
    all
}

/// A RIFF file of chunks.
pub(crate) fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let content = chunks.concat();
    let mut all = b"RIFF".to_vec();
    all.extend((content.len() as u32 + 4).to_le_bytes());
    all.extend(b"WAVE");
    all.extend(content);
    all
}

/// The content of `fmt ` for integers.
pub(crate) fn fmt(channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let block = channels * bits.div_ceil(8);
    let mut all = Vec::new();
    for field in [1, channels] {
        all.extend(field.to_le_bytes());
    }
    for field in [rate, rate * u32::from(block)] {
        all.extend(field.to_le_bytes());
    }
    for field in [block, bits] {
        all.extend(field.to_le_bytes());
    }
    all
}
