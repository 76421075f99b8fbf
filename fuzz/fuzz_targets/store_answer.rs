//! Any bytes are read as the document that a store answers with: what is passed on is short and can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: (u16, &[u8])| {
    media_concat::fuzzing::store_answer(300 + given.0 % 300, given.1);
});
