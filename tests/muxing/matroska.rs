//! Matroska and `WebM`.

use std::path::Path;

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::ffmpeg::{ffmpeg, ffprobe, payload};
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Join, Joined};

use crate::judge::{assert_decodes, assert_left_of, mkvmerge, packets, pictures, samples};

/// A tick of the files that are written, in seconds.
const TICK: f64 = 1e-5;

/// Pairs of fragments, what they become, and the streams to be compared.
const PAIRS: [(&str, &str, &str, &[&str]); 20] = [
    ("a0.mp4", "a1.mp4", "out.mkv", &["v:0", "a:0"]),
    ("i_hevc0.mp4", "i_hevc0.mp4", "out.mkv", &["v:0"]),
    ("av1_0.mp4", "av1_1.mp4", "out.mkv", &["v:0"]),
    ("av1_0.mp4", "av1_1.mp4", "out.webm", &["v:0"]),
    ("vp9.mp4", "vp9.mp4", "out.webm", &["v:0"]),
    ("vp9.mp4", "vp9.mp4", "out.mkv", &["v:0"]),
    ("mpeg4.mp4", "mpeg4.mp4", "out.mkv", &["v:0", "a:0"]),
    ("prores.mov", "prores.mov", "out.mkv", &["v:0"]),
    (
        "interlaced.mp4",
        "interlaced.mp4",
        "out.mkv",
        &["v:0", "a:0"],
    ),
    ("open_gop.mp4", "open_gop.mp4", "out.mkv", &["v:0", "a:0"]),
    ("vfr.mp4", "vfr.mp4", "out.mkv", &["v:0", "a:0"]),
    ("surround.mp4", "surround.mp4", "out.mkv", &["v:0", "a:0"]),
    ("aac0.m4a", "aac1.m4a", "out.mka", &["a:0"]),
    ("opus0.mp4", "opus1.mp4", "out.mka", &["a:0"]),
    ("opus0.mp4", "opus1.mp4", "out.webm", &["a:0"]),
    ("flac0.mp4", "flac1.mp4", "out.mka", &["a:0"]),
    ("alac0.m4a", "alac1.m4a", "out.mka", &["a:0"]),
    ("mp3_0.mp4", "mp3_1.mp4", "out.mka", &["a:0"]),
    ("ac3_0.mp4", "ac3_1.mp4", "out.mka", &["a:0"]),
    ("eac3.mp4", "eac3.mp4", "out.mka", &["a:0"]),
];

fn join(sources: &[&str], name: &'static str) -> Joined {
    let joined = Join::of(sources).named(name).with(&["--verify"]).run();
    mkvmerge(&joined.path);
    assert_decodes(&joined.path);
    joined
}

#[test]
fn payloads_are_the_fragments() {
    for (first, second, name, streams) in PAIRS {
        let joined = join(&[first, second], name);
        for stream in streams {
            let whole = [first, second]
                .map(|name| payload(&fixture(name), stream))
                .concat();
            let found: Vec<_> = packets(&joined.path, stream)
                .into_iter()
                .map(|packet| packet.hash)
                .collect();
            if stream.starts_with('v') {
                assert_eq!(found, whole, "{first} and {second} as {name}");
            } else {
                assert_left_of(&found, &whole);
                assert!(
                    found.len() + 8 > whole.len(),
                    "{first} as {name}: {} of {}",
                    found.len(),
                    whole.len()
                );
            }
            let track = joined.list("tracks").iter().find(|track| {
                let kind = track["kind"].as_str().unwrap();
                kind.starts_with(&stream[..1])
            });
            let reported = track.unwrap()["packets"].as_u64().unwrap();
            assert_eq!(reported, found.len() as u64, "{first} as {name}: report");
        }
    }
}

#[test]
fn pcm_is_sample_for_sample() {
    let joined = join(&["pcm0.mov", "pcm1.mov"], "out.mkv");
    assert_eq!(samples(&joined.path, 1), 4 * 48_000);
    assert_near(joined.seconds("/duration"), 4.0, 0.0, "duration");
}

#[test]
fn every_fragment_begins_at_its_start() {
    let joined = join(&["a0.mp4@0", "a1.mp4@2.123457", "a2.mp4@5"], "out.mkv");
    let mut video: Vec<f64> = packets(&joined.path, "v:0")
        .iter()
        .map(|packet| packet.pts)
        .collect();
    video.sort_by(f64::total_cmp);
    for (index, pts) in video.iter().enumerate() {
        let start = [0.0, 2.123_457, 5.0][index / 60];
        let expected = start + (index % 60) as f64 / 30.0;
        assert_near(*pts, expected, TICK, index);
    }
    // Sound goes on through the gaps: every frame follows the one before it, and the count of samples
    // is that of the timeline.
    let audio = packets(&joined.path, "a:0");
    for (index, packet) in audio.iter().enumerate() {
        let expected = audio[0].pts + index as f64 * 1024.0 / 48_000.0;
        assert_near(packet.pts, expected, TICK, index);
    }
    assert_near(joined.seconds("/duration"), 7.0, 0.0, "duration");
}

#[test]
fn ntsc_rates_and_aac_do_not_jitter() {
    for (clip, rate) in [
        ("r_2997.mp4", 30_000.0 / 1001.0),
        ("r_5994.mp4", 60_000.0 / 1001.0),
    ] {
        let joined = join(&[clip, clip], "out.mkv");
        let mut video: Vec<f64> = packets(&joined.path, "v:0")
            .iter()
            .map(|packet| packet.pts)
            .collect();
        video.sort_by(f64::total_cmp);
        for (index, pts) in video.iter().enumerate() {
            assert_near(*pts, index as f64 / rate, 1.5 * TICK, (clip, index));
        }
        let shown = "stream=r_frame_rate,avg_frame_rate";
        let stream = ffprobe(
            &joined.path,
            &["-select_streams", "v", "-show_entries", shown],
        );
        let rates = stream["streams"][0].as_object().unwrap();
        for (key, value) in rates {
            let (a, b) = value.as_str().unwrap().split_once('/').unwrap();
            let found = a.parse::<f64>().unwrap() / b.parse::<f64>().unwrap();
            assert_near(found, rate, 0.001, key);
        }
    }
}

#[test]
fn seeking_finds_the_key_frame() {
    let joined = join(&["a0.mp4", "a1.mp4", "a2.mp4"], "out.mkv");
    let key = packets(&joined.path, "v:0")
        .iter()
        .filter(|packet| packet.key && packet.pts <= 4.5)
        .map(|packet| packet.pts)
        .fold(0.0, f64::max);
    let args = ["-read_intervals", "4.5%+#1", "-select_streams", "v:0"];
    let found = ffprobe(
        &joined.path,
        &[&args[..], &["-show_entries", "packet=pts_time"]].concat(),
    );
    let first = found["packets"][0]["pts_time"].as_str().unwrap();
    assert_near(first.parse().unwrap(), key, TICK, "sought");
}

#[test]
fn differing_parameter_sets_decode() {
    let joined = join(&["a0.mp4", "b_sets.mp4", "a0.mp4"], "out.mkv");
    let of = |name: &str| pictures(&fixture(name));
    let whole = [of("a0.mp4"), of("b_sets.mp4"), of("a0.mp4")].concat();
    assert_eq!(pictures(&joined.path), whole);
    // QuickTime's way is not Matroska's: a track has one configuration there.
    let asked = Join::of(&["a0.mp4", "b_sets.mp4"])
        .named("out.mkv")
        .with(&["--parameter-sets", "entries"])
        .run();
    assert_eq!(pictures(&asked.path), whole[..whole.len() - 60]);
}

#[test]
fn opus_has_its_samples_and_no_more() {
    for name in ["out.webm", "out.mka"] {
        let joined = join(&["opus0.mp4@0", "opus1.mp4@2"], name);
        assert_eq!(samples(&joined.path, 1), 4 * 48_000, "{name}");
    }
}

#[test]
fn cues_keep_their_texts_and_times() {
    let joined = join(&["sub_plain.mp4", "sub_plain.mp4@3"], "out.mkv");
    let times = |path: &Path| -> Vec<(f64, f64)> {
        let shown = "packet=pts_time,duration_time,size";
        let found = ffprobe(path, &["-select_streams", "s:0", "-show_entries", shown]);
        let all = found["packets"].as_array().unwrap().iter();
        let read = |packet: &serde_json::Value, key: &str| {
            packet[key].as_str().unwrap().parse::<f64>().unwrap()
        };
        all.filter(|packet| packet["size"] != "2")
            .map(|packet| (read(packet, "pts_time"), read(packet, "duration_time")))
            .collect()
    };
    let own = times(&fixture("sub_plain.mp4"));
    let found = times(&joined.path);
    assert_eq!(found.len(), 2 * own.len());
    for (index, (start, duration)) in found.iter().enumerate() {
        let (own_start, own_duration) = own[index % own.len()];
        let offset = if index < own.len() { 0.0 } else { 3.0 };
        assert_near(*start, own_start + offset, 2.0 * TICK, index);
        assert!(
            *duration <= own_duration + 2.0 * TICK,
            "{duration} {own_duration}"
        );
    }
    let text = |path: &Path| {
        let args = [
            "-i".as_ref(),
            path.as_os_str(),
            "-f".as_ref(),
            "srt".as_ref(),
            "-".as_ref(),
        ];
        let all = String::from_utf8(ffmpeg(args)).unwrap();
        let lines = all
            .lines()
            .filter(|line| line.chars().any(char::is_alphabetic));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let own = text(&fixture("sub_plain.mp4"));
    assert!(!own.is_empty());
    assert_eq!(text(&joined.path), [own.clone(), own].concat());
}

#[test]
fn chapters_tags_and_languages_are_carried() {
    let joined = join(&["chapters.mp4", "chapters.mp4"], "out.mkv");
    let found = ffprobe(&joined.path, &["-show_chapters"]);
    let own = ffprobe(&fixture("chapters.mp4"), &["-show_chapters"]);
    let titles = |of: &serde_json::Value| -> Vec<(f64, String)> {
        let all = of["chapters"].as_array().unwrap().iter();
        all.map(|one| {
            let start = one["start_time"].as_str().unwrap().parse().unwrap();
            (start, one["tags"]["title"].as_str().unwrap().to_owned())
        })
        .collect()
    };
    let own = titles(&own);
    let later = own
        .iter()
        .map(|(start, title)| (start + 2.0, title.clone()));
    let wanted: Vec<_> = own.iter().cloned().chain(later).collect();
    assert_eq!(titles(&found), wanted);

    let joined = join(&["tags.mp4", "tags.mp4"], "out.mkv");
    let tags = |path: &Path| {
        let found = ffprobe(path, &["-show_entries", "format_tags"]);
        let all = found["format"]["tags"].as_object().unwrap().clone();
        all.into_iter()
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let (own, found) = (tags(&fixture("tags.mp4")), tags(&joined.path));
    for name in ["title", "artist", "comment"] {
        assert_eq!(found.get(name), own.get(name), "{name}");
    }
    assert!(own.contains_key("title"));

    let joined = join(&["lang_eng_deu.mp4", "lang_eng_deu.mp4"], "out.mkv");
    let seen = mkvmerge(&joined.path);
    let languages: Vec<_> = seen["tracks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|track| track["type"] == "audio")
        .map(|track| track["properties"]["language"].clone())
        .collect();
    assert_eq!(languages, ["eng", "ger"]);
}

#[test]
fn shape_and_colour_are_carried() {
    let shown = "stream=sample_aspect_ratio,color_range,color_space,color_transfer,\
                 color_primaries,field_order,side_data_list";
    for clip in ["sar.mp4", "hdr.mp4", "colour.mp4", "interlaced.mp4"] {
        let joined = join(&[clip, clip], "out.mkv");
        let of = |path: &Path| {
            let args = ["-select_streams", "v:0", "-show_entries", shown];
            ffprobe(path, &args)["streams"][0].clone()
        };
        assert_eq!(of(&joined.path), of(&fixture(clip)), "{clip}");
    }
}

#[test]
fn what_cannot_live_there_is_refused_by_name() {
    Join::of(&["a0.mp4"])
        .named("out.webm")
        .refused(3)
        .says(&["WebM cannot carry h264", "video track 0"]);
    Join::of(&["aac0.m4a"])
        .named("out.webm")
        .refused(3)
        .says(&["WebM cannot carry aac"]);
    Join::of(&["cut0.mp4", "cut1.mp4"])
        .named("out.mkv")
        .refused(3)
        .says(&[
            "fragment 0",
            "cut0.mp4",
            "hides",
            "Matroska cannot hide any",
        ]);
    let joined = join(&["gpmd.mp4", "gpmd.mp4"], "out.mkv");
    let warnings = joined.report["warnings"].to_string();
    assert!(warnings.contains("data track is left out"), "{warnings}");
    assert_eq!(joined.list("tracks").len(), 2);
}
