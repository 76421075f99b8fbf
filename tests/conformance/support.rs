//! Runs the tool the way a user does, in a folder of its own.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The tool under test.
pub(crate) const TOOL: &str = env!("CARGO_BIN_EXE_media-concat");

/// A generated fixture by its file name.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/generated")
        .join(name);
    assert!(
        path.is_file(),
        "{} is missing: run `make fixtures`",
        path.display()
    );
    path
}

/// What a run of the tool left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "no JSON: {error}\n{}\n{}",
                String::from_utf8_lossy(&self.stdout),
                self.stderr
            )
        })
    }

    /// Asserts the exit code, showing what the tool said.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code; the tool said: {}", self.stderr);
        self
    }

    /// Asserts that the error text contains each of `words`.
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{word:?} is not in: {}",
                self.stderr
            );
        }
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs the tool with `args`.
pub(crate) fn tool<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    Command::new(TOOL)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
        .into()
}

/// Runs a shell script with `args` as `$1`…; the tool is `$0`.
pub(crate) fn shell<S: AsRef<OsStr>>(script: &str, args: impl IntoIterator<Item = S>) -> Run {
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg(script)
        .arg(TOOL)
        .args(args)
        .stdin(Stdio::null());
    command.output().unwrap().into()
}

/// A join about to run: `name@start` stands for a fixture, an absolute path for itself.
#[derive(Debug)]
pub(crate) struct Join {
    sources: Vec<String>,
    options: Vec<String>,
    name: &'static str,
}

impl Join {
    pub(crate) fn of<S: AsRef<str>>(sources: &[S]) -> Self {
        let sources = sources
            .iter()
            .map(|source| located(source.as_ref()))
            .collect();
        Self {
            sources,
            options: Vec::new(),
            name: "out.mp4",
        }
    }

    /// Adds command-line options.
    pub(crate) fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(ToString::to_string));
        self
    }

    /// Gives the output another name than `out.mp4`.
    pub(crate) fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The arguments, with the output at `output`.
    pub(crate) fn args(&self, output: &Path) -> Vec<String> {
        let fixed = ["join", "-o", output.to_str().unwrap(), "--json"].map(str::to_owned);
        [&fixed[..], &self.options, &self.sources].concat()
    }

    /// Joins, and asserts that it went well and left nothing but the output.
    pub(crate) fn run(&self) -> Joined {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(self.name);
        let run = tool(self.args(&path)).expect(0);
        assert_eq!(
            listing(dir.path()),
            [self.name],
            "something else was left behind"
        );
        let report = run.json();
        assert_eq!(
            report["size"].as_u64(),
            Some(path.metadata().unwrap().len()),
            "reported size: {report}"
        );
        Joined {
            path,
            report,
            _dir: dir,
        }
    }

    /// Joins, and asserts that it was refused with `code`, before any output existed.
    pub(crate) fn refused(&self, code: i32) -> Run {
        let dir = tempfile::tempdir().unwrap();
        let run = tool(self.args(&dir.path().join(self.name))).expect(code);
        assert!(
            listing(dir.path()).is_empty(),
            "left behind: {:?}",
            listing(dir.path())
        );
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        run
    }
}

/// A finished join; its folder goes with it.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) path: PathBuf,
    pub(crate) report: Value,
    _dir: TempDir,
}

impl Joined {
    /// A list of the report.
    pub(crate) fn list(&self, key: &str) -> &[Value] {
        self.report[key]
            .as_array()
            .unwrap_or_else(|| panic!("no list {key}: {}", self.report))
    }

    /// A time of the report, in seconds: a JSON number or a decimal text.
    pub(crate) fn seconds(&self, pointer: &str) -> f64 {
        seconds(self.report.pointer(pointer).unwrap_or(&Value::Null))
    }

    /// How many packets of `kind` the report declares dropped.
    pub(crate) fn dropped(&self, kind: &str) -> u64 {
        self.list("fragments")
            .iter()
            .flat_map(|fragment| fragment["drops"].as_array().into_iter().flatten())
            .filter(|drop| drop["kind"] == kind)
            .map(|drop| drop["packets"].as_u64().unwrap())
            .sum()
    }

    /// The sample entry codes of the tracks, in order.
    pub(crate) fn entries(&self) -> Vec<&str> {
        self.list("tracks")
            .iter()
            .map(|track| track["entry"].as_str().unwrap())
            .collect()
    }
}

/// A time of a report in seconds.
pub(crate) fn seconds(value: &Value) -> f64 {
    let text = value.as_str().and_then(|text| text.parse().ok());
    value
        .as_f64()
        .or(text)
        .unwrap_or_else(|| panic!("no time: {value}"))
}

/// Joins `sources` with the default options.
pub(crate) fn join<S: AsRef<str>>(sources: &[S]) -> Joined {
    Join::of(sources).run()
}

/// `source` with the fixture's path before its start; absolute paths stay.
fn located(source: &str) -> String {
    let (name, start) = source.rsplit_once('@').unwrap_or((source, ""));
    let at = if start.is_empty() { "" } else { "@" };
    let path = if name.starts_with('/') {
        name.into()
    } else {
        fixture(name)
    };
    format!("{}{at}{start}", path.display())
}

/// The names in a folder, sorted.
pub(crate) fn listing(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Asserts `|found - expected| <= tolerance`.
#[track_caller]
pub(crate) fn assert_near(found: f64, expected: f64, tolerance: f64, what: impl Debug) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{what:?}: {found} is not within {tolerance} of {expected}"
    );
}

/// Runs FFmpeg with `args` and returns its standard output; its complaints fail the test.
pub(crate) fn ffmpeg<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Vec<u8> {
    let (output, complaints) = ffmpeg_complaining(args);
    assert!(complaints.is_empty(), "ffmpeg: {complaints}");
    output
}

/// Runs FFmpeg with `args` and returns its standard output and what it complained about.
pub(crate) fn ffmpeg_complaining<S: AsRef<OsStr>>(
    args: impl IntoIterator<Item = S>,
) -> (Vec<u8>, String) {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-v", "error", "-nostdin", "-y"])
        .args(args)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "ffmpeg failed: {complaints}");
    (output.stdout, complaints)
}

/// Makes a clip in `dir` from FFmpeg arguments given as one line of words.
pub(crate) fn clip(dir: &Path, name: &str, words: &str) -> PathBuf {
    let path = dir.join(name);
    let args = words.split_whitespace().map(OsStr::new);
    ffmpeg(
        args.chain(["-threads", "1"].map(OsStr::new))
            .chain([path.as_os_str()]),
    );
    path
}

/// `FFmpeg -f concat -c copy` over `sources`: what most people use, and what often goes wrong.
pub(crate) fn ffmpeg_concat(dir: &Path, sources: &[PathBuf]) -> PathBuf {
    let list = dir.join("list.txt");
    let lines: String = sources
        .iter()
        .map(|source| format!("file '{}'\n", source.display()))
        .collect();
    std::fs::write(&list, lines).unwrap();
    let out = dir.join("concat.mp4");
    let words = ["-f", "concat", "-safe", "0", "-i"].map(OsStr::new);
    let tail = [
        list.as_os_str(),
        "-c".as_ref(),
        "copy".as_ref(),
        out.as_os_str(),
    ];
    ffmpeg_complaining(words.into_iter().chain(tail));
    out
}
