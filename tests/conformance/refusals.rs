//! What must not be joined is refused with the reason, before any output exists.

use serde_json::Value;

use crate::support::{Join, Run, fixture, listing, shell, tool};

/// The mismatches of `check --json` over fixtures.
fn mismatches(names: &[&str]) -> Vec<Value> {
    let mut args = vec!["check".into(), "--json".into()];
    args.extend(names.iter().map(|name| fixture(name)));
    let found = tool(args).expect(3).json();
    assert_eq!(found["compatible"], false, "{found}");
    found["mismatches"].as_array().unwrap().clone()
}

/// Whether one of `found` is about `fragment` with these two values.
fn names(found: &[Value], fragment: u64, expected: &str, other: &str) -> bool {
    let has = |value: &Value, text: &str| match value {
        Value::String(value) => value.contains(text),
        value => value.to_string().contains(text),
    };
    found.iter().any(|mismatch| {
        mismatch["fragment"] == fragment
            && has(&mismatch["expected"], expected)
            && has(&mismatch["found"], other)
    })
}

/// An unreadable fragment ended the output there, exit 0: the rest of the evening was missing.
#[test]
fn an_unreadable_fragment_is_named() {
    let words = ["fragment 1", "k_trunc.mp4"];
    Join::of(&["a0.mp4@0", "k_trunc.mp4@2", "a1.mp4@4"])
        .refused(4)
        .says(&words);
    let words = ["fragment 1", "trunc_media.mp4"];
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
    run.says(&["fragment 1", "k_trunc.mp4", "fragment 2", "random.mp4"]);
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

/// Picture size and rate changed without a word; players froze or stretched.
#[test]
fn another_size_or_rate_is_refused() {
    let found = mismatches(&["a0.mp4", "h_res.mp4", "m_25.mp4"]);
    assert!(names(&found, 1, "320", "640"), "{found:?}");
    assert!(names(&found, 2, "30", "25"), "{found:?}");
    Join::of(&["a0.mp4@0", "h_res.mp4@2"])
        .refused(3)
        .says(&["fragment 1", "320", "640"]);
    Join::of(&["a0.mp4@0", "m_25.mp4@2"])
        .refused(3)
        .says(&["fragment 1", "30", "25"]);
}

/// Sound at another rate played too fast or vanished.
#[test]
fn another_sample_rate_or_layout_is_refused() {
    Join::of(&["a0.mp4@0", "f_44k.mp4@2"])
        .refused(3)
        .says(&["fragment 1", "48000", "44100"]);
    let found = mismatches(&["a0.mp4", "f_44k.mp4", "g_stereo.mp4"]);
    assert!(names(&found, 1, "48000", "44100"), "{found:?}");
    let layout = names(&found, 2, "mono", "stereo") || names(&found, 2, "1", "2");
    assert!(layout, "{found:?}");
}

/// Another profile is not reconciled: the refusal lists it, and the sets that differ.
#[test]
fn another_profile_is_refused() {
    let run = Join::of(&["a0.mp4@0", "b_sps.mp4@2", "a2.mp4@4"]).refused(3);
    run.says(&["fragment 1", "High", "Main"]);
    let found = mismatches(&["a0.mp4", "b_sps.mp4"]);
    assert!(names(&found, 1, "High", "Main"), "{found:?}");
}

/// Every difference of every fragment at once, each with its own fragment, rule and values.
#[test]
fn all_mismatches_are_listed_at_once() {
    let all = [
        "a0.mp4",
        "h_res.mp4",
        "m_25.mp4",
        "f_44k.mp4",
        "l_rot.mp4",
        "ten_bit.mp4",
    ];
    let found = mismatches(&all);
    for fragment in 1..all.len() {
        assert!(
            found.iter().any(|m| m["fragment"] == fragment),
            "nothing on {fragment}: {found:?}"
        );
    }
    assert!(
        found
            .iter()
            .all(|m| m["rule"].is_string() && !m["expected"].is_null()),
        "{found:?}"
    );
    let report = Join::of(&all).refused(3).json();
    let listed = report["error"]["mismatches"].as_array().unwrap();
    assert_eq!(listed, &found, "join and check disagree");
}

/// On standard error too, without `--json`.
#[test]
fn mismatches_are_told_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mp4");
    let mut args = vec!["join".into(), "-o".into(), out];
    args.extend(["a0.mp4", "h_res.mp4", "f_44k.mp4"].map(fixture));
    let words = [
        "fragment 1",
        "fragment 2",
        "h_res.mp4",
        "f_44k.mp4",
        "44100",
        "640",
    ];
    tool(args).expect(3).says(&words);
}

/// All four tools compared join an upright and a rotated clip without a word.
#[test]
fn another_rotation_is_refused() {
    Join::of(&["a0.mp4@0", "l_rot.mp4@2"])
        .refused(3)
        .says(&["fragment 1", "display matrix"]);
}

#[test]
fn other_formats_are_refused() {
    for (first, second) in [
        ("a0.mp4", "ten_bit.mp4"),
        ("a0.mp4", "interlaced.mp4"),
        ("a0.mp4", "sar.mp4"),
        ("a0.mp4", "colour.mp4"),
        ("a0.mp4", "mpeg4.mp4"),
        ("hdr.mp4", "hdr_plain.mp4"),
        ("aac0.m4a", "alac0.m4a"),
        ("i_hevc0.mp4", "av1_0.mp4"),
    ] {
        Join::of(&[first, second])
            .refused(3)
            .says(&["fragment 1", second]);
    }
}

/// A playlist named `.mp4` had another file of the machine joined in.
#[test]
fn playlists_posing_as_media_are_refused() {
    for name in ["evil.mp4", "evil_hls.mp4", "evil_mpd.mp4"] {
        Join::of(&["a0.mp4", name])
            .refused(4)
            .says(&["fragment 1", name]);
        Join::of(&[name]).refused(4);
    }
    let a0 = fixture("a0.mp4");
    let a0 = a0.display();
    for url in [
        format!("concat:{a0}|{a0}"),
        format!("subfile,,start,0,end,9000,,:{a0}"),
        format!("file://{a0}"),
        format!("crypto:{a0}"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.mp4");
        let run = tool(["join", "-o", out.to_str().unwrap(), &url]);
        assert!(
            run.code > 0 && !run.stderr.contains("panicked"),
            "{url}: {run:?}"
        );
        assert!(listing(dir.path()).is_empty(), "{url} gave an output");
    }
}

/// Media that lies in another file, or is locked, is not what the caller handed over.
#[test]
fn references_and_encryption_are_refused() {
    Join::of(&["a0.mp4", "dref.mp4"])
        .refused(4)
        .says(&["fragment 1", "dref.mp4"]);
    Join::of(&["a0.mp4", "encrypted.mp4"])
        .refused(4)
        .says(&["fragment 1", "encrypted.mp4"]);
}

/// Hostile indexes cost neither time nor memory: a second, and at most 512 MiB of addresses.
#[test]
fn hostile_files_are_refused_quickly() {
    for name in [
        "deep.mp4",
        "far_chunk.mp4",
        "huge_box.mp4",
        "huge_count.mp4",
        "huge_run.mp4",
        "huge_sample.mp4",
        "random.mp4",
        "zero.mp4",
        "zero_timescale.mp4",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.mp4");
        let script = r#"ulimit -t 10 -v 2097152; "$0" join -o "$1" "$2""#;
        let run: Run = shell(script, [&out, &fixture(name)]);
        assert!([4, 5].contains(&run.code), "{name}: {run:?}");
        assert!(!run.stderr.contains("panicked"), "{name}: {run:?}");
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
        assert!(run.stderr.contains("fragment 0"), "{}", run.stderr);
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
    assert!(run.code > 0, "replaced without --force");
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
    let force = ["--force".into()];
    tool(head.iter().chain(&force).chain(&sources)).expect(0);
    assert!(out.metadata().unwrap().len() > 100_000);
    assert_eq!(listing(dir.path()), ["out.mp4"]);
}

#[test]
fn a_size_limit_is_kept() {
    let join = Join::of(&["a0.mp4", "a1.mp4"]).with(&["--max-size", "100000"]);
    join.refused(5);
}
