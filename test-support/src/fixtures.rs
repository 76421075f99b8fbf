//! Media that `make fixtures` makes.

use std::path::{Path, PathBuf};

use bytes::Bytes;

fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("the workspace's folder")
}

/// The folder with two clips of every container and codec.
pub fn containers() -> PathBuf {
    root().join("fixtures/containers")
}

/// A generated fixture by its file name.
#[track_caller]
pub fn fixture(name: &str) -> PathBuf {
    found(root().join("fixtures/generated").join(name))
}

/// The bytes of a generated fixture.
#[track_caller]
pub fn fixture_bytes(name: &str) -> Bytes {
    std::fs::read(fixture(name)).unwrap().into()
}

/// A clip of a container and a codec by its file name.
#[track_caller]
pub fn clip(name: &str) -> PathBuf {
    found(containers().join(name))
}

#[track_caller]
fn found(path: PathBuf) -> PathBuf {
    assert!(
        path.is_file(),
        "{} is missing: run `make fixtures`",
        path.display()
    );
    path
}
