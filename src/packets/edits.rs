//! When a packet is shown, by its track's edit list. Pure.

use std::sync::Arc;

use crate::{media::StreamKind, timeline::TrackTimeline};

/// When a packet is shown, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) at: i64,
    pub(crate) duration: i64,
}

/// The edits of a track that show something; shared by all who look there.
#[derive(Debug, Clone)]
pub(crate) struct Edits {
    kind: StreamKind,
    rows: Arc<[Row]>,
    /// Whether no edit begins before the one before it ends, in media time: then the edit of a time
    /// is found without looking at all.
    rising: bool,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    /// Where it begins in the output.
    begin: i64,
    media: i64,
    duration: i64,
}

impl Row {
    const fn media_end(&self) -> i64 {
        self.media + self.duration
    }
}

impl Edits {
    pub(crate) fn new(kind: StreamKind, timeline: &TrackTimeline) -> Self {
        let mut at = 0;
        let rows = timeline.edits.iter().filter_map(|edit| {
            let begin = at;
            at += edit.duration;
            Some(Row {
                begin,
                media: edit.media_time?,
                duration: edit.duration,
            })
        });
        let rows: Arc<[Row]> = rows.collect();
        let rising = rows
            .windows(2)
            .all(|pair| pair[0].media_end() <= pair[1].media);
        Self { kind, rows, rising }
    }

    /// When a packet of media time `pts` is shown. `None`: it is hidden. Sound of which a part is hidden begins as
    /// much earlier; cues of which a part is hidden begin with the rest.
    pub(crate) fn shown(&self, pts: i64, duration: i64) -> Option<Shown> {
        let audio = self.kind == StreamKind::Audio;
        let first = if self.rising {
            self.rows.partition_point(|row| row.media_end() <= pts)
        } else {
            0
        };
        for row in self.rows.iter().skip(first) {
            if pts >= row.media_end() {
                continue;
            }
            if pts < row.media && pts + duration <= row.media {
                if self.rising {
                    return None;
                }
                continue;
            }
            let end = row.begin + row.duration;
            let own = row.begin + (pts - row.media);
            if pts >= row.media || audio {
                let duration = if audio {
                    duration
                } else {
                    duration.min(end - own)
                };
                return Some(Shown { at: own, duration });
            }
            if self.kind != StreamKind::Video {
                return Some(Shown {
                    at: row.begin,
                    duration: (own + duration).min(end) - row.begin,
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{media::TrackEdit, time::Timescale};

    fn edits(kind: StreamKind, edits: &[(i64, Option<i64>)]) -> Edits {
        let edits = edits.iter().map(|&(duration, media_time)| TrackEdit {
            duration,
            media_time,
        });
        let timeline = TrackTimeline {
            timescale: Timescale::MIN,
            runs: Vec::new(),
            edits: edits.collect(),
            outcomes: Vec::new(),
        };
        Edits::new(kind, &timeline)
    }

    #[test]
    fn what_no_edit_shows_is_hidden() {
        let all = [(5, None), (10, Some(20)), (10, Some(40))];
        let rising = edits(StreamKind::Video, &all);
        let shown = |pts| rising.shown(pts, 3).map(|found| (found.at, found.duration));
        assert_eq!(shown(19), None);
        assert_eq!(shown(20), Some((5, 3)));
        assert_eq!(shown(29), Some((14, 1)));
        assert_eq!(shown(30), None);
        assert_eq!(shown(49), Some((24, 1)));
        assert_eq!(shown(50), None);
        let sound = edits(StreamKind::Audio, &all);
        assert_eq!(sound.shown(18, 3), Some(Shown { at: 3, duration: 3 }));
        let cues = edits(StreamKind::Subtitle, &all);
        assert_eq!(
            cues.shown(18, 30),
            Some(Shown {
                at: 5,
                duration: 10
            })
        );
    }

    /// Media may be shown in any order: then every edit is looked at.
    #[test]
    fn edits_in_any_order_are_found() {
        let all = edits(StreamKind::Video, &[(10, Some(40)), (10, Some(20))]);
        assert_eq!(
            all.shown(20, 2),
            Some(Shown {
                at: 10,
                duration: 2
            })
        );
        assert_eq!(all.shown(41, 2), Some(Shown { at: 1, duration: 2 }));
    }
}
