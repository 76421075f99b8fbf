//! What a container cannot say of pictures. Pure.

use crate::{
    formats::isobmff::picture,
    media::{
        Container, StreamKind, VideoParameters,
        picture::{PictureFacts, Turn},
    },
    plan::Plan,
    probe::{Fragment, Stream},
    warning::{Warning, WarningKind},
};

/// Warns of what `container` cannot say of the pictures of a plan.
pub(crate) fn name_left_out(container: Container, fragments: &[Fragment], plan: &mut Plan) {
    let mut warnings = Vec::new();
    for planned in &plan.tracks {
        if planned.matched.kind != StreamKind::Video {
            continue;
        }
        let fragment = &fragments[planned.matched.reference.0];
        let stream = planned.matched.reference_stream(fragments);
        for what in left_out(container, fragment, stream) {
            let message =
                format!("{what} of the video is left out: {container} has no place for it");
            warnings.push(Warning::new(WarningKind::PictureFactLeftOut, message));
        }
    }
    plan.warnings.append(&mut warnings);
}

/// What is lost, as nouns.
fn left_out(container: Container, fragment: &Fragment, stream: &Stream) -> Vec<String> {
    let facts = &stream.description.picture;
    if container.is_iso() {
        // What an ISO base media file says is carried as it is.
        if fragment.container.is_iso() {
            return Vec::new();
        }
        let size = stream.parameters.video.as_ref();
        let size = size.map_or((0, 0), |video| (video.width, video.height));
        let (_, mut lost) = picture::boxes_of(facts, size);
        lost.extend(facts.unmapped.iter().cloned());
        return lost;
    }
    if container.is_matroska() {
        let mut lost = facts.unmapped.clone();
        // There is one projection.
        match Turn::of(&stream.description.matrix) {
            Some(turn) if facts.projection.is_some() => lost.push(turn.to_string()),
            None if shears(&stream.description.matrix) => lost.push("display matrix".to_owned()),
            _ => {}
        }
        return lost;
    }
    all(facts, stream)
}

/// Everything that is said beside the coded pictures.
fn all(facts: &PictureFacts, stream: &Stream) -> Vec<String> {
    let mut all = Vec::new();
    match Turn::of(&stream.description.matrix) {
        Some(turn) => all.push(turn.to_string()),
        None if shears(&stream.description.matrix) => all.push("display matrix".to_owned()),
        None => {}
    }
    if let Some(video) = &stream.parameters.video {
        let own = video.coded.sample_aspect.unwrap_or((1, 1));
        let ((a, b), (c, d)) = (video.sample_aspect, own);
        if u64::from(a) * u64::from(d) != u64::from(b) * u64::from(c) {
            all.push(format!("pixel aspect ratio {a}:{b}"));
        }
        all.extend(colours(video));
    }
    all.extend(fields(facts, stream));
    all.extend(facts.crop.map(|crop| format!("crop ({crop})")));
    all.extend(facts.stereo.map(|mode| format!("stereo mode ({mode})")));
    all.extend(facts.projection.as_ref().map(ToString::to_string));
    let coded = stream.parameters.video.as_ref().map(|video| &video.coded);
    let mastering = facts
        .mastering
        .filter(|_| coded.is_none_or(|coded| !coded.mastering));
    let light = facts
        .light
        .filter(|_| coded.is_none_or(|coded| !coded.light));
    all.extend(mastering.map(|one| one.to_string()));
    all.extend(light.map(|one| one.to_string()));
    if facts.layers.iter().any(|layer| layer.is_dolby_vision()) {
        all.push("Dolby Vision configuration".to_owned());
    }
    let others = facts.layers.iter().filter(|layer| !layer.is_dolby_vision());
    all.extend(others.map(|layer| {
        let kind = String::from_utf8_lossy(&layer.kind).into_owned();
        format!("layer configuration {kind}")
    }));
    all.extend(picture::additions(facts));
    all.extend(facts.unmapped.iter().cloned());
    all
}

/// An order of fields that is not the pictures' own.
fn fields(facts: &PictureFacts, stream: &Stream) -> Option<String> {
    let video = stream.parameters.video.as_ref()?;
    let order = facts.field_order?.name();
    let own = video.field_order.as_deref();
    (own != Some(order)).then(|| format!("field order {order}"))
}

/// What is said of colours and not by the pictures themselves.
fn colours(video: &VideoParameters) -> Vec<String> {
    let Some(coded) = &video.coded.colors else {
        return Vec::new();
    };
    let names = [
        "colour range",
        "colour primaries",
        "colour transfer",
        "colour space",
    ];
    let all = names.into_iter().zip(video.colors()).zip(coded);
    // A limited range is what is taken for granted.
    let known = |said: &Option<String>| said.as_deref().is_some_and(|said| said != "tv");
    let lost = all.filter(|((_, said), coded)| known(said) && said != *coded);
    lost.map(|((name, said), _)| format!("{name} {}", said.unwrap_or_default()))
        .collect()
}

/// Whether a matrix that is no turn does something to the pictures all the same. All zeros, as some
/// writers leave it, do nothing.
fn shears(matrix: &[i32; 9]) -> bool {
    let [a, b, c, d] = [0, 1, 3, 4].map(|at: usize| matrix[at]);
    b != 0 || c != 0 || a < 0 || d < 0
}
