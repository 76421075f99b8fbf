//! What kind of file an output is, in the web's words.

use super::Planned;
use crate::{
    layout::{Layout, Piece},
    media::{Container, StreamKind},
};

impl Planned {
    /// The output's media type, such as `video/mp4`.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        let mut kinds = self.report.tracks.iter().map(|track| track.kind);
        let has_pictures = kinds.any(|kind| kind == StreamKind::Video);
        of(self.container, &self.layout, has_pictures)
    }
}

/// An MP4 says in its first box what it is (RFC 4337, RFC 3839, RFC 6381).
fn of(container: Container, layout: &Layout, has_pictures: bool) -> &'static str {
    let brand: Vec<u8> = layout
        .slice(8..12)
        .filter_map(|piece| match piece {
            Piece::Literal(bytes) => Some(bytes),
            _ => None,
        })
        .flatten()
        .collect();
    match (container, brand.get(..3), has_pictures) {
        (Container::Mp4, Some(b"qt "), _) => "video/quicktime",
        (Container::Mp4, Some(b"3gp" | b"3gr" | b"3gs" | b"3ge" | b"3gg"), true) => "video/3gpp",
        (Container::Mp4, Some(b"3gp" | b"3gr" | b"3gs" | b"3ge" | b"3gg"), false) => "audio/3gpp",
        (Container::Mp4, Some(b"3g2"), true) => "video/3gpp2",
        (Container::Mp4, Some(b"3g2"), false) => "audio/3gpp2",
        (container, _, has_pictures) => container.media_type(has_pictures),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_media_type_is_what_the_file_says_it_is() {
        for (container, brand, with_pictures, without) in [
            (Container::Mp4, b"isom", "video/mp4", "audio/mp4"),
            (Container::Mp4, b"M4A ", "video/mp4", "audio/mp4"),
            (
                Container::Mp4,
                b"qt  ",
                "video/quicktime",
                "video/quicktime",
            ),
            (Container::Mp4, b"3gp6", "video/3gpp", "audio/3gpp"),
            (Container::Mp4, b"3g2a", "video/3gpp2", "audio/3gpp2"),
            (Container::WebM, b"3gp6", "video/webm", "audio/webm"),
            (Container::Wav, b"WAVE", "audio/wav", "audio/wav"),
        ] {
            let mut layout = Layout::new();
            let first = [&[0; 4], &b"ftyp"[..], brand].concat();
            layout.push(Piece::Literal(Bytes::from(first)));
            assert_eq!(of(container, &layout, true), with_pictures);
            assert_eq!(of(container, &layout, false), without);
        }
    }
}
