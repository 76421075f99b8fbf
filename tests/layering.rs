//! The house rules that no compiler holds: which stage may name which, what is pure, and where `unsafe` may stand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What each module names of the others. A module names only such as stand before it: nothing points back up. `formats` is two:
/// what reads, and what writes and knows of plans.
const ARROWS: [(&str, &[&str]); 28] = [
    ("setters", &[]),
    ("time", &[]),
    ("progress", &[]),
    ("checksum", &[]),
    ("layout", &[]),
    ("warning", &[]),
    ("media", &["time"]),
    ("codecs", &["media"]),
    ("source", &["checksum", "setters"]),
    ("timeline", &["media", "time"]),
    ("av", &["codecs", "media", "time"]),
    (
        "options",
        &["checksum", "media", "setters", "time", "timeline"],
    ),
    ("placement", &["options", "time"]),
    (
        "formats",
        &["av", "codecs", "media", "source", "time", "warning"],
    ),
    (
        "sink",
        &[
            "av", "checksum", "layout", "options", "progress", "setters", "source", "time",
        ],
    ),
    (
        "error",
        &[
            "av",
            "formats",
            "media",
            "placement",
            "sink",
            "source",
            "time",
        ],
    ),
    (
        "ingest",
        &[
            "av", "codecs", "error", "formats", "media", "options", "source", "time", "timeline",
            "warning",
        ],
    ),
    (
        "probe",
        &[
            "av", "codecs", "error", "formats", "ingest", "media", "options", "source", "time",
            "timeline", "warning",
        ],
    ),
    (
        "compat",
        &[
            "codecs", "error", "formats", "media", "options", "probe", "time", "warning",
        ],
    ),
    (
        "plan",
        &[
            "codecs",
            "compat",
            "error",
            "formats",
            "media",
            "options",
            "placement",
            "probe",
            "time",
            "timeline",
            "warning",
        ],
    ),
    (
        "packets",
        &[
            "codecs", "error", "formats", "layout", "media", "plan", "probe", "source", "time",
            "timeline", "warning",
        ],
    ),
    (
        "carry",
        &[
            "compat", "error", "formats", "media", "packets", "plan", "probe", "warning",
        ],
    ),
    (
        "assemble",
        &[
            "error", "formats", "layout", "media", "plan", "probe", "time", "timeline",
        ],
    ),
    (
        "formats that write",
        &[
            "av", "carry", "codecs", "error", "formats", "layout", "media", "packets", "plan",
            "probe", "sink", "source", "time", "timeline",
        ],
    ),
    (
        "verify",
        &[
            "av",
            "error",
            "media",
            "options",
            "placement",
            "plan",
            "probe",
            "sink",
            "source",
            "time",
            "timeline",
            "warning",
        ],
    ),
    (
        "report",
        &[
            "checksum",
            "compat",
            "layout",
            "media",
            "placement",
            "plan",
            "probe",
            "sink",
            "time",
            "verify",
            "warning",
        ],
    ),
    (
        "concat",
        &[
            "assemble",
            "av",
            "carry",
            "codecs",
            "compat",
            "error",
            "formats",
            "layout",
            "media",
            "options",
            "packets",
            "plan",
            "probe",
            "progress",
            "report",
            "sink",
            "source",
            "time",
            "timeline",
            "verify",
            "warning",
            "formats that write",
        ],
    ),
    ("serve", &["concat", "layout", "options", "sink", "source"]),
];

/// Names at the root of the crate that are those of a module.
const AT_THE_ROOT: [(&str, &str); 12] = [
    ("AvError", "av"),
    ("CancellationToken", "sink"),
    ("Error", "error"),
    ("MediaError", "error"),
    ("Mismatch", "error"),
    ("Options", "options"),
    ("Overwrite", "sink"),
    ("Planned", "concat"),
    ("Report", "report"),
    ("Rule", "error"),
    ("SeamDifference", "error"),
    ("object", "source"),
];

/// Modules that are pure as a whole, whatever their files are headed.
const PURE: [&str; 8] = [
    "time", "media", "codecs", "compat", "carry", "plan", "timeline", "layout",
];

/// The module that only describes what was written.
const REPORT: &str = "report";

/// What a pure module does not name: the outside world, its clock, and the libraries that reach it.
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

/// Converting from the types that callers and headers hold is not asking the clock.
const EXCEPTIONS: [(&str, &str); 2] = [
    ("src/time/exact.rs", "std::time::Duration"),
    (
        "src/serve/condition.rs",
        "std::time::{SystemTime, UNIX_EPOCH}",
    ),
];

#[test]
fn arrows_run_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let mut before = BTreeSet::new();
    for (module, named) in ARROWS {
        let back: Vec<_> = named
            .iter()
            .filter(|name| !before.contains(*name))
            .collect();
        assert!(back.is_empty(), "{module} points back up to {back:?}");
        assert!(before.insert(module), "{module} stands twice");
    }
    let mut found: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for (path, code) in sources() {
        let Some(module) = module_of(&path) else {
            continue;
        };
        let all = found.entry(module.clone()).or_default();
        for name in paths(without_tests(&code))
            .iter()
            .filter_map(|path| named_module(path))
        {
            if name != module {
                all.entry(name).or_insert_with(|| path.clone());
            }
        }
    }
    assert!(found.len() > 20, "the modules were not found");
    let mut wrong = Vec::new();
    for (module, named) in &found {
        let Some(allowed) = allowed.get(module.as_str()) else {
            wrong.push(format!("{module} is not in the table"));
            continue;
        };
        for (name, path) in named {
            if !allowed.contains(&name.as_str()) {
                wrong.push(format!("{module} names {name}: {}", path.display()));
            }
        }
        for name in allowed.iter().filter(|name| !named.contains_key(**name)) {
            wrong.push(format!("{module} does not name {name} any more"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Paths are read through groups, and what is left of them is a module.
#[test]
fn paths_are_read_through_groups() {
    let code = "use crate::{a::{B, c::d}, formats::{muxed::X, ogg}}; fn f(_: crate::time::Time) {}";
    let all: Vec<_> = paths(code).iter().map(|path| path.join("::")).collect();
    assert_eq!(
        all,
        [
            "a::B",
            "a::c::d",
            "formats::muxed::X",
            "formats::ogg",
            "time::Time"
        ]
    );
    let module =
        |path: &str| named_module(&path.split("::").map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(
        module("formats::muxed::X").as_deref(),
        Some("formats that write")
    );
    assert_eq!(module("formats::ogg").as_deref(), Some("formats"));
    assert_eq!(module("Error").as_deref(), Some("error"));
    let file = |path: &str| module_of(Path::new(path));
    assert_eq!(
        file("src/formats/wav/write.rs").as_deref(),
        Some("formats that write")
    );
    assert_eq!(
        file("src/formats/isobmff/write/mod.rs").as_deref(),
        Some("formats")
    );
    assert_eq!(file("src/plan/tests.rs"), None);
    assert_eq!(file("src/plan.rs").as_deref(), Some("plan"));
}

#[test]
fn what_is_pure_does_not_name_the_outside_world() {
    let mut looked_at = 0;
    let mut found = Vec::new();
    for (path, code) in sources() {
        if !is_pure(&path) {
            continue;
        }
        looked_at += 1;
        let mut code = without_tests(&code).to_owned();
        for (file, name) in EXCEPTIONS {
            if path == Path::new(file) {
                code = code.replace(name, "");
            }
        }
        let names = names(&code);
        found.extend(
            OUTSIDE
                .iter()
                .filter(|outside| names.iter().any(|name| name == *outside))
                .map(|outside| format!("{} names {outside}", path.display())),
        );
    }
    assert!(looked_at > 40, "the pure modules were not found");
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

/// Whether a file is one of the library that is not a test's, a fuzz target's or the tool's.
fn is_of_the_library(path: &Path) -> bool {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let others = [
        "tests",
        "tests.rs",
        "fuzzing",
        "fuzzing.rs",
        "cli",
        "lib.rs",
        "main.rs",
    ];
    parts.first() == Some(&"src") && !parts.iter().any(|part| others.contains(part))
}

/// Whether the file is headed "Pure", or its module is pure as a whole.
fn is_pure(path: &Path) -> bool {
    if !is_of_the_library(path) {
        return false;
    }
    let module = path.iter().nth(1).and_then(|part| part.to_str());
    let module = module.unwrap_or_default().trim_end_matches(".rs");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = fs::read_to_string(root.join(path)).expect("a source file is readable");
    let headed = code
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .any(|line| line.contains("Pure."));
    headed || module == REPORT || PURE.contains(&module)
}

/// The module of the table that a file is of.
fn module_of(path: &Path) -> Option<String> {
    if !is_of_the_library(path) {
        return None;
    }
    let parts = path.iter().skip(1).filter_map(|part| part.to_str());
    let parts: Vec<String> = parts
        .map(|part| part.trim_end_matches(".rs").to_owned())
        .collect();
    Some(module_at(&parts))
}

/// The module of the table that a path in the code leads to.
fn named_module(path: &[String]) -> Option<String> {
    let first = path.first()?;
    let at_the_root = AT_THE_ROOT.iter().find(|(name, _)| name == first);
    if let Some((_, module)) = at_the_root {
        return Some((*module).to_owned());
    }
    let known = ARROWS.iter().any(|(module, _)| module == first);
    known.then(|| module_at(path))
}

fn module_at(parts: &[String]) -> String {
    let part = |at: usize| parts.get(at).map_or("", String::as_str);
    let writes = ["write", "body", "reservoir", "headed"];
    let is_writer = part(1) == "muxed" || (part(1) != "isobmff" && writes.contains(&part(2)));
    match (part(0), is_writer) {
        ("formats", true) => "formats that write".to_owned(),
        (module, _) => module.to_owned(),
    }
}

/// What follows `crate::`, whole, through groups.
fn paths(code: &str) -> Vec<Vec<String>> {
    let tokens = tokens(code);
    let mut all = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if *token == "crate" && tokens.get(at + 1) == Some(&"::") {
            tree(&tokens, at + 2, &mut Vec::new(), &mut all);
        }
    }
    all
}

/// Reads one path, or a group of them, behind `prefix`; where it ends.
fn tree(
    tokens: &[&str],
    mut at: usize,
    prefix: &mut Vec<String>,
    all: &mut Vec<Vec<String>>,
) -> usize {
    let depth = prefix.len();
    while let Some(&token) = tokens.get(at) {
        if token == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| *token != "}") {
                at = tree(tokens, at, prefix, all);
                if tokens.get(at) == Some(&",") {
                    at += 1;
                }
            }
            prefix.truncate(depth);
            return at + 1;
        }
        prefix.push(token.to_owned());
        at += 1;
        if tokens.get(at) != Some(&"::") {
            break;
        }
        at += 1;
    }
    all.push(prefix.clone());
    // A name may be given another one.
    while tokens.get(at).is_some_and(|token| *token == "as") {
        at += 2;
    }
    prefix.truncate(depth);
    at
}

/// The part of a file before its tests, which end it.
fn without_tests(code: &str) -> &str {
    let mut ends = code.match_indices("#[cfg(test)]");
    let tests = |at: usize| {
        let rest = code[at..].trim_start_matches("#[cfg(test)]").trim_start();
        rest.starts_with("mod ")
            && rest
                .split_once('\n')
                .is_some_and(|(line, _)| line.ends_with('{'))
    };
    let end = ends.find(|(at, _)| tests(*at)).map(|(at, _)| at);
    &code[..end.unwrap_or(code.len())]
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
