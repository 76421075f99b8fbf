//! Reading that would not end by itself.

use std::{
    fs::File,
    time::{Duration, Instant},
};

use super::*;
use crate::ingest::read::Abandon;

/// A petabyte of zeros, in which libav looks for frames for ever.
fn endless(folder: &std::path::Path, interrupt: Interrupt, reading: Duration) -> Work {
    Work {
        storage: Storage::File(Arc::new(File::open("/dev/zero").expect("zeros"))),
        len: 1 << 50,
        found: Found {
            container: Container::Ac3,
            demuxer: c"ac3",
        },
        spool: Arc::new(Spool::new(folder.to_owned(), 1 << 30)),
        all: true,
        learned: Arc::default(),
        limits: Limits {
            reading,
            ..Limits::default()
        },
        interrupt,
    }
}

#[test]
fn who_gives_up_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let interrupt = Interrupt::default();
    let guard = Abandon(Arc::clone(&interrupt.abandoned));
    let work = endless(folder.path(), interrupt, Duration::from_secs(60));
    let thread = std::thread::spawn(move || work.run());
    std::thread::sleep(Duration::from_millis(200));
    assert!(!thread.is_finished());
    let begun = Instant::now();
    drop(guard);
    let done = thread.join().expect("no panic");
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(matches!(done, Err(Failure::Source(_))));
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 0);
}

#[test]
fn the_limit_ends_it_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let limit = Duration::from_millis(200);
    let begun = Instant::now();
    let interrupt = Interrupt {
        deadline: Some(begun + limit),
        ..Interrupt::default()
    };
    let done = endless(folder.path(), interrupt, limit).run();
    let took = begun.elapsed();
    assert!(limit <= took && took < limit + Duration::from_secs(1));
    let Err(Failure::Media(error)) = done else {
        panic!("no error of the media");
    };
    let said = error.to_string();
    assert!(said.contains("longer than the limit of 200ms"), "{said}");
}
