//! Any headers are judged as the answer to a range: a part that is taken lies in what was asked, and is of the
//! object that was there before.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use media_concat::fuzzing::{Given, judged_answer};

/// Codes that are judged by themselves.
const CODES: [u16; 5] = [200, 206, 304, 412, 416];

#[derive(Debug, Arbitrary)]
struct Exchange<'a> {
    range: (Number, u16),
    pin: Option<(Number, Option<&'a str>)>,
    status: u16,
    /// Where the part begins, its length, and the object's: as `Content-Range` has them.
    part: Option<(Number, Number, Number)>,
    headers: Vec<(u8, &'a [u8])>,
}

/// Mostly small.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Number {
    Small(u8),
    Any(u64),
}

impl Number {
    fn get(self) -> u64 {
        match self {
            Self::Small(number) => number.into(),
            Self::Any(number) => number,
        }
    }
}

fuzz_target!(|exchange: Exchange<'_>| {
    let part = exchange.part.map(|(first, count, total)| {
        let last = first.get().wrapping_add(count.get());
        format!("bytes {}-{last}/{}", first.get(), total.get())
    });
    let part = part.iter().map(|part| (0, part.as_bytes()));
    let pin = exchange.pin.map(|(len, tag)| (len.get(), tag));
    judged_answer(&Given {
        start: exchange.range.0.get(),
        count: exchange.range.1.into(),
        pin: pin.map(|(len, tag)| (len, tag.map(str::to_owned))),
        status: match exchange.status % 8 {
            code @ 0..5 => CODES[usize::from(code)],
            _ => exchange.status,
        },
        headers: part.chain(exchange.headers).collect(),
    });
});
