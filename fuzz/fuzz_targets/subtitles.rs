//! Any bytes are read as headers and events of ASS: headers are joined, and an event that gets another
//! number stays an event.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| media_concat::fuzzing::subtitles(bytes));
