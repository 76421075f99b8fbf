//! Any text is read as the list of fragments of the command line and as one of its arguments: a fragment has a
//! name, and the list is as long as its text allows.
#![no_main]

#[path = "../../src/cli/list.rs"]
mod list;

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use libfuzzer_sys::fuzz_target;

/// The shortest element that names something: `{"url":""}`, without what no name begins with.
const SHORTEST: usize = 11;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(all) = list::from_json("list.json", text)
    {
        assert!(all.len() * SHORTEST <= text.len());
        let names = all.iter().map(|(name, _)| name.len());
        assert!(names.sum::<usize>() <= text.len());
    }
    let argument = OsStr::from_bytes(bytes);
    for known in [false, true] {
        let Ok((name, start)) = list::from_argument(0, argument, |_| known) else {
            assert!(!known);
            continue;
        };
        match start {
            None => assert_eq!(name, argument),
            Some(_) => {
                assert!(!name.is_empty() && bytes.starts_with(name.as_bytes()));
                assert_eq!(bytes.get(name.len()), Some(&b'@'));
            }
        }
    }
});
