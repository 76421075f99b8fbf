//! What must not be joined is refused with the reason, before any output exists.

use media_concat_test_support::desk::listing;
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::Join;
use media_concat_test_support::process::{Run, shell, tool};

/// Refused as what cannot be read, with what is wrong with fragment 1.
fn assert_unreadable(first: &str, name: &str, why: &str) {
    let path = fixture(name);
    let told = format!("fragment 1 ({}) is refused: {why}", path.display());
    Join::of(&[first, name]).refused(4).says(&[&told]);
}

/// An unreadable fragment ended the output there, exit 0: the rest of the evening was missing.
#[test]
fn an_unreadable_fragment_is_named() {
    let words = [
        "fragment 1 (",
        "k_trunc.mp4) is refused: it has no index ('moov')",
    ];
    Join::of(&["a0.mp4@0", "k_trunc.mp4@2", "a1.mp4@4"])
        .refused(4)
        .says(&words);
    let cut = "trunc_media.mp4) is refused: it is cut: a sample of track 1 ends at byte 57360, the file \
        has 56150 bytes";
    let words = ["fragment 1 (", cut];
    Join::of(&["a0.mp4@0", "trunc_media.mp4@2", "a1.mp4@4"])
        .refused(4)
        .says(&words);
}

#[test]
fn a_missing_fragment_is_named() {
    let join = Join::of(&["/nowhere/gone.mp4@2"]);
    join.refused(1).says(&["/nowhere/gone.mp4"]);
    let absent = format!(
        "{}/absent.mp4@2",
        fixture("a0.mp4").parent().unwrap().display()
    );
    let sources = ["a0.mp4@0".to_owned(), absent, "a1.mp4@4".to_owned()];
    Join::of(&sources)
        .refused(1)
        .says(&["fragment 1", "absent.mp4"]);
}

/// Several unreadable fragments are reported in one go.
#[test]
fn every_unreadable_fragment_is_named() {
    let run = Join::of(&["a0.mp4@0", "k_trunc.mp4@2", "random.mp4@4"]).refused(4);
    run.says(&[
        "fragment 1 (",
        "k_trunc.mp4) is refused: it has no index ('moov')",
        "fragment 2 (",
        "random.mp4) is refused: it is of an unknown format",
    ]);
}

/// With streams matched by index, the video track held sound; here the kinds decide.
#[test]
fn streams_are_matched_by_kind() {
    let joined = Join::of(&["a0.mp4@0", "e_order.mp4@2", "a1.mp4@4"]).run();
    let movie = crate::oracle::assert_sound(&joined);
    assert_eq!(movie.video().samples.len(), 180);
    let audio = movie.audio().samples.len() as u64;
    assert_eq!(audio + joined.dropped("audio"), 285);
    let tones = [(660.0, 2.0), (660.0, 4.0)];
    let sound = crate::oracle::tone::Sound::by_count(&joined.path);
    assert!(
        tones
            .iter()
            .all(|(hertz, at)| sound.hears(*hertz, at + 0.5))
    );
}

/// Two languages in another order are matched by language, not by position.
#[test]
fn audio_tracks_are_matched_by_language() {
    let joined = Join::of(&["lang_eng_deu.mp4@0", "lang_deu_eng.mp4@2"]).run();
    crate::oracle::assert_sound(&joined);
    for (stream, hertz) in [("0:a:0", 440.0), ("0:a:1", 660.0)] {
        let sound = crate::oracle::tone::Sound::of_stream(&joined.path, stream);
        assert!(
            sound.hears(hertz, 1.0) && sound.hears(hertz, 3.0),
            "{stream} changed its language"
        );
    }
}

/// A playlist named `.mp4` had another file of the machine joined in.
#[test]
fn playlists_posing_as_media_are_refused() {
    for (name, what) in [
        ("evil.mp4", "an ffconcat script"),
        ("evil_hls.mp4", "an HLS playlist"),
        ("evil_mpd.mp4", "a DASH manifest"),
    ] {
        let told = format!(
            "it is {what}, which cannot be joined: give the media that it points to, in their order"
        );
        assert_unreadable("a0.mp4", name, &told);
        Join::of(&[name]).refused(4).says(&["fragment 0", &told]);
    }
    let a0 = fixture("a0.mp4");
    let a0 = a0.display();
    let unknown = "is not supported, a path, an http(s):// or an s3:// URL was expected";
    for (url, code, told) in [
        (
            format!("concat:{a0}|{a0}"),
            4,
            format!("fragment 0: concat: {unknown}"),
        ),
        (
            format!("file://{a0}"),
            4,
            format!("fragment 0: file: {unknown}"),
        ),
        // These are paths, and there are none such.
        (
            format!("subfile,,start,0,end,9000,,:{a0}"),
            1,
            "No such file".to_owned(),
        ),
        (format!("crypto:{a0}"), 1, "No such file".to_owned()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.mp4");
        let run = tool(["join", "-o", out.to_str().unwrap(), &url]);
        run.expect(code).says(&["fragment 0", &told]);
        assert!(listing(dir.path()).is_empty(), "{url} gave an output");
    }
}

/// Media that lies in another file, or is locked, is not what the caller handed over.
#[test]
fn references_and_encryption_are_refused() {
    let outside = "track 1 refers to media outside the file, which is not followed";
    assert_unreadable("a0.mp4", "dref.mp4", outside);
    assert_unreadable("a0.mp4", "encrypted.mp4", "track 1 is encrypted ('encv')");
}

/// Hostile indexes cost neither time nor memory: a second, and at most 512 MiB of addresses.
#[test]
fn hostile_files_are_refused_quickly() {
    for (name, why) in [
        ("deep.mp4", "track 0 has no 'mvhd' box"),
        (
            "far_chunk.mp4",
            "it is cut: a sample of track 1 ends at byte 2147488997",
        ),
        (
            "huge_box.mp4",
            "it is cut: box 'moov' at byte 16 ends at byte 9223372036854775824",
        ),
        (
            "huge_count.mp4",
            "the number of samples is 4294967295, above the limit of",
        ),
        (
            "huge_run.mp4",
            "track 1: the number of samples with a duration ('stts') is 4294967295",
        ),
        (
            "huge_sample.mp4",
            "it is cut: a sample of track 1 ends at byte 2147484997",
        ),
        (
            "random.mp4",
            "it is of an unknown format: it begins like no MP4",
        ),
        ("zero.mp4", "it is empty, which cannot be joined"),
        ("zero_timescale.mp4", "track 1: a timescale is 0"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.mp4");
        let script = r#"ulimit -t 10 -v 2097152; "$0" join -o "$1" "$2""#;
        let run: Run = shell(script, [&out, &fixture(name)]);
        // Also where a count is above what so many bytes can hold: it is the file that is wrong.
        assert_eq!(run.code, 4, "{name}: {run:?}");
        assert!(!run.stderr.contains("panicked"), "{name}: {run:?}");
        run.says(&["fragment 0", name, why]);
        assert!(listing(dir.path()).is_empty(), "{name} left something");
    }
}

/// The output named one of the inputs: 24.5 MB were replaced by 64 kB, exit 0.
#[test]
fn an_output_that_is_an_input_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let bytes = std::fs::read(fixture("a0.mp4")).unwrap();
    std::fs::write(path("in.mp4"), &bytes).unwrap();
    std::fs::hard_link(path("in.mp4"), path("hard.mp4")).unwrap();
    std::os::unix::fs::symlink(path("in.mp4"), path("soft.mp4")).unwrap();
    std::fs::create_dir(path("sub")).unwrap();
    for out in ["in.mp4", "hard.mp4", "soft.mp4", "sub/../in.mp4"] {
        let args = ["join", "--force", "-o"].map(Into::into);
        let tail = [path(out), path("in.mp4"), fixture("a1.mp4")];
        let run = tool(args.into_iter().chain(tail));
        assert_eq!(run.code, 2, "{out}: {}", run.stderr);
        let run = run.says(&["is an input itself: fragment 0"]);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        assert!(
            std::fs::read(path("in.mp4")).unwrap() == bytes,
            "{out}: the input was changed"
        );
    }
    assert_eq!(
        listing(dir.path()),
        ["hard.mp4", "in.mp4", "soft.mp4", "sub"]
    );
}

/// An existing output stays unless `--force` is given.
#[test]
fn an_existing_output_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mp4");
    std::fs::write(&out, "precious").unwrap();
    let head = ["join".into(), "-o".into(), out.clone()];
    let sources = ["a0.mp4", "a1.mp4"].map(fixture);
    let run = tool(head.iter().chain(&sources));
    let run = run.expect(1).says(&["out.mp4 exists: --force replaces it"]);
    assert!(run.stdout.is_empty(), "{run:?}");
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
    let force = ["--force".into()];
    tool(head.iter().chain(&force).chain(&sources)).expect(0);
    assert!(out.metadata().unwrap().len() > 100_000);
    assert_eq!(listing(dir.path()), ["out.mp4"]);
}

#[test]
fn a_size_limit_is_kept() {
    let join = Join::of(&["a0.mp4", "a1.mp4"]).with(&["--max-size", "100000"]);
    join.refused(5)
        .says(&["the output's size in bytes is 185575, above the limit of 100000"]);
}
