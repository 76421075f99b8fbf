//! Failures for people and programs, and their exit codes.

use std::{error::Error as _, io::Write};

use media_concat::Error;
use serde_json::{Value, json};

/// Why the command did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The library's error, boxed: failures are rare, and every result would be as large.
    Join(Box<Error>),
    /// The command line's own.
    Own {
        exit: u8,
        kind: &'static str,
        message: String,
    },
    /// Fragments that `check` found not to fit; its report is printed already.
    Unfit,
}

impl Failure {
    pub(super) fn usage(message: String) -> Self {
        Self::Own {
            exit: 2,
            kind: "usage",
            message,
        }
    }

    pub(super) fn io(message: String) -> Self {
        Self::Own {
            exit: 1,
            kind: "io",
            message,
        }
    }

    pub(super) fn refused(message: String) -> Self {
        Self::Own {
            exit: 4,
            kind: "refused",
            message,
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Own { exit, .. } => *exit,
            Self::Unfit => 3,
            Self::Join(error) if error.is_cancelled() => super::INTERRUPTED,
            Self::Join(error) if error.is_incompatible() => 3,
            Self::Join(error) if error.is_media() => 4,
            Self::Join(error) if error.is_policy() => 5,
            Self::Join(error) if error.is_usage() => 2,
            Self::Join(_) => 1,
        }
    }

    pub(super) fn report(&self, as_json: bool) {
        let lines = self.lines();
        if as_json && !matches!(self, Self::Unfit) {
            let error = json!({
                "kind": self.kind(),
                "message": lines.join("; "),
                "details": lines,
                "mismatches": self.mismatches(),
            });
            print_json(&json!({ "error": error }));
        }
        for line in lines {
            complain(&line);
        }
    }

    fn kind(&self) -> &'static str {
        match (self, self.exit_code()) {
            (Self::Own { kind, .. }, _) => kind,
            (_, 2) => "usage",
            (_, 3) => "incompatible",
            (_, 4) => "media",
            (_, 5) => "policy",
            (_, super::INTERRUPTED) => "interrupted",
            _ => "io",
        }
    }

    fn mismatches(&self) -> Value {
        match self {
            Self::Join(error) => match &**error {
                Error::Incompatible { mismatches } => json!(mismatches),
                _ => json!([]),
            },
            _ => json!([]),
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Own { message, .. } => vec![message.clone()],
            Self::Unfit => Vec::new(),
            Self::Join(error) => match &**error {
                Error::Incompatible { mismatches } => {
                    mismatches.iter().map(ToString::to_string).collect()
                }
                Error::Seams(refused) => refused.iter().map(ToString::to_string).collect(),
                Error::Decoded(all) => all.iter().map(ToString::to_string).collect(),
                Error::Fragments(all) => all.iter().map(chain).collect(),
                error => vec![chain(error)],
            },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Join(Box::new(error))
    }
}

/// An error and its causes in one line.
fn chain(error: &Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

/// A line on standard error; a closed one is nobody's loss.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "media-concat: {line}");
}

/// A line on standard output; a reader that has gone is no failure of ours.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A value as JSON on standard output, written as it is made.
pub(super) fn print_json(value: &impl serde::Serialize) {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let _ = serde_json::to_writer_pretty(&mut out, value);
    let _ = writeln!(out);
}
