//! `--checksum`: what the tool says of an output is what `sha256sum` says of it.

use std::{ffi::OsStr, path::Path, process::Command};

use media_concat_test_support::{
    fixtures::fixture,
    process::{Run, tool},
};
use serde_json::Value;

fn join(output: &Path, more: &[&str]) -> Run {
    let [first, second] = ["a0.mp4", "a1.mp4"].map(fixture);
    let fixed = ["join".as_ref(), "-o".as_ref(), output.as_os_str()];
    let sources = [first.as_os_str(), second.as_os_str()];
    let args = fixed.into_iter().chain(sources);
    tool(args.chain(more.iter().map(OsStr::new))).expect(0)
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
    let report = said.json();
    let sums = &report["checksums"];
    assert_eq!(sums["sha256"], sha256sum(&path));
    let crc32c = sums["crc32c"].as_str().expect("eight digits");
    assert!(crc32c.len() == 8 && u32::from_str_radix(crc32c, 16).is_ok());

    let streamed = join("-".as_ref(), &["--checksum", "sha256,crc32c", "--json"]);
    assert!(streamed.stdout == std::fs::read(&path).expect("readable"));
    let report: Value = serde_json::from_str(&streamed.stderr).expect("a report");
    assert_eq!(&report["checksums"], sums);

    let plain = join("-".as_ref(), &["--checksum", "crc32c"]);
    assert_eq!(
        plain.stderr.trim(),
        format!("media-concat: crc32c {crc32c}")
    );
}

#[test]
fn nothing_unless_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = join(&folder.path().join("joined.mp4"), &["--json"]);
    let report = said.json();
    assert_eq!(report["checksums"], serde_json::json!({}));
}
