//! What files are served as.

use media_concat::media::Container;

/// By the ending of a name, and whether the file shows anything. Only media and plain text: nothing that a
/// browser would run.
pub fn content_type(name: &str, has_pictures: bool) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match &*ending.to_ascii_lowercase() {
        "txt" | "srt" | "md" | "csv" => "text/plain; charset=utf-8",
        "vtt" => "text/vtt; charset=utf-8",
        ending => match Container::from_extension(ending) {
            Some(container) => container.media_type(has_pictures),
            None => "application/octet-stream",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_served_that_a_browser_would_run() {
        for (name, video, audio) in [
            ("a.MP4", "video/mp4", "audio/mp4"),
            ("a.b.webm", "video/webm", "audio/webm"),
            ("a.mp3", "audio/mpeg", "audio/mpeg"),
            (
                "a.vtt",
                "text/vtt; charset=utf-8",
                "text/vtt; charset=utf-8",
            ),
            (
                "a.html",
                "application/octet-stream",
                "application/octet-stream",
            ),
            (
                "a.svg",
                "application/octet-stream",
                "application/octet-stream",
            ),
            (
                "html",
                "application/octet-stream",
                "application/octet-stream",
            ),
        ] {
            assert_eq!(content_type(name, true), video);
            assert_eq!(content_type(name, false), audio);
        }
    }
}
