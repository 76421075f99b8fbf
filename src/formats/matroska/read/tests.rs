//! What is said of pictures is read, whatever surrounds it; damage is no more than nothing found.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::*;

fn element(id: u32, content: &[u8]) -> Vec<u8> {
    let bytes = id.to_be_bytes();
    let mut out = bytes[(id.leading_zeros() / 8) as usize..].to_vec();
    out.extend_from_slice(&(content.len() as u64 | 1 << 56).to_be_bytes());
    out.extend_from_slice(content);
    out
}

fn uint(id: u32, value: u32) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

fn double(id: u32, value: f64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// A video track of 320 by 180 with more elements in `Video`, and in its entry.
fn tracks(video: &[Vec<u8>], entry: &[Vec<u8>]) -> Vec<u8> {
    let size = [uint(ids::PIXEL_WIDTH, 320), uint(ids::PIXEL_HEIGHT, 180)].concat();
    let video = element(ids::VIDEO, &[size, video.concat()].concat());
    let sound = element(ids::TRACK_ENTRY, &uint(ids::TRACK_TYPE, 2));
    let entry = [uint(ids::TRACK_TYPE, 1), video, entry.concat()].concat();
    [sound, element(ids::TRACK_ENTRY, &entry)].concat()
}

fn only(video: &[Vec<u8>], entry: &[Vec<u8>]) -> VideoTrack {
    let mut all = parse_tracks(&tracks(video, entry));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn found_in(file: &[u8]) -> Option<Vec<u8>> {
    let mut reads = 0;
    let read = |range: Range<u64>| {
        reads += 1;
        assert!(reads < 20_000, "no end");
        let part = file.get(range.start as usize..range.end as usize);
        Ok(part.map(<[u8]>::to_vec))
    };
    find_tracks(file.len() as u64, read).expect("no failure")
}

#[test]
fn nothing_said_is_nothing() {
    let found = only(&[], &[]);
    let plain = VideoTrack {
        size: (320, 180),
        ..VideoTrack::default()
    };
    assert_eq!(found, plain);
}

#[test]
fn the_display_size_tells_the_shape_of_pixels() {
    let display = |width, height, unit| {
        [
            uint(ids::DISPLAY_WIDTH, width),
            uint(ids::DISPLAY_HEIGHT, height),
            uint(ids::DISPLAY_UNIT, unit),
        ]
    };
    assert_eq!(only(&display(240, 180, 0), &[]).aspect, Some((3, 4)));
    assert_eq!(only(&display(4, 3, 3), &[]).aspect, Some((3, 4)));
    assert_eq!(only(&display(4, 3, 4), &[]).aspect, None);
    assert_eq!(only(&display(0, 0, 0), &[]).aspect, None);
    // It is what remains that fills the display.
    // It is one of two views that fills it.
    let half = [&display(320, 180, 0)[..], &[uint(ids::STEREO_MODE, 1)]].concat();
    assert_eq!(only(&half, &[]).aspect, Some((2, 1)));
    let crop = [uint(ids::CROP_TOP, 20), uint(ids::CROP_BOTTOM, 20)];
    let video = [&crop[..], &display(320, 140, 0)].concat();
    let found = only(&video, &[]);
    assert_eq!(found.aspect, Some((1, 1)));
    assert_eq!(found.facts.crop.map(|crop| crop.top), Some(20));
    let nothing_left = [uint(ids::CROP_TOP, 100), uint(ids::CROP_BOTTOM, 80)];
    assert_eq!(only(&nothing_left, &[]).facts.crop, None);
}

#[test]
fn poses_of_a_plane_are_turns() {
    let pose = |yaw, pitch, roll| {
        let all = [
            uint(ids::PROJECTION_TYPE, 0),
            double(ids::POSE_YAW, yaw),
            double(ids::POSE_PITCH, pitch),
            double(ids::POSE_ROLL, roll),
        ];
        only(&[element(ids::PROJECTION, &all.concat())], &[])
    };
    let turn = |degrees, mirrored| Some(Turn { degrees, mirrored });
    assert_eq!(pose(0.0, 0.0, 90.0).turn, turn(90.0, false));
    assert_eq!(pose(0.0, 0.0, 270.0).turn, turn(-90.0, false));
    assert_eq!(pose(180.0, 0.0, 0.0).turn, turn(0.0, true));
    assert_eq!(pose(0.0, 0.0, 0.0).turn, None);
    assert_eq!(pose(0.0, 0.0, f64::NAN).turn, None);
    let tilted = pose(10.0, 0.0, 0.0);
    assert!(tilted.turn.is_none() && tilted.facts.unmapped.len() == 1);
}

#[test]
fn projections_and_stereo_modes_are_read() {
    let all = [uint(ids::PROJECTION_TYPE, 1), double(ids::POSE_YAW, -90.0)];
    let video = [
        element(ids::PROJECTION, &all.concat()),
        uint(ids::STEREO_MODE, 3),
    ];
    let facts = only(&video, &[]).facts;
    let projection = facts.projection.expect("projected");
    assert_eq!((projection.yaw, projection.data.len()), (-(90 << 16), 20));
    assert_eq!(facts.stereo, Some(StereoMode::TOP_BOTTOM));
    assert_eq!(only(&[uint(ids::STEREO_MODE, 0)], &[]).facts.stereo, None);
    assert_eq!(only(&[uint(ids::STEREO_MODE, 99)], &[]).facts.stereo, None);
}

#[test]
fn light_colours_and_dolby_vision_are_read() {
    let luminance = [
        double(ids::LUMINANCE_MAX, 1_000.0),
        double(ids::LUMINANCE_MIN, 0.01),
    ];
    let colour = [
        uint(ids::RANGE, 2),
        uint(ids::MATRIX_COEFFICIENTS, 9),
        uint(ids::MAX_CLL, 1_000),
        uint(ids::MAX_FALL, 400),
        element(ids::MASTERING, &luminance.concat()),
    ];
    let mapping = [
        uint(ids::BLOCK_ADD_ID_TYPE, u32::from_be_bytes(*b"dvvC")),
        element(ids::BLOCK_ADD_ID_EXTRA_DATA, &[1, 0, 16, 13]),
    ];
    let found = only(
        &[element(ids::COLOUR, &colour.concat())],
        &[element(ids::BLOCK_ADDITION_MAPPING, &mapping.concat())],
    );
    assert_eq!(found.colour, Some(([2, 2, 9], true)));
    let light = ContentLight {
        most: 1_000,
        average: 400,
    };
    assert_eq!(found.facts.light, Some(light));
    let mastering = Mastering {
        primaries: None,
        luminance: Some((10_000_000, 100)),
    };
    assert_eq!(found.facts.mastering, Some(mastering));
    assert!(found.facts.layers[0].is_dolby_vision());
}

#[test]
fn tracks_are_found_before_and_behind_the_media() {
    let tracks = tracks(&[], &[]);
    let whole = element(ids::TRACKS, &tracks);
    let head = element(ids::EBML, &[1, 2, 3]);
    let cluster = element(ids::CLUSTER, &[0; 50]);
    // A segment of unknown size, as a live stream has.
    let segment = |content: &[u8]| {
        let open = [&ids::SEGMENT.to_be_bytes()[..], &[0x01], &[0xFF; 7]].concat();
        [&head[..], &open, content].concat()
    };
    let void = element(0xEC, &[0; 9]);
    let before = segment(&[&void[..], &whole, &cluster].concat());
    assert_eq!(found_in(&before), Some(tracks.clone()));
    let table = |place: u32| {
        let seek = [
            element(ids::SEEK_ID, &ids::TRACKS.to_be_bytes()),
            uint(ids::SEEK_POSITION, place),
        ];
        element(ids::SEEK_HEAD, &element(ids::SEEK, &seek.concat()))
    };
    let place = table(0).len() + cluster.len();
    let place = u32::try_from(place).expect("small");
    let behind = segment(&[&table(place)[..], &cluster, &whole].concat());
    assert_eq!(found_in(&behind), Some(tracks.clone()));
    // A table that points back leads nowhere.
    assert_eq!(
        found_in(&segment(&[&table(0)[..], &cluster].concat())),
        None
    );
    assert_eq!(found_in(&segment(&cluster)), None);
    let end = before.len() - cluster.len();
    for len in 0..before.len() {
        let expected = (len >= end).then_some(&tracks);
        assert_eq!(found_in(&before[..len]).as_ref(), expected, "{len}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Some(found) = found_in(&bytes) {
            prop_assert!(found.is_empty() || bytes.windows(found.len()).any(|place| place == found));
        }
        // Nothing behind what is whole takes it away.
        let video = element(ids::VIDEO, &[&uint(ids::PIXEL_WIDTH, 320)[..], &bytes].concat());
        let entry = element(ids::TRACK_ENTRY, &[uint(ids::TRACK_TYPE, 1), video].concat());
        let found = parse_tracks(&[&entry[..], &bytes].concat());
        prop_assert_eq!(found.first().map(|track| track.size.0), Some(320));
        let whole = element(ids::TRACKS, &entry);
        let open = [&ids::SEGMENT.to_be_bytes()[..], &[0x01], &[0xFF; 7], &whole, &bytes].concat();
        prop_assert_eq!(found_in(&open), Some(entry));
    }

    /// Content of any kind where colours and projections are expected.
    #[test]
    fn any_content_is_taken(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        for id in [ids::COLOUR, ids::PROJECTION, ids::DISPLAY_WIDTH, ids::STEREO_MODE, ids::CROP_LEFT] {
            let found = only(&[element(id, &bytes)], &[element(ids::BLOCK_ADDITION_MAPPING, &bytes)]);
            prop_assert_eq!(found.size, (320, 180));
        }
    }
}
