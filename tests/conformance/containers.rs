//! Every codec and every way of writing an MP4: joined with itself, nothing is lost.

use media_concat_test_support::ffmpeg::payload;
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::Join;

use crate::oracle::assert_sound;
use crate::oracle::movie::Movie;
use crate::oracle::pictures::frames;

/// Joins `name` twice with itself; the output has the extension of the source.
#[track_caller]
fn assert_joins(name: &'static str) {
    let out = match name.rsplit_once('.').unwrap().1 {
        "mov" => "out.mov",
        "m4a" => "out.m4a",
        "3gp" => "out.3gp",
        _ => "out.mp4",
    };
    let joined = Join::of(&[name, name]).named(out).run();
    let movie: Movie = assert_sound(&joined);
    let source = fixture(name);
    let (videos, audios) = (
        movie.tracks_of(b"vide").len(),
        movie.tracks_of(b"soun").len(),
    );
    if videos > 0 {
        let once = frames(&source);
        assert_eq!(frames(&joined.path), [&once[..], &once].concat());
        let once = payload(&source, "v:0");
        assert_eq!(payload(&joined.path, "v:0"), [&once[..], &once].concat());
    }
    let mut kept = 0;
    let mut had = 0;
    for index in 0..audios {
        let stream = format!("a:{index}");
        let once = payload(&source, &stream);
        let found = payload(&joined.path, &stream);
        // Where the sound ends before the picture, silence keeps the count.
        let silent = joined.list("tracks")[videos + index]["silentPackets"]
            .as_u64()
            .unwrap();
        let mut left = once.iter().chain(&once).peekable();
        let mut others = 0;
        for hash in &found {
            let mut ahead = left.clone();
            if ahead.any(|other| other == hash) {
                left = ahead;
            } else {
                others += 1;
            }
        }
        assert_eq!(others, silent, "{stream}: other packets");
        kept += found.len() as u64 - silent;
        had += 2 * once.len() as u64;
    }
    if !name.ends_with(".mov") {
        assert_eq!(
            kept + joined.dropped("audio"),
            had,
            "packets kept and dropped"
        );
    }
}

macro_rules! joins {
    ($($test:ident: $name:literal),* $(,)?) => {$(
        #[test]
        fn $test() {
            assert_joins($name);
        }
    )*};
}

joins! {
    h264_with_deep_reordering_joins: "b_pyramid.mp4",
    h264_without_reordering_joins: "no_b.mp4",
    h264_with_open_gops_joins: "open_gop.mp4",
    hevc_with_open_gops_joins: "open_gop_hevc.mp4",
    hevc_with_sets_in_band_joins: "hev1.mp4",
    h264_of_ten_bits_joins: "ten_bit.mp4",
    interlaced_h264_joins: "interlaced.mp4",
    variable_frame_rate_joins: "vfr.mp4",
    a_single_picture_joins: "one_picture.mp4",
    negative_composition_offsets_join: "neg_cts.mp4",
    vp9_joins: "vp9.mp4",
    mpeg4_joins: "mpeg4.mp4",
    h263_in_3gp_joins: "h263.3gp",
    prores_and_pcm_in_mov_join: "prores.mov",
    pcm_in_mov_joins: "pcm0.mov",
    a_phone_recording_joins: "phone.mov",
    aac_alone_joins: "aac0.m4a",
    alac_joins: "alac0.m4a",
    opus_joins: "opus0.mp4",
    flac_joins: "flac0.mp4",
    mp3_joins: "mp3_0.mp4",
    ac3_joins: "ac3_0.mp4",
    eac3_joins: "eac3.mp4",
    surround_sound_joins: "surround.mp4",
    an_index_first_file_joins: "faststart0.mp4",
    a_fragmented_file_joins: "j_frag.mp4",
    a_cmaf_file_joins: "cmaf.mp4",
    a_dash_file_joins: "dash.mp4",
    a_file_with_sidx_joins: "sidx.mp4",
    a_file_with_index_and_movie_fragments_joins: "frag_tail.mp4",
    a_cut_with_hidden_pictures_joins: "cut1.mp4",
}
