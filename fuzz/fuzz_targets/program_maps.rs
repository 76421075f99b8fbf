//! Any bytes are read as packets of a transport stream and as sections: descriptions are read as they are
//! written, and streams that are added to a map are found in it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| media_concat::fuzzing::program_maps(bytes));
