//! The last page of an Ogg file (RFC 3533 § 6).

use std::io;

use crate::{
    formats::ending::{Cut, tail},
    source::Storage,
};

/// More than a page and the beginning of the next: a page has 65,307 bytes at the most.
const TAIL_BYTES: u64 = 128 << 10;
/// A page's header before its table of segments.
const HEADER: usize = 27;
/// The flag of the last page of a stream.
const LAST_PAGE: u8 = 4;

/// What the end of the file lacks.
pub(crate) fn cut(storage: &Storage, len: u64) -> io::Result<Option<Cut>> {
    let (begin, tail) = tail(storage, len, TAIL_BYTES)?;
    Ok(judge(begin, &tail))
}

fn judge(begin: u64, tail: &[u8]) -> Option<Cut> {
    let mut last = None;
    let mut from = 0;
    while let Some(at) = next(tail, from) {
        let page = &tail[at..];
        let segments = usize::from(page.get(26).copied().unwrap_or(0));
        let table = page.get(HEADER..HEADER + segments);
        let body = table.map_or(0, |table| table.iter().map(|&len| usize::from(len)).sum());
        let stated = HEADER + segments + body;
        if stated > page.len() {
            return Some(Cut::part("page", begin + at as u64, stated, page.len()));
        }
        last = Some((at, page[5]));
        from = at + stated;
    }
    let (at, flags) = last?;
    (flags & LAST_PAGE == 0).then_some(Cut::Unended {
        what: "page",
        at: begin + at as u64,
    })
}

/// Where a page begins from `from` on; the file may end in its first bytes.
fn next(tail: &[u8], from: usize) -> Option<usize> {
    const BEGINS: &[u8] = b"OggS\0";
    let rest = tail.get(from..)?;
    if !rest.is_empty() && rest.len() < BEGINS.len() && BEGINS.starts_with(rest) {
        return Some(from);
    }
    let found = rest.windows(BEGINS.len()).position(|bytes| bytes == BEGINS);
    found.map(|at| from + at)
}
