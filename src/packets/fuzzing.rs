//! The door of the fuzz targets to the styles and events of subtitles.

use super::ass::{Event, merge, with_overrides};

/// What separates headers and events in the fuzzer's bytes.
const SEPARATOR: u8 = 0xFF;

/// Reads `bytes` as headers of subtitles and as events of the second of them: a joined header is no longer than all of
/// them, and an event with another number is an event.
pub fn subtitles(bytes: &[u8]) {
    let parts: Vec<&[u8]> = bytes.split(|&byte| byte == SEPARATOR).collect();
    let (first, others) = parts
        .split_first()
        .expect("a split gives one part at least");
    let merged = merge(first, others.iter().copied().enumerate());
    assert!(
        merged
            .renamed
            .keys()
            .all(|&fragment| fragment < others.len())
    );
    if let Some(header) = &merged.header {
        assert!(header.len() > first.len());
        // A style that is added may be called by a longer name, and gets `Style: ` and a line break.
        assert!(header.len() <= 64 * (bytes.len() + 64), "{}", header.len());
    }
    let renamed = merged.renamed.values().next();
    for event in others.iter().chain([first]) {
        if let Some(parsed) = Event::parse(event) {
            let (head, taken) = parsed.rewritten(7, renamed.map(|renamed| &**renamed));
            let made = [&head, &event[taken..]].concat();
            let again = Event::parse(&made).expect("the event that was made");
            assert_eq!(again.order, 7);
        }
        if let Some(renamed) = renamed {
            let _ = with_overrides(event, renamed);
        }
    }
}
