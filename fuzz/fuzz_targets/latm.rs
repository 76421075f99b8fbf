//! Any bytes are read as a LOAS stream: no frame is longer than what it came in, and a configuration fits
//! its descriptor.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| media_concat::fuzzing::latm(bytes));
