//! Fragments that do not go together are refused with every difference: fragment, stream, rule and both values.

use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::Join;
use media_concat_test_support::process::tool;
use serde_json::Value;

/// The mismatches of `check --json` over fixtures.
fn mismatches(names: &[&str]) -> Vec<Value> {
    let mut args = vec!["check".into(), "--json".into()];
    args.extend(names.iter().map(|name| fixture(name)));
    let found = tool(args).expect(3).json();
    assert_eq!(found["compatible"], false, "{found}");
    found["mismatches"].as_array().unwrap().clone()
}

/// A difference: its fragment, its stream, its rule as JSON has it and in words, what the first fragment
/// has, what this one has.
type Difference<'a> = (u64, u64, &'a str, &'a str, &'a str, &'a str);

/// `check` tells exactly these, `join` the same in JSON and each of them in words, and writes nothing.
fn assert_differ(names: &[&str], expected: &[Difference<'_>]) {
    let found = mismatches(names);
    let told: Vec<_> = found
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            let number = |key: &str| one[key].as_u64().unwrap();
            let (rule, has) = (text("rule"), (text("expected"), text("found")));
            let place = fixture(names[number("fragment") as usize]);
            assert_eq!(text("source"), place.display().to_string());
            (number("fragment"), number("stream"), rule, has)
        })
        .collect();
    let wanted: Vec<_> = expected
        .iter()
        .map(|&(fragment, stream, rule, _, ours, theirs)| (fragment, stream, rule, (ours, theirs)))
        .collect();
    assert_eq!(told, wanted, "{names:?}");
    let run = Join::of(names).refused(3);
    let report = run.json();
    assert_eq!(report["error"]["mismatches"], Value::Array(found));
    for &(fragment, stream, _, rule, ours, theirs) in expected {
        let place = fixture(names[fragment as usize]);
        let place = format!(
            "fragment {fragment} ({}), stream {stream} (",
            place.display()
        );
        let differs = format!("): {rule} is {theirs}, the first fragment has {ours}");
        let lines = run.stderr.lines();
        let mut lines = lines.filter(|line| line.contains(&place) && line.ends_with(&differs));
        assert!(lines.next().is_some(), "{place}…{differs}: {}", run.stderr);
    }
}

/// Picture size and rate changed without a word; players froze or stretched.
#[test]
fn another_size_or_rate_is_refused() {
    assert_differ(
        &["a0.mp4", "h_res.mp4", "m_25.mp4"],
        &[
            (1, 0, "resolution", "resolution", "320x180", "640x360"),
            (2, 0, "frame_rate", "frame rate", "30.000", "25.000"),
        ],
    );
}

/// Sound at another rate played too fast or vanished.
#[test]
fn another_sample_rate_or_layout_is_refused() {
    assert_differ(
        &["a0.mp4", "f_44k.mp4", "g_stereo.mp4"],
        &[
            (1, 1, "sample_rate", "sample rate", "48000", "44100"),
            (2, 1, "channels", "channels", "1", "2"),
            (2, 1, "channel_layout", "channel layout", "mono", "stereo"),
        ],
    );
}

/// Another profile is not reconciled: the refusal lists it, and the sets that differ.
#[test]
fn another_profile_is_refused() {
    let sets = [
        "6764000dacd941419f9f0110000003001000000303c0f1429960 68ef8fcb with 4-byte lengths",
        "674d400deca0a0cfcf8088000003000800000301e078a14cb0 68c93810f2 with 4-byte lengths",
    ];
    let (rule, words) = ("parameter_sets", "parameter sets");
    assert_differ(
        &["a0.mp4", "b_sps.mp4"],
        &[
            (1, 0, "profile", "profile", "High", "Main"),
            (1, 0, rule, words, sets[0], sets[1]),
        ],
    );
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
    let rules: Vec<_> = found
        .iter()
        .map(|one| {
            (
                one["fragment"].as_u64().unwrap(),
                one["rule"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        (1, "resolution"),
        (2, "frame_rate"),
        (3, "sample_rate"),
        (4, "display_matrix"),
        (5, "profile"),
        (5, "pixel_format"),
        (5, "parameter_sets"),
    ];
    assert_eq!(rules, expected, "{found:?}");
    let values = |one: &Value| one["expected"].is_string() && one["expected"] != one["found"];
    assert!(found.iter().all(values), "{found:?}");
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
    let [first, second] =
        ["h_res.mp4", "f_44k.mp4"].map(|name| fixture(name).display().to_string());
    tool(args).expect(3).says(&[
        &format!("fragment 1 ({first}), stream 0 (video): resolution is 640x360, the first fragment has 320x180"),
        &format!("fragment 2 ({second}), stream 1 (audio): sample rate is 44100, the first fragment has 48000"),
    ]);
}

/// All four tools compared join an upright and a rotated clip without a word.
#[test]
fn another_rotation_is_refused() {
    let turned = "rotation by 270 degrees";
    let difference = (1, 0, "display_matrix", "display matrix", "none", turned);
    assert_differ(&["a0.mp4", "l_rot.mp4"], &[difference]);
}

#[test]
fn other_formats_are_refused() {
    let high = "6764000dacd941419f9f0110000003001000000303c0f1429960 68ef8fcb with 4-byte lengths";
    let ten = "676e000da6cd941419f9f0110000030001000003003c0f142996 68ef8fcb with 4-byte lengths";
    let light = "mastering display of red 0.68 0.32, green 0.265 0.69, blue 0.15 0.06, \
        white 0.3127 0.329, luminance 0.005 to 1000 cd/m², content light level 1000 / 400";
    let layers = format!("dvvC 0100100d10{}", "0".repeat(38));
    let table: [(&str, &str, &[Difference<'_>]); 8] = [
        (
            "a0.mp4",
            "ten_bit.mp4",
            &[
                (1, 0, "profile", "profile", "High", "High 10"),
                (
                    1,
                    0,
                    "pixel_format",
                    "pixel format",
                    "yuv420p",
                    "yuv420p10le",
                ),
                (1, 0, "parameter_sets", "parameter sets", high, ten),
            ],
        ),
        (
            "a0.mp4",
            "interlaced.mp4",
            &[(1, 0, "field_order", "field order", "progressive", "tt")],
        ),
        (
            "a0.mp4",
            "sar.mp4",
            &[(1, 0, "sample_aspect", "sample aspect ratio", "1:1", "4:3")],
        ),
        (
            "a0.mp4",
            "colour.mp4",
            &[
                (1, 0, "color_range", "colour range", "unspecified", "tv"),
                (
                    1,
                    0,
                    "color_primaries",
                    "colour primaries",
                    "unspecified",
                    "bt709",
                ),
                (
                    1,
                    0,
                    "color_transfer",
                    "colour transfer",
                    "unspecified",
                    "bt709",
                ),
                (1, 0, "color_space", "colour space", "unspecified", "bt709"),
            ],
        ),
        (
            "a0.mp4",
            "mpeg4.mp4",
            &[
                (1, 0, "codec", "codec", "h264", "mpeg4"),
                (
                    1,
                    0,
                    "profile",
                    "profile",
                    "High",
                    "Advanced Simple Profile",
                ),
            ],
        ),
        (
            "hdr.mp4",
            "hdr_plain.mp4",
            &[
                (1, 0, "hdr", "HDR metadata", light, "none"),
                (
                    1,
                    0,
                    "dolby_vision",
                    "Dolby Vision configuration",
                    &layers,
                    "none",
                ),
            ],
        ),
        (
            "aac0.m4a",
            "alac0.m4a",
            &[
                (1, 0, "codec", "codec", "aac", "alac"),
                (1, 0, "frame_size", "frame size", "1024", "4096"),
            ],
        ),
        (
            "i_hevc0.mp4",
            "av1_0.mp4",
            &[
                (1, 0, "codec", "codec", "hevc", "av1"),
                (1, 0, "resolution", "resolution", "320x180", "160x90"),
            ],
        ),
    ];
    for (first, second, differences) in table {
        assert_differ(&[first, second], differences);
    }
}
