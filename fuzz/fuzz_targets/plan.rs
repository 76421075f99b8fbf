//! Invented fragments at invented starts are placed and planned: a timeline that keeps the laws, or
//! [`media_concat::time::OutOfRange`].
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| media_concat::fuzzing::plan(bytes));
