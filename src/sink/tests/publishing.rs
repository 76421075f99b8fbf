//! An output appears whole, under its name, or not at all.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    sync::{Arc, Mutex},
};

use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

use super::{Scratch, inputs, layout, layouts, literal, materialise, memory, noise, range};
use crate::{
    progress::{Progress, ProgressSink, Stage},
    sink::{Overwrite, SinkError},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The file is the layout, whatever the pieces, from disk and from memory; every byte is
    /// counted once.
    #[test]
    fn a_file_is_its_layout(layout in layouts()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let scratch = Scratch::new();
        let contents = inputs();
        let (written, found) = runtime.block_on(async {
            let mut sources = scratch.files(&contents).await.to_vec();
            sources[2] = memory(&contents[2]).await;
            let written = scratch.write(&layout, &sources.into()).await.expect("written");
            (written, fs::read(scratch.output()).expect("an output"))
        });
        prop_assert_eq!(&found, &materialise(&layout, &contents));
        let counted = written.bytes_shared + written.bytes_copied + written.bytes_generated;
        prop_assert_eq!(counted, layout.size());
        prop_assert_eq!(scratch.names(), ["joined.mp4"]);
    }
}

#[tokio::test]
async fn the_output_has_no_name_until_it_is_done() {
    let scratch = Arc::new(Scratch::new());
    let sources = scratch.files(&[noise(1, 20 << 20)]).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (looking, noting) = (Arc::clone(&scratch), Arc::clone(&seen));
    let progress = ProgressSink::new(move |progress| {
        let there = looking.names();
        noting.lock().expect("no panic").push((progress, there));
    });
    let layout = layout([literal(b"head"), range(0, 0, 20 << 20)]);
    scratch
        .write_with(&layout, &sources, Overwrite::Never, progress)
        .await
        .expect("written");
    let seen = seen.lock().expect("no panic");
    let (done, writing): (Vec<_>, Vec<_>) =
        seen.iter().partition(|(at, _)| at.stage == Stage::Done);
    assert!(writing.len() >= 3, "{writing:?}");
    assert!(writing.iter().all(|(_, names)| names.is_empty()));
    assert!(writing.iter().all(|(at, _)| at.fraction() < 1.0));
    let steps: Vec<u64> = writing.iter().map(|(at, _)| at.bytes_done).collect();
    assert!(steps.is_sorted(), "{steps:?}");
    let size = layout.size();
    let end = Progress::new(Stage::Done, size, size);
    assert_eq!(done, [&(end, vec!["joined.mp4".into()])]);
    assert!((end.fraction() - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn an_existing_target_is_kept_unless_it_may_be_replaced() {
    let scratch = Scratch::new();
    let sources = scratch.files(&[noise(1, 100)]).await;
    let layout = layout([range(0, 0, 100)]);
    fs::write(scratch.output(), "old").expect("written");
    let error = scratch.write(&layout, &sources).await.expect_err("exists");
    assert!(matches!(error, SinkError::Exists { .. }), "{error}");
    assert_eq!(fs::read(scratch.output()).expect("kept"), b"old");

    let mode = fs::Permissions::from_mode(0o640);
    fs::set_permissions(scratch.output(), mode).expect("a mode");
    scratch
        .write_with(
            &layout,
            &sources,
            Overwrite::Replace,
            ProgressSink::default(),
        )
        .await
        .expect("replaced");
    let replaced = fs::metadata(scratch.output()).expect("an output");
    assert_eq!(fs::read(scratch.output()).expect("new"), noise(1, 100));
    assert_eq!(replaced.mode() & 0o7777, 0o640);
    assert_eq!(scratch.names(), ["joined.mp4"]);
}

/// The target comes into being while the output is written.
#[tokio::test]
async fn a_target_that_appears_meanwhile_is_not_lost_silently() {
    for (overwrite, kept) in [(Overwrite::Never, true), (Overwrite::Replace, false)] {
        let scratch = Scratch::new();
        let sources = scratch.files(&[noise(1, 100_000)]).await;
        let target = scratch.output();
        let progress = ProgressSink::new(move |progress| {
            if progress.stage == Stage::Writing {
                fs::write(&target, "rival").expect("written");
            }
        });
        let written = scratch
            .write_with(
                &layout([range(0, 0, 100_000)]),
                &sources,
                overwrite,
                progress,
            )
            .await;
        let found = fs::read(scratch.output()).expect("one of the two");
        assert_eq!(found == b"rival", kept);
        assert_eq!(matches!(written, Err(SinkError::Exists { .. })), kept);
        assert_eq!(scratch.names(), ["joined.mp4"]);
    }
}

#[tokio::test]
async fn what_a_link_points_to_is_replaced_and_the_link_stays() {
    let scratch = Scratch::new();
    let sources = scratch.files(&[noise(1, 100)]).await;
    let layout = layout([range(0, 0, 100)]);
    for before in [Some("old"), None] {
        let real = scratch.folder.path().join("in/real.mp4");
        fs::remove_file(&real).ok();
        fs::remove_file(scratch.output()).ok();
        if let Some(before) = before {
            fs::write(&real, before).expect("written");
        }
        symlink("../in/real.mp4", scratch.output()).expect("a link");
        scratch
            .write_with(
                &layout,
                &sources,
                Overwrite::Replace,
                ProgressSink::default(),
            )
            .await
            .expect("replaced");
        assert!(scratch.output().is_symlink());
        assert_eq!(fs::read(&real).expect("new"), noise(1, 100));
    }
}

#[tokio::test]
async fn an_output_that_is_an_input_is_refused_under_any_name() {
    let content = noise(7, 1_000);
    for way in ["same", "hard", "soft"] {
        let scratch = Scratch::new();
        let other = noise(1, 1_000);
        let mut sources = scratch.files(&[other, content.clone()]).await.to_vec();
        match way {
            "hard" => fs::hard_link(scratch.input(1), scratch.output()).expect("a link"),
            "soft" => symlink(scratch.input(1), scratch.output()).expect("a link"),
            _ => {
                fs::write(scratch.output(), &content).expect("written");
                let itself = crate::source::FileSource::new(scratch.output());
                sources[1] = super::open(Arc::new(itself)).await;
            }
        }
        let written = scratch
            .write_with(
                &layout([range(0, 0, 1_000), range(1, 0, 1_000)]),
                &sources.into(),
                Overwrite::Replace,
                ProgressSink::default(),
            )
            .await;
        assert!(
            matches!(written, Err(SinkError::OutputIsInput { fragment: 1, .. })),
            "{way}: {written:?}"
        );
        assert_eq!(fs::read(scratch.output()).expect("untouched"), content);
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_or_in_the_way_is_an_error() {
    let scratch = Scratch::new();
    let sources = scratch.files(&[noise(1, 100)]).await;
    let layout = layout([range(0, 0, 100)]);
    fs::create_dir(scratch.output()).expect("a folder");
    let written = scratch
        .write_with(
            &layout,
            &sources,
            Overwrite::Replace,
            ProgressSink::default(),
        )
        .await;
    assert!(matches!(written, Err(SinkError::Io { .. })), "{written:?}");
    fs::remove_dir_all(scratch.folder.path().join("out")).expect("removed");
    let written = scratch.write(&layout, &sources).await;
    assert!(matches!(written, Err(SinkError::Io { .. })), "{written:?}");
}

#[tokio::test]
async fn an_empty_layout_is_an_empty_file() {
    let scratch = Scratch::new();
    let sources = scratch.files(&[]).await;
    scratch.write(&layout([]), &sources).await.expect("written");
    assert_eq!(fs::read(scratch.output()).expect("an output"), b"");
}
