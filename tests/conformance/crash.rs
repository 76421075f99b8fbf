//! Killed, cancelled or out of space: the destination is as before or complete, nothing lies about.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use media_concat_test_support::desk::listing;
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::process::{shell, tool, tool_path};

/// Enough fragments for a join that takes a while.
const FRAGMENTS: usize = 400;

/// Starts a join of [`FRAGMENTS`] fragments.
fn start(out: &Path, options: &[&str]) -> Child {
    let sources: Vec<PathBuf> = vec![fixture("b_sps.mp4"); FRAGMENTS];
    let mut command = Command::new(tool_path());
    command
        .args(["join", "--quiet", "-o"])
        .arg(out)
        .args(options)
        .args(sources);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// The finished output, and how long it took.
fn undisturbed(dir: &Path) -> (Vec<u8>, Duration) {
    let out = dir.join("whole.mp4");
    let begun = Instant::now();
    assert!(start(&out, &[]).wait().unwrap().success());
    let taken = begun.elapsed();
    (std::fs::read(&out).unwrap(), taken)
}

/// SIGKILL left 333 MB without an index under the final name.
#[test]
fn a_killed_join_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, taken) = undisturbed(dir.path());
    for point in 1..=20 {
        let folder = dir.path().join(format!("{point}"));
        std::fs::create_dir(&folder).unwrap();
        let out = folder.join("out.mp4");
        let mut child = start(&out, &[]);
        std::thread::sleep(taken * point / 20);
        child.kill().unwrap();
        child.wait().unwrap();
        match listing(&folder).as_slice() {
            [] => {}
            [name] if name == "out.mp4" => {
                assert!(
                    std::fs::read(&out).unwrap() == whole,
                    "half an output after kill {point}"
                );
            }
            names => panic!("left after kill {point}: {names:?}"),
        }
    }
}

/// A forced join that is killed leaves the old file or the new one.
#[test]
fn a_killed_join_keeps_the_old_output() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, taken) = undisturbed(dir.path());
    let out = dir.path().join("out.mp4");
    for point in 1..=20 {
        std::fs::write(&out, "old").unwrap();
        let mut child = start(&out, &["--force"]);
        std::thread::sleep(taken * point / 20);
        child.kill().unwrap();
        child.wait().unwrap();
        let found = std::fs::read(&out).unwrap();
        assert!(
            found == b"old" || found == whole,
            "half an output after kill {point}"
        );
    }
    // A kill between linking the staged file and renaming it is all that may leave a name.
    let strays = listing(dir.path()).len() - 2;
    assert!(strays <= 1, "{:?}", listing(dir.path()));
}

/// Ctrl-C: gone within a second, with the code that shells expect, and nothing left.
#[test]
fn a_cancelled_join_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, taken) = undisturbed(dir.path());
    let mut cancelled = 0;
    for point in 1..=20 {
        let folder = dir.path().join(format!("{point}"));
        std::fs::create_dir(&folder).unwrap();
        let out = folder.join("out.mp4");
        let mut child = start(&out, &[]);
        // The first moments belong to the loader: no handler is set yet.
        std::thread::sleep(Duration::from_millis(20) + taken * point / 20);
        let sent = Instant::now();
        shell("kill -INT $1", [child.id().to_string()]);
        let status = child.wait().unwrap();
        assert!(
            sent.elapsed() < Duration::from_millis(1500),
            "slow to stop at {point}"
        );
        match status.code() {
            Some(0) => assert!(std::fs::read(&out).unwrap() == whole),
            Some(130) => {
                cancelled += 1;
                assert!(
                    listing(&folder).is_empty(),
                    "left at {point}: {:?}",
                    listing(&folder)
                );
            }
            // Before the handler is set the signal itself ends the process.
            None => assert!(
                listing(&folder).is_empty(),
                "left at {point}: {:?}",
                listing(&folder)
            ),
            other => panic!("exit code {other:?} at {point}"),
        }
    }
    assert!(cancelled > 0, "no run was cancelled in time");
}

/// No room: an error, and no half output. A file size limit stands in for the full disk.
#[test]
fn a_full_disk_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for blocks in [0, 1, 50, 150] {
        let out = dir.path().join("out.mp4");
        let script = r#"trap '' XFSZ; ulimit -f "$1"; shift; "$0" join -o "$@""#;
        let mut args = vec![blocks.to_string().into(), out];
        args.extend(["a0.mp4", "a1.mp4"].map(fixture));
        let run = shell(script, args).expect(1);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        assert!(
            listing(dir.path()).is_empty(),
            "left: {:?}",
            listing(dir.path())
        );
    }
}

/// A folder that does not exist or may not be written is an I/O error.
#[test]
fn an_impossible_output_is_an_error() {
    let sources = ["a0.mp4", "a1.mp4"].map(fixture);
    for out in ["/nowhere/at/all/out.mp4", "/proc/out.mp4"] {
        let args = ["join".into(), "-o".into(), PathBuf::from(out)];
        let run = tool(args.iter().chain(&sources)).expect(1);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
}
