//! What needs a filesystem of its own: sharing of extents, and running full. Mounting takes the
//! rights of an administrator; without them these tests say so and check nothing.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use tempfile::TempDir;

use super::{Scratch, layout, literal, materialise, noise, range};
use crate::{
    layout::Layout,
    progress::{ProgressSink, Stage},
    sink::{Overwrite, SinkError, sharing_block_size},
    source::OpenSource,
};

/// A mounted filesystem, gone when this is dropped.
struct Mount {
    folder: TempDir,
}

impl Mount {
    fn at(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// Mounts what `arguments` name, or says why not.
    fn new(arguments: &[&str], image: impl FnOnce(&Path) -> Option<PathBuf>) -> Option<Self> {
        let mount = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        fs::create_dir(mount.at()).expect("a folder");
        let what = image(mount.folder.path())?;
        run(Command::new("mount")
            .args(arguments)
            .arg(what)
            .arg(mount.at()))
        .then_some(mount)
    }

    fn tmpfs(size: &str) -> Option<Self> {
        let size = format!("size={size}");
        Self::new(&["-t", "tmpfs", "-o", &size], |_| Some("tmpfs".into()))
    }

    /// XFS, with or without extents that files can share.
    fn xfs(reflink: &str) -> Option<Self> {
        Self::new(&["-o", "loop"], |folder| {
            let image = folder.join("image");
            let file = File::create(&image).expect("an image");
            file.set_len(400 << 20).expect("a size");
            let sharing = format!("reflink={reflink}");
            run(Command::new("mkfs.xfs")
                .args(["-q", "-m", &sharing])
                .arg(&image))
            .then_some(image)
        })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run(Command::new("umount").arg(self.at()));
    }
}

fn run(command: &mut Command) -> bool {
    match command.output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            say(&format!("{command:?}: {why}"));
            false
        }
        Err(error) => {
            say(&format!("{command:?}: {error}"));
            false
        }
    }
}

/// Prints past the test harness, which keeps what a passing test prints to itself.
fn say(what: &str) {
    writeln!(io::stderr(), "{what}").ok();
}

/// Runs a test's body on a mount, or prints that it was skipped.
macro_rules! on {
    ($mount:expr) => {
        match $mount {
            Some(mount) => mount,
            None => {
                say("SKIPPED: no filesystem could be mounted here");
                return;
            }
        }
    };
}

const LEN: u64 = 5 << 20;

/// Two fragments at offsets that agree with the output's to the block, one that does not.
fn aligned(block: u64) -> Layout {
    let head = vec![b'h'; block as usize - 100];
    layout([
        crate::layout::Piece::Literal(head.into()),
        range(0, block - 100, LEN - block + 100 - 7),
        literal(b"pad...."),
        range(1, 0, LEN),
        range(0, 1, LEN - 1),
    ])
}

async fn two_fragments(scratch: &Scratch) -> (Vec<Vec<u8>>, Arc<[OpenSource]>) {
    let contents = vec![noise(1, LEN as usize), noise(2, LEN as usize)];
    let sources = scratch.files(&contents).await;
    (contents, sources)
}

#[tokio::test]
async fn aligned_ranges_are_shared() {
    let mount = on!(Mount::xfs("1"));
    let scratch = Scratch::within(&mount.at());
    let (contents, sources) = two_fragments(&scratch).await;
    let block = sharing_block_size(&scratch.output(), &sources).await;
    let block = u64::from(block.expect("XFS shares"));
    let layout = aligned(block);
    let written = scratch.write(&layout, &sources).await.expect("written");
    let found = fs::read(scratch.output()).expect("an output");
    assert!(found == materialise(&layout, &contents), "other bytes");
    assert!(written.bytes_shared >= 2 * LEN - 4 * block, "{written:?}");
    let counted = written.bytes_shared + written.bytes_copied + written.bytes_generated;
    assert_eq!(counted, layout.size());
}

/// A fragment that lives elsewhere is copied, and keeps no other from being shared.
#[tokio::test]
async fn a_fragment_on_another_device_is_copied() {
    let mount = on!(Mount::xfs("1"));
    let scratch = Scratch::within(&mount.at());
    let elsewhere = Scratch::new();
    let (contents, own) = two_fragments(&scratch).await;
    let (_, other) = two_fragments(&elsewhere).await;
    let sources: Arc<[OpenSource]> = [other[0].clone(), own[1].clone()].into();
    let layout = layout([range(0, 0, LEN), range(1, 0, LEN)]);
    let written = scratch.write(&layout, &sources).await.expect("written");
    assert_eq!((written.bytes_shared, written.bytes_copied), (LEN, LEN));
    let found = fs::read(scratch.output()).expect("an output");
    assert!(found == materialise(&layout, &contents), "other bytes");
}

/// What a filesystem is called does not say whether it shares.
#[tokio::test]
async fn a_filesystem_that_does_not_share_is_known_beforehand() {
    let mount = on!(Mount::xfs("0"));
    let scratch = Scratch::within(&mount.at());
    let (_, sources) = two_fragments(&scratch).await;
    assert_eq!(sharing_block_size(&scratch.output(), &sources).await, None);
    assert!(scratch.names().is_empty());
}

#[tokio::test]
async fn too_little_room_is_an_error_before_anything_is_written() {
    let mount = on!(Mount::tmpfs("4m"));
    let (inputs, scratch) = (Scratch::new(), Scratch::within(&mount.at()));
    let (_, sources) = two_fragments(&inputs).await;
    let layout = layout([range(0, 0, LEN)]);
    let progress = ProgressSink::new(|progress| panic!("{progress:?}"));
    let written = scratch
        .write_with(&layout, &sources, Overwrite::Never, progress)
        .await;
    let Err(SinkError::NoSpace {
        needed: LEN,
        available,
        ..
    }) = written
    else {
        panic!("{written:?}");
    };
    assert!(available <= 4 << 20);
    assert!(scratch.names().is_empty());
}

/// Shared bytes take no room: an output larger than what is free is written all the same.
#[tokio::test]
async fn shared_bytes_need_no_room() {
    let mount = on!(Mount::xfs("1"));
    let scratch = Scratch::within(&mount.at());
    let sources = scratch.files(&[noise(1, 60 << 20)]).await;
    let shared = layout((0..8).map(|_| range(0, 0, 60 << 20)));
    let written = scratch.write(&shared, &sources).await.expect("written");
    assert_eq!(written.bytes_shared, shared.size());
    fs::remove_file(scratch.output()).expect("removed");
    // One byte more at the front, and nothing can be shared.
    let pieces = shared.pieces();
    let moved = layout([literal(b"!")].into_iter().chain(pieces));
    let written = scratch.write(&moved, &sources).await;
    assert!(
        matches!(written, Err(SinkError::NoSpace { .. })),
        "{written:?}"
    );
    assert!(scratch.names().is_empty());
}

#[tokio::test]
async fn a_disk_that_runs_full_meanwhile_is_the_same_error() {
    let mount = on!(Mount::tmpfs("24m"));
    let (inputs, scratch) = (Scratch::new(), Scratch::within(&mount.at()));
    let sources = inputs.files(&[noise(1, 20 << 20)]).await;
    let rival = mount.at().join("rival");
    let filled = rival.clone();
    let progress = ProgressSink::new(move |progress| {
        if progress.stage == Stage::Writing && !filled.exists() {
            fs::write(&filled, vec![1; 14 << 20]).expect("written");
        }
    });
    let written = scratch
        .write_with(
            &layout([range(0, 0, 20 << 20)]),
            &sources,
            Overwrite::Never,
            progress,
        )
        .await;
    assert!(
        matches!(written, Err(SinkError::NoSpace { .. })),
        "{written:?}"
    );
    assert!(rival.exists());
    assert!(scratch.names().is_empty());
}
