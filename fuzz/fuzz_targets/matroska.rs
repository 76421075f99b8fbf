//! Any bytes are read as a file of Matroska: reading ends, and what its tracks say of their pictures fits
//! into them and into the file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| media_concat::fuzzing::matroska(bytes));
