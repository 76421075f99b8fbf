//! Any bytes are looked at for what their end lacks, as every container that tells: what is missing begins in
//! the file, and is more than there is.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| media_concat::fuzzing::endings(bytes));
