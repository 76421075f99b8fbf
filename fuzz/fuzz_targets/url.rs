//! Any text is judged as a URL, an address, a network and the name of an object: none that is passed leads
//! inside, and an object's path is its key.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| media_concat::fuzzing::url(text));
