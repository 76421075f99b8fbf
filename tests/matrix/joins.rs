//! One test per container and codec.

use std::path::{Path, PathBuf};

use media_concat_test_support::{desk::listing, fixtures::clip, process::tool};

use crate::{ear, quirks::text};

/// Where the second clip begins: a second after the first has ended.
pub(crate) const START: f64 = 3.0;

/// Joins two clips and judges the output. `frame` is how long a coded frame of sound is, in seconds; `tick` is
/// what the output's timestamps are counted in.
fn judge(name: &str, from: &str, to: &str, frame: f64, tick: f64) {
    let clips = [0, 1].map(|index| clip(&format!("{name}{index}.{from}")));
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join(format!("out.{to}"));
    let sources = [0.0, START].map(|at| format!("{}@{at}", clips[usize::from(at > 0.0)].display()));
    let args = ["join", "--quiet", "-o", text(&output)];
    tool(args.into_iter().chain(sources.iter().map(String::as_str))).expect(0);
    assert_eq!(listing(folder.path()).len(), 1, "litter");
    ear::assert_sound(&output);
    let codecs = ear::codecs(&output);
    assert_eq!(codecs, carried(&clips[0]));
    let has = |kind: &str| codecs.iter().any(|(of, _)| of == kind);
    if has("video") {
        pictures(&clips, &output, tick);
    }
    if has("audio") {
        sound(&clips, &output, frame);
    }
}

/// Every picture of both is there, as it was, the second clip's first one where it belongs.
fn pictures(clips: &[PathBuf; 2], output: &Path, tick: f64) {
    let expected = clips
        .each_ref()
        .map(|clip| ear::hashes(clip, "0:v:0", false));
    assert_eq!(ear::hashes(output, "0:v:0", false), expected.concat());
    let times = ear::picture_times(output);
    let own = clips.each_ref().map(|clip| ear::picture_times(clip));
    let zeros = clips.each_ref().map(|clip| zero(clip));
    let first = expected[0].len();
    assert_eq!(times.len(), expected.concat().len());
    let late = times[first] - (START + own[1].first().map_or(0.0, |first| first - zero(&clips[1])));
    assert!(
        late.abs() <= tick,
        "the second clip's first picture is {late} s late"
    );
    for (index, at) in times.iter().enumerate() {
        let (clip, own_index, start) = if index < first {
            (0, index, 0.0)
        } else {
            (1, index - first, START)
        };
        // AVI has none of its own.
        let Some(shown) = own[clip].get(own_index) else {
            continue;
        };
        // A source's own ticks may be coarser than the output's.
        let late = at - (start + shown - zeros[clip]);
        assert!(
            late.abs() <= tick.max(0.001),
            "picture {index} is {late} s late"
        );
    }
}

/// A clip's codecs as outputs have them: LATM is AAC in frames of its own.
fn carried(clip: &Path) -> Vec<(String, String)> {
    let mut all = ear::codecs(clip);
    for (_, codec) in &mut all {
        if codec == "aac_latm" {
            "aac".clone_into(codec);
        }
    }
    all
}

/// Half a coded frame of sound, of AC-3: sound that leads the pictures by less needs no time before it.
const HALF_A_FRAME: f64 = 0.016;

/// Where a clip's own beginning is: its first picture, or its sound where that leads it by more than half a frame.
/// Coders that need a start-up begin their sound before the first picture without saying so, and that is not meant
/// to be heard.
fn zero(clip: &Path) -> f64 {
    let codecs = carried(clip);
    let sound = codecs.iter().find(|(kind, _)| kind == "audio");
    let Some(picture) = ear::picture_times(clip).first().copied() else {
        return 0.0;
    };
    match sound {
        Some((_, codec)) if !["aac", "mp3", "vorbis"].contains(&codec.as_str()) => {
            let sound = ear::sound_start(clip).max(0.0);
            // MP2's start-up is hidden, as MP3's is: where nothing can be hidden, it comes first.
            if picture - sound > HALF_A_FRAME || codec == "mp2" {
                sound
            } else {
                picture
            }
        }
        _ => picture,
    }
}

/// The tones begin and end where they do in the clips, by count of samples, to half a coded frame.
fn sound(clips: &[PathBuf; 2], output: &Path, frame: f64) {
    // Half a frame by count; and behind silence the first frame fades in, as it overlaps with the one before.
    let slack = frame + 0.003;
    let began = ear::tone_after(output, START - 0.4);
    let expected = START + ear::tone_after(&clips[1], 0.0) - zero(&clips[1]);
    assert!(
        (began - expected).abs() <= slack,
        "the second tone begins at {began}, not {expected}"
    );
    let ended = ear::tone_before(output, START - 0.4);
    let expected = ear::tone_before(&clips[0], 10.0) - zero(&clips[0]);
    // A whole frame may be left out where the clip ends.
    assert!(
        (ended - expected).abs() <= slack + frame / 2.0,
        "the first tone ends at {ended}, not {expected}"
    );
    let ended = ear::tone_before(output, 10.0);
    let expected = START + ear::tone_before(&clips[1], 10.0) - zero(&clips[1]);
    assert!(
        (ended - expected).abs() <= slack + frame / 2.0,
        "the second tone ends at {ended}, not {expected}"
    );
    let heard = ear::heard(output);
    let expected = START + ear::heard(&clips[1]);
    assert!(
        (heard - expected).abs() <= slack + frame / 2.0,
        "{heard} s of sound, not {expected}"
    );
}

/// Seconds that 48,000 samples per second take.
const fn frame(samples: u32) -> f64 {
    samples as f64 / 48_000.0
}

const AAC: f64 = frame(1024);
const AC3: f64 = frame(1536);
const MP3: f64 = frame(1152);
const FLAC: f64 = frame(4608);
const OPUS: f64 = frame(960);
const VORBIS: f64 = frame(1024);
const PCM: f64 = 0.0;
/// 160 samples at 8 kHz, 320 at 16 kHz.
const AMR: f64 = 0.02;

const MILLI: f64 = 0.001;
const MPEG: f64 = 1.0 / 90_000.0 + 1e-6;
const EXACT: f64 = 2e-5;

macro_rules! joins {
    ($($name:ident: $clip:literal, $from:literal => $to:literal, $frame:expr, $tick:expr;)*) => {
        $(#[test] fn $name() { judge($clip, $from, $to, $frame, $tick); })*
    };
}

// What stays in its container.
joins! {
    matroska_h264_aac: "h264_aac", "mkv" => "mkv", AAC, MILLI;
    matroska_h264_ac3: "h264_ac3", "mkv" => "mkv", AC3, MILLI;
    matroska_h264_mp3: "h264_mp3", "mkv" => "mkv", MP3, MILLI;
    matroska_h264_flac: "h264_flac", "mkv" => "mkv", FLAC, MILLI;
    matroska_h264_pcm: "h264_pcm", "mkv" => "mkv", PCM, MILLI;
    matroska_hevc_eac3: "hevc_eac3", "mkv" => "mkv", AC3, MILLI;
    matroska_ntsc_aac: "ntsc_aac", "mkv" => "mkv", AAC, MILLI;
    matroska_opus: "opus", "mka" => "mka", OPUS, MILLI;
    matroska_flac: "flac", "mka" => "mka", FLAC, MILLI;
    webm_vp9_opus: "vp9_opus", "webm" => "webm", OPUS, MILLI;
    webm_vp8_vorbis: "vp8_vorbis", "webm" => "webm", VORBIS, MILLI;
    ts_h264_aac: "h264_aac", "ts" => "ts", AAC, MPEG;
    ts_h264_ac3: "h264_ac3", "ts" => "ts", AC3, MPEG;
    ts_hevc_aac: "hevc_aac", "ts" => "ts", AAC, MPEG;
    ts_mpeg2_mp2: "mpeg2_mp2", "ts" => "ts", MP3, MPEG;
    mp3: "mp3", "mp3" => "mp3", MP3, EXACT;
    adts: "aac", "aac" => "aac", AAC, EXACT;
    flac: "flac", "flac" => "flac", FLAC, EXACT;
    ogg_vorbis: "vorbis", "ogg" => "ogg", VORBIS, EXACT;
    ogg_opus: "opus", "opus" => "opus", OPUS, EXACT;
    ogg_flac: "oggflac", "oga" => "oga", FLAC, EXACT;
    wav_s16: "s16", "wav" => "wav", PCM, EXACT;
    wav_s24: "s24", "wav" => "wav", PCM, EXACT;
    wav_rf64: "rf64", "wav" => "wav", PCM, EXACT;
}

// What changes its container.
joins! {
    matroska_to_mp4: "h264_aac", "mkv" => "mp4", AAC, EXACT;
    matroska_hevc_to_mp4: "hevc_eac3", "mkv" => "mp4", AC3, EXACT;
    matroska_ntsc_to_mp4: "ntsc_aac", "mkv" => "mp4", AAC, EXACT;
    ts_to_mp4: "h264_aac", "ts" => "mp4", AAC, EXACT;
    ts_hevc_to_mp4: "hevc_aac", "ts" => "mp4", AAC, EXACT;
    ts_to_matroska: "h264_ac3", "ts" => "mkv", AC3, MILLI;
    mp4_to_ts: "h264_aac", "mp4" => "ts", AAC, MPEG;
    mp4_to_matroska: "h264_aac", "mp4" => "mkv", AAC, MILLI;
    flv_to_mp4: "h264_aac", "flv" => "mp4", AAC, EXACT;
    flv_to_matroska: "h264_aac", "flv" => "mkv", AAC, MILLI;
    avi_h264_to_mp4: "h264_mp3", "avi" => "mp4", MP3, EXACT;
    avi_mpeg4_to_mp4: "mpeg4_mp3", "avi" => "mp4", MP3, EXACT;
    webm_to_mp4: "vp9_opus", "webm" => "mp4", OPUS, EXACT;
    mp3_to_m4a: "mp3", "mp3" => "m4a", MP3, EXACT;
    adts_to_m4a: "aac", "aac" => "m4a", AAC, EXACT;
    m4a_to_adts: "aac", "m4a" => "aac", AAC, EXACT;
    latm_to_m4a: "aac", "latm" => "m4a", AAC, EXACT;
    latm_to_adts: "aac", "latm" => "aac", AAC, EXACT;
    latm_to_matroska: "aac", "latm" => "mka", AAC, MILLI;
    latm_to_ts: "aac", "latm" => "ts", AAC, MPEG;
    ts_latm_to_mp4: "h264_latm", "ts" => "mp4", AAC, EXACT;
    ts_latm_to_matroska: "h264_latm", "ts" => "mkv", AAC, MILLI;
    ts_latm_to_ts: "h264_latm", "ts" => "ts", AAC, MPEG;
    amr_to_mp4: "amr_nb", "amr" => "mp4", AMR, EXACT;
    amr_to_3gp: "amr_nb", "amr" => "3gp", AMR, EXACT;
    amr_to_mov: "amr_nb", "amr" => "mov", AMR, EXACT;
    amr_wide_to_mp4: "amr_wb", "amr" => "mp4", AMR, EXACT;
    amr_wide_to_mov: "amr_wb", "amr" => "mov", AMR, EXACT;
    ac3_to_m4a: "ac3", "ac3" => "m4a", AC3, EXACT;
    eac3_to_matroska: "eac3", "eac3" => "mka", AC3, MILLI;
    flac_to_matroska: "flac", "flac" => "mka", FLAC, MILLI;
    ogg_opus_to_webm: "opus", "opus" => "webm", OPUS, MILLI;
    matroska_opus_to_ogg: "opus", "mka" => "opus", OPUS, EXACT;
    ogg_opus_to_m4a: "opus", "opus" => "m4a", OPUS, EXACT;
    wav_to_mov: "s16", "wav" => "mov", PCM, EXACT;
    aiff_to_wav: "s16", "aiff" => "mov", PCM, EXACT;
}
