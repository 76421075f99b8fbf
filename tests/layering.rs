//! The house rules that no compiler holds: which stage may name what, where `unsafe` may stand, and
//! how long a file may grow.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Files longer than this are split.
const LONGEST_FILE: usize = 450;

/// The stages that are functions of values, by module.
const PURE: [&str; 9] = [
    "time",
    "media",
    "compat",
    "elementary",
    "plan",
    "timeline",
    "isobmff",
    "transport",
    "layout",
];

/// The module that only describes what was written.
const REPORT: &str = "report";

/// What a pure stage does not name: the outside world, its clock, and the libraries that reach it.
const OUTSIDE: [&str; 11] = [
    "crate::av",
    "ffmpeg_next",
    "ffmpeg_sys_next",
    "rustix",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time",
    "tokio",
];

/// Converting from the type that callers hold is not asking the clock.
const EXCEPTION: (&str, &str) = ("src/time/exact.rs", "std::time::Duration");

#[test]
fn pure_stages_do_not_name_the_outside_world() {
    let mut looked_at = 0;
    let mut found = Vec::new();
    for (path, code) in sources() {
        if !is_pure(&path) {
            continue;
        }
        looked_at += 1;
        let mut code = without_tests(&code).to_owned();
        if path == Path::new(EXCEPTION.0) {
            code = code.replace(EXCEPTION.1, "");
        }
        let names = names(&code);
        found.extend(
            OUTSIDE
                .iter()
                .filter(|outside| names.iter().any(|name| name == *outside))
                .map(|outside| format!("{} names {outside}", path.display())),
        );
    }
    assert!(looked_at > 5, "the pure stages were not found");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn unsafe_and_libav_live_in_av() {
    let found: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| !path.starts_with("src/av") && path != Path::new("src/av.rs"))
        .flat_map(|(path, code)| {
            names(&code)
                .into_iter()
                .filter(|name| ["unsafe", "ffmpeg_next", "ffmpeg_sys_next"].contains(&&**name))
                .map(move |name| format!("{} names {name}", path.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn files_stay_short() {
    let found: Vec<_> = sources()
        .into_iter()
        .map(|(path, code)| (code.lines().count(), path))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .collect();
    assert!(
        found.is_empty(),
        "longer than {LONGEST_FILE} lines: {found:#?}"
    );
}

/// The reader below sees code where there is code, and nothing in comments, strings and lifetimes.
#[test]
fn names_are_read_as_the_compiler_reads_them() {
    let code = blanked(
        r##"use std::{fmt, fs::File, sync::{Arc, atomic}}; // std::net
        /* std::env /* nested */ std::env */ let a = "unsafe \" tokio"; let b = r#"a" tokio"#;
        let c = '"'; fn d<'tokio>(_: &'tokio str) {} let e = '\''; crate::{av::X, plan};"##,
    );
    let names = names(&code);
    for present in [
        "std::fmt",
        "std::fs",
        "std::sync",
        "crate::av",
        "crate::plan",
    ] {
        assert!(
            names.iter().any(|name| name == present),
            "{present} in {names:?}"
        );
    }
    for absent in [
        "std::net",
        "std::env",
        "std::File",
        "std::atomic",
        "unsafe",
        "tokio",
    ] {
        assert!(
            names.iter().all(|name| name != absent),
            "{absent} in {names:?}"
        );
    }
}

/// Every Rust file of ours, relative to the repository, with comments and strings blanked.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [
        "src",
        "tests",
        "benches",
        "examples",
        "artifact-service",
        "fuzz",
    ] {
        walk(&root.join(folder), &mut files);
    }
    assert!(files.len() > 10, "the sources were not found");
    files
        .into_iter()
        .map(|path| {
            let code = blanked(&fs::read_to_string(&path).expect("a source file is readable"));
            (
                path.strip_prefix(root)
                    .expect("walked from the root")
                    .to_owned(),
                code,
            )
        })
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.expect("a folder of ours is readable").path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Whether the file belongs to a pure stage; a stage's tests may use what they like.
fn is_pure(path: &Path) -> bool {
    let mut parts = path.iter().filter_map(|part| part.to_str());
    parts.next() == Some("src")
        && parts.next().is_some_and(|stage| {
            let stage = stage.trim_end_matches(".rs");
            stage == REPORT || PURE.contains(&stage)
        })
        && path
            .iter()
            .all(|part| part != "tests" && part != "tests.rs")
}

/// The part of a file before its tests.
fn without_tests(code: &str) -> &str {
    code.split("#[cfg(test)]").next().unwrap_or(code)
}

/// Every word of the code, and for `std` and `crate` the path with its next word, also inside `{}`.
fn names(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        names.push((*token).to_owned());
        if !["std", "core", "crate"].contains(token) || tokens.get(at + 1) != Some(&"::") {
            continue;
        }
        let root = if *token == "core" { "std" } else { token };
        let rest = tokens.get(at + 2..).unwrap_or_default();
        names.extend(
            first_words(rest)
                .into_iter()
                .map(|word| format!("{root}::{word}")),
        );
    }
    names
}

/// What follows `root::`: one word, or the first word of each item of a group.
fn first_words<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    if rest.first() != Some(&"{") {
        return rest.first().copied().into_iter().collect();
    }
    let mut words = Vec::new();
    let mut depth = 0;
    let mut starts_item = false;
    for &token in rest {
        match token {
            "{" => depth += 1,
            "}" => depth -= 1,
            word if starts_item => words.push(word),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        starts_item = depth == 1 && (token == "," || token == "{");
    }
    words
}

/// Words, `::`, and every other character on its own.
fn tokens(code: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// The code with comments, strings, characters and lifetimes replaced by blanks, line by line.
fn blanked(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let skipped = opaque(rest, out.chars().last());
        if skipped == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (hidden, after) = rest.split_at(skipped);
            out.extend(hidden.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    out
}

/// How many bytes at the start of `rest` are not code.
fn opaque(rest: &str, before: Option<char>) -> usize {
    let end_of = |end: Option<usize>| end.unwrap_or(rest.len());
    let inside_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return end_of(rest.find('\n'));
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if let Some(raw) = rest
        .strip_prefix('r')
        .filter(|_| !inside_word || before == Some('b'))
    {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = 1 + hashes + 1;
            return end_of(rest[open..].find(&close).map(|at| open + at + close.len()));
        }
    }
    if let Some(after) = rest.strip_prefix('\'') {
        let mut characters = after.char_indices();
        return match (characters.next(), characters.next()) {
            (Some((_, '\\')), _) | (_, Some((_, '\''))) => quoted(rest, '\''),
            _ => {
                1 + after
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(after.len())
            }
        };
    }
    0
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a literal that opens and closes with `quote`.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    rest.len()
}
