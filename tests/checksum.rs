//! `--checksum`: what the tool says of an output is what `sha256sum` says of it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("fixtures/generated").join(name);
    assert!(path.is_file(), "{name} is missing: run `make fixtures`");
    path
}

fn join(output: &Path, more: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_media-concat"))
        .arg("join")
        .args([fixture("a0.mp4"), fixture("a1.mp4")])
        .arg("-o")
        .arg(output)
        .args(more)
        .output()
        .expect("the tool runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output
}

fn sha256sum(path: &Path) -> String {
    let said = Command::new("sha256sum").arg(path).output();
    let said = said.expect("sha256sum runs").stdout;
    String::from_utf8_lossy(&said[..64]).into_owned()
}

#[test]
fn of_a_file_and_of_standard_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("joined.mp4");
    let said = join(&path, &["--checksum", "sha256,crc32c", "--json"]);
    let report: Value = serde_json::from_slice(&said.stdout).expect("a report");
    let sums = &report["checksums"];
    assert_eq!(sums["sha256"], sha256sum(&path));
    let crc32c = sums["crc32c"].as_str().expect("eight digits");
    assert!(crc32c.len() == 8 && u32::from_str_radix(crc32c, 16).is_ok());

    let streamed = join("-".as_ref(), &["--checksum", "sha256,crc32c", "--json"]);
    assert!(streamed.stdout == std::fs::read(&path).expect("readable"));
    let report: Value = serde_json::from_slice(&streamed.stderr).expect("a report");
    assert_eq!(&report["checksums"], sums);

    let plain = join("-".as_ref(), &["--checksum", "crc32c"]);
    let lines = String::from_utf8_lossy(&plain.stderr).into_owned();
    assert_eq!(lines.trim(), format!("media-concat: crc32c {crc32c}"));
}

#[test]
fn nothing_unless_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = join(&folder.path().join("joined.mp4"), &["--json"]);
    let report: Value = serde_json::from_slice(&said.stdout).expect("a report");
    assert_eq!(report["checksums"], serde_json::json!({}));
}
