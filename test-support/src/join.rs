//! Joins by the tool the way a user runs it, in a folder of their own.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    desk::listing,
    fixtures::fixture,
    process::{Run, tool},
};

/// A join about to run: `name@start` stands for a fixture, an absolute path for itself.
#[derive(Debug)]
pub struct Join {
    sources: Vec<String>,
    options: Vec<String>,
    name: &'static str,
}

impl Join {
    /// A join of `sources`.
    pub fn of<S: AsRef<str>>(sources: &[S]) -> Self {
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
    pub fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(ToString::to_string));
        self
    }

    /// Gives the output another name than `out.mp4`.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The arguments, with the output at `output`.
    pub fn args(&self, output: &Path) -> Vec<String> {
        let fixed = ["join", "-o", output.to_str().unwrap(), "--json"].map(str::to_owned);
        [&fixed[..], &self.options, &self.sources].concat()
    }

    /// Joins, and asserts that it went well and left nothing but the output.
    #[track_caller]
    pub fn run(&self) -> Joined {
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
    #[track_caller]
    pub fn refused(&self, code: i32) -> Run {
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
pub struct Joined {
    /// The output.
    pub path: PathBuf,
    /// What the tool said of it.
    pub report: Value,
    _dir: TempDir,
}

impl Joined {
    /// A list of the report.
    pub fn list(&self, key: &str) -> &[Value] {
        self.report[key]
            .as_array()
            .unwrap_or_else(|| panic!("no list {key}: {}", self.report))
    }

    /// A time of the report, in seconds: a JSON number or a decimal text.
    pub fn seconds(&self, pointer: &str) -> f64 {
        seconds(self.report.pointer(pointer).unwrap_or(&Value::Null))
    }

    /// How many packets of `kind` the report declares dropped.
    pub fn dropped(&self, kind: &str) -> u64 {
        self.list("fragments")
            .iter()
            .flat_map(|fragment| fragment["drops"].as_array().into_iter().flatten())
            .filter(|drop| drop["kind"] == kind)
            .map(|drop| drop["packets"].as_u64().unwrap())
            .sum()
    }

    /// The sample entry codes of the tracks, in order.
    pub fn entries(&self) -> Vec<&str> {
        self.list("tracks")
            .iter()
            .map(|track| track["entry"].as_str().unwrap())
            .collect()
    }
}

/// A time of a report in seconds.
pub fn seconds(value: &Value) -> f64 {
    let text = value.as_str().and_then(|text| text.parse().ok());
    value
        .as_f64()
        .or(text)
        .unwrap_or_else(|| panic!("no time: {value}"))
}

/// Joins `sources` with the default options.
#[track_caller]
pub fn join<S: AsRef<str>>(sources: &[S]) -> Joined {
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
