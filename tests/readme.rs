//! The commands that the README shows, run as they stand.
#![cfg(feature = "cli")]

use std::process::Command;

use media_concat_test_support::{fixtures::fixture, process::tool_path};

/// The lines of the README's shell block.
fn commands() -> Vec<String> {
    let readme = include_str!("../README.md");
    let block = readme.split("```sh\n").nth(1).expect("a shell block");
    let block = block.split("```").next().expect("its end");
    block.lines().map(str::to_owned).collect()
}

#[test]
fn every_command_of_the_readme_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a0.mp4", "a1.mp4", "a2.mp4"] {
        std::os::unix::fs::symlink(fixture(name), folder.path().join(name)).unwrap();
    }
    let tool = tool_path();
    let path = format!(
        "{}:{}",
        tool.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let all = commands();
    assert!(all.len() > 5, "{all:?}");
    for command in all {
        let run = Command::new("sh")
            .args(["-c", &command])
            .current_dir(folder.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        let complaints = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{command}: {complaints}");
    }
    for name in [
        "joined.mp4",
        "gap.mp4",
        "follow.mp4",
        "list.mp4",
        "piped.mp4",
    ] {
        assert!(
            folder.path().join(name).metadata().unwrap().len() > 50_000,
            "{name}"
        );
    }
}
