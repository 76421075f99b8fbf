//! Headers and their styles.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Styles of one track; what is beyond that is named in a warning.
const MAX_STYLES: usize = 10_000;
/// Warnings of one track.
const MAX_PROBLEMS: usize = 100;

/// What one header says of its styles.
#[derive(Debug, Default)]
struct Header<'a> {
    /// `[V4+ Styles]` or `[V4 Styles]`: the values of the two mean other things.
    section: Option<&'a [u8]>,
    /// The names of a style's fields.
    format: Vec<Vec<u8>>,
    /// Each style's fields in that order.
    styles: Vec<Vec<&'a [u8]>>,
    /// Behind the last line of the section that has something in it.
    end: usize,
    /// The size that positions and sizes count in.
    resolution: [Option<&'a [u8]>; 2],
}

impl<'a> Header<'a> {
    fn parse(bytes: &'a [u8]) -> Self {
        let mut header = Self::default();
        let (mut at, mut within) = (0, false);
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            at += line.len();
            let line = line.trim_ascii();
            if line.starts_with(b"[") {
                within = line.eq_ignore_ascii_case(b"[V4+ Styles]")
                    || line.eq_ignore_ascii_case(b"[V4 Styles]");
                // A second section would be another's.
                within &= header.section.is_none();
                if within {
                    header.section = Some(line);
                    header.end = at;
                }
                continue;
            }
            for (name, value) in [&b"PlayResX:"[..], b"PlayResY:"]
                .iter()
                .zip(&mut header.resolution)
            {
                if let Some(found) = after(line, name) {
                    *value = Some(found);
                }
            }
            if !within || line.is_empty() {
                continue;
            }
            header.end = at;
            if let Some(fields) = after(line, b"Format:") {
                header.format = fields
                    .split(|&byte| byte == b',')
                    .map(|field| field.trim_ascii().to_ascii_lowercase())
                    .collect();
            } else if let Some(fields) = after(line, b"Style:") {
                let fields = fields.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
                header.styles.push(fields.collect());
            }
        }
        header
    }

    fn name_field(&self) -> Option<usize> {
        self.format.iter().position(|field| field == b"name")
    }

    /// A style's fields in the order of `format`; `None` where the fields are others.
    fn fields(&self, style: &[&'a [u8]], format: &[Vec<u8>]) -> Option<Vec<&'a [u8]>> {
        if style.len() != self.format.len() || format.len() != self.format.len() {
            return None;
        }
        let place = |name| self.format.iter().position(|field| field == name);
        format
            .iter()
            .map(|name| style.get(place(name)?).copied())
            .collect()
    }
}

/// What comes behind a line's key.
fn after<'a>(line: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let (own, value) = line.split_at_checked(key.len())?;
    own.eq_ignore_ascii_case(key).then(|| value.trim_ascii())
}

/// A style's name without the star that marks those of other programs' defaults.
pub(crate) fn plain(name: &[u8]) -> &[u8] {
    let name = name.trim_ascii();
    name.strip_prefix(b"*").unwrap_or(name)
}

/// What the styles of one fragment are called in the joined header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Renamed {
    /// The names that are others there.
    names: BTreeMap<Vec<u8>, Vec<u8>>,
    /// All names of the fragment.
    own: BTreeSet<Vec<u8>>,
}

impl Renamed {
    /// Whether every style keeps its name.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name that stands for `name`, where it is another one. What names no style is drawn in the default
    /// one.
    pub(crate) fn of(&self, name: &[u8]) -> Option<&[u8]> {
        let name = plain(name);
        let name = if self.own.contains(name) {
            name
        } else {
            b"Default"
        };
        self.names.get(name).map(Vec::as_slice)
    }
}

/// The joined header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Merged {
    /// The header, where it is not the reference's.
    pub(crate) header: Option<Vec<u8>>,
    /// By fragment, what its styles are called: only those with other headers.
    pub(crate) renamed: BTreeMap<usize, Arc<Renamed>>,
    /// By fragment, what cannot be told in the header.
    pub(crate) problems: Vec<(usize, String)>,
}

/// Puts the styles of all headers into the first. A style of the same name and other content gets a name of its
/// own.
pub(crate) fn merge<'a>(
    first: &'a [u8],
    others: impl Iterator<Item = (usize, &'a [u8])>,
) -> Merged {
    let mut merged = Merged::default();
    let base = Header::parse(first);
    let mut names = Names::default();
    let name_field = base.name_field();
    // Of two of one name the last counts.
    let own = base.styles.iter().filter_map(|style| {
        let name = style.get(name_field?).copied().map(plain);
        Some((name?, style))
    });
    let own: BTreeMap<&[u8], _> = own.collect();
    for (name, style) in own {
        names.add_as(name, style, name_field.unwrap_or(0), name.to_vec());
    }
    let mut added: Vec<u8> = Vec::new();
    let mut last: Option<(&[u8], usize)> = None;
    for (fragment, bytes) in others {
        if bytes == first {
            continue;
        }
        if let Some((known, like)) = last
            && known == bytes
        {
            if let Some(renamed) = merged.renamed.get(&like).cloned() {
                merged.renamed.insert(fragment, renamed);
            }
            continue;
        }
        last = Some((bytes, fragment));
        let header = Header::parse(bytes);
        let mut problems = Vec::new();
        if header.resolution != base.resolution {
            let of = |header: &Header<'_>| {
                let [across, down] = header.resolution.map(|one| one.map(lossy));
                let known = |value: Option<String>| value.unwrap_or_else(|| "?".to_owned());
                format!("{}x{}", known(across), known(down))
            };
            let (own, theirs) = (of(&header), of(&base));
            problems.push(format!(
                "its subtitles count in a script of {own}, and are drawn in one of {theirs}"
            ));
        }
        let mut renamed = Renamed::default();
        for style in &header.styles {
            let Some(name) = header.name_field().and_then(|at| style.get(at)) else {
                continue;
            };
            let name = plain(name);
            let same_section = match (header.section, base.section) {
                (Some(own), Some(theirs)) => own.eq_ignore_ascii_case(theirs),
                _ => false,
            };
            let fields = header.fields(style, &base.format).filter(|_| same_section);
            let (Some(fields), Some(name_field)) = (fields, name_field) else {
                problems.push(format!(
                    "its subtitle style {} has other fields than those of the first fragment, and is not carried",
                    lossy(name)
                ));
                continue;
            };
            renamed.own.insert(name.to_vec());
            let called = match names.find(name, &fields, name_field) {
                Some(known) => known,
                None if names.taken.len() >= MAX_STYLES => {
                    problems.push(format!(
                        "its subtitle style {} is not carried: there are {MAX_STYLES}",
                        lossy(name)
                    ));
                    continue;
                }
                None => {
                    let called = names.free(name);
                    let mut fields = fields;
                    fields[name_field] = &called;
                    added.extend_from_slice(b"Style: ");
                    added.extend_from_slice(&fields.join(&b","[..]));
                    added.extend_from_slice(newline(first));
                    names.add_as(name, &fields, name_field, called.clone());
                    called
                }
            };
            if called != name {
                renamed.names.insert(name.to_vec(), called);
            }
        }
        if !renamed.is_empty() {
            merged.renamed.insert(fragment, Arc::new(renamed));
        }
        let room = MAX_PROBLEMS.saturating_sub(merged.problems.len());
        let problems = problems.into_iter().take(room);
        merged
            .problems
            .extend(problems.map(|problem| (fragment, problem)));
    }
    if !added.is_empty() {
        let (before, behind) = first.split_at(base.end.min(first.len()));
        let broken = before.is_empty() || before.ends_with(b"\n");
        let line = if broken { &b""[..] } else { newline(first) };
        merged.header = Some([before, line, &added, behind].concat());
    }
    merged
}

fn newline(header: &[u8]) -> &'static [u8] {
    if header.windows(2).any(|two| two == b"\r\n") {
        b"\r\n"
    } else {
        b"\n"
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The styles of the joined header.
#[derive(Debug, Default)]
struct Names {
    /// By the name that a fragment has for it, and its other fields: what it is called.
    known: BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>>,
    taken: BTreeSet<Vec<u8>>,
    /// By name, the number that was put behind it last.
    numbers: BTreeMap<Vec<u8>, u32>,
}

/// All fields but the name.
fn content(fields: &[&[u8]], name_field: usize) -> Vec<u8> {
    let others = fields.iter().enumerate();
    let others = others.filter(|(at, _)| *at != name_field);
    let others: Vec<&[u8]> = others.map(|(_, field)| *field).collect();
    others.join(&b","[..])
}

impl Names {
    fn find(&self, name: &[u8], fields: &[&[u8]], name_field: usize) -> Option<Vec<u8>> {
        let key = (name.to_vec(), content(fields, name_field));
        self.known.get(&key).cloned()
    }

    fn add_as(&mut self, name: &[u8], fields: &[&[u8]], name_field: usize, called: Vec<u8>) {
        self.taken.insert(called.clone());
        let key = (name.to_vec(), content(fields, name_field));
        self.known.insert(key, called);
    }

    /// `name`, or with a number behind it.
    fn free(&mut self, name: &[u8]) -> Vec<u8> {
        let last = self.numbers.entry(name.to_vec()).or_insert(1);
        let mut called = name.to_vec();
        while self.taken.contains(&called) {
            *last += 1;
            called = [name, format!(" {last}").as_bytes()].concat();
        }
        called
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "[Script Info]\nPlayResX: 640\nPlayResY: 360\n\n[V4+ Styles]\nFormat: Name, Fontname, \
                         Fontsize\nStyle: Default,Arial,16\nStyle: Sign,Arial,20\n\n[Events]\nFormat: Layer, Text\n";

    fn with(styles: &str) -> String {
        let (before, rest) = FIRST.split_once("Style: ").expect("styles");
        let (_, behind) = rest.split_once("\n\n").expect("events");
        format!("{before}{styles}\n\n{behind}")
    }

    fn merged(others: &[&str]) -> Merged {
        let others = others.iter().enumerate();
        merge(
            FIRST.as_bytes(),
            others.map(|(index, other)| (index + 1, other.as_bytes())),
        )
    }

    fn header(merged: &Merged) -> &str {
        std::str::from_utf8(merged.header.as_deref().expect("another header")).expect("text")
    }

    #[test]
    fn the_same_styles_change_nothing() {
        let fewer = with("Style: Sign, Arial, 20");
        assert_eq!(merged(&[FIRST, &fewer]), Merged::default());
    }

    #[test]
    fn other_styles_are_added_behind_the_first_ones() {
        let other = with("Style: Other,Arial,30");
        let all = merged(&[&other, &other]);
        let expected = with("Style: Default,Arial,16\nStyle: Sign,Arial,20\nStyle: Other,Arial,30");
        assert_eq!(header(&all), expected);
        assert!(all.renamed.is_empty() && all.problems.is_empty());
    }

    #[test]
    fn one_name_for_two_styles_becomes_two() {
        let other = with("Style: Default,Arial,40\nStyle: Default 2,Arial,50");
        let third = with("Style: Default,Arial,16\nStyle: Sign,Times,20");
        let all = merged(&[&other, &third, &other]);
        let expected = with(
            "Style: Default,Arial,16\nStyle: Sign,Arial,20\nStyle: Default 2,Arial,40\n\
             Style: Default 2 2,Arial,50\nStyle: Sign 2,Times,20",
        );
        assert_eq!(header(&all), expected);
        assert_eq!(all.renamed[&1].of(b"*Default"), Some(&b"Default 2"[..]));
        assert_eq!(all.renamed[&1].of(b"Default 2"), Some(&b"Default 2 2"[..]));
        assert_eq!(all.renamed[&1].of(b"unknown"), Some(&b"Default 2"[..]));
        assert_eq!(all.renamed[&2].of(b"Default"), None);
        assert_eq!(all.renamed[&2].of(b"Sign"), Some(&b"Sign 2"[..]));
        assert_eq!(all.renamed[&3], all.renamed[&1]);
    }

    #[test]
    fn fields_in_another_order_are_put_in_the_firsts() {
        let other = FIRST
            .replace("Name, Fontname, Fontsize", "Fontsize, Name, Fontname")
            .replace("Default,Arial,16", "16,Default,Arial")
            .replace("Sign,Arial,20", "30,Third,Arial");
        let expected = FIRST.replace("Arial,20\n", "Arial,20\nStyle: Third,Arial,30\n");
        assert_eq!(header(&merged(&[&other])), expected);
    }

    #[test]
    fn what_cannot_be_told_is_named() {
        let old = with("Style: Old,Arial,16").replace("V4+", "V4");
        let smaller = FIRST.replace("640", "320");
        let all = merged(&[&old, &smaller, "", "[V4+ Styles]\nStyle: x"]);
        let problems: Vec<_> = all
            .problems
            .iter()
            .map(|(at, text)| (*at, text.as_str()))
            .collect();
        assert_eq!(problems[0].0, 1);
        assert!(problems[0].1.contains("Old"), "{problems:?}");
        assert_eq!(problems[1].0, 2);
        assert!(problems[1].1.contains("320x360"), "{problems:?}");
        assert_eq!(all.header, None);
    }
}
