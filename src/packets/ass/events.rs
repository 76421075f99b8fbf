//! Events as Matroska has them: `ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect, Text`.

use super::styles::Renamed;

/// The largest number of an event that readers know.
const MAX_ORDER: u64 = i32::MAX as u64;

/// The beginning of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Its number: readers take a second event of one number for the first, and leave it out.
    pub(crate) order: u64,
    layer: &'a [u8],
    style: &'a [u8],
    /// Where its style's name ends.
    end: usize,
}

impl<'a> Event<'a> {
    /// The event that begins so; `None` where it is none.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = bytes.splitn(4, |&byte| byte == b',');
        let (order, layer, style) = (fields.next()?, fields.next()?, fields.next()?);
        // The name must end here.
        fields.next()?;
        let digits = std::str::from_utf8(order.trim_ascii()).ok()?;
        Some(Self {
            order: digits.parse().ok().filter(|&order| order <= MAX_ORDER)?,
            layer,
            style,
            end: order.len() + layer.len() + style.len() + 2,
        })
    }

    /// What the event begins with instead, as number `order` and with its style's name in the joined header, and how many
    /// bytes that stands for.
    pub(crate) fn rewritten(&self, order: u64, renamed: Option<&Renamed>) -> (Vec<u8>, usize) {
        let order = if order <= MAX_ORDER {
            order
        } else {
            self.order
        };
        let style = renamed.and_then(|renamed| renamed.of(self.style));
        let order = order.to_string();
        let fields = [order.as_bytes(), self.layer, style.unwrap_or(self.style)];
        (fields.join(&b","[..]), self.end)
    }
}

/// A text in which `\r` goes back to the styles of the joined header; `None` where it stays as it is.
pub(crate) fn with_overrides(text: &[u8], renamed: &Renamed) -> Option<Vec<u8>> {
    let mut made = Vec::new();
    let (mut taken, mut at, mut within) = (0, 0, false);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' => within = true,
            b'}' => within = false,
            b'\\' if within && text.get(at) == Some(&b'r') => {
                let from = at + 1;
                let rest = &text[from..];
                let len = rest.iter().position(|byte| matches!(byte, b'\\' | b'}'));
                let end = from + len.unwrap_or(rest.len());
                let name = &text[from..end];
                // Without a name it goes back to the event's own.
                let other = renamed.of(name).filter(|_| !name.trim_ascii().is_empty());
                if let Some(other) = other {
                    made.extend_from_slice(&text[taken..from]);
                    made.extend_from_slice(other);
                    taken = end;
                }
                at = end;
            }
            _ => {}
        }
    }
    if taken == 0 {
        return None;
    }
    made.extend_from_slice(&text[taken..]);
    Some(made)
}

#[cfg(test)]
mod tests {
    use super::{super::merge, *};

    #[test]
    fn an_event_gets_another_number_and_style() {
        let header =
            |size| format!("[V4+ Styles]\nFormat: Name, Fontsize\nStyle: Default,{size}\n");
        let (first, second) = (header(16), header(40));
        let merged = merge(first.as_bytes(), [(1, second.as_bytes())].into_iter());
        let renamed = &merged.renamed[&1];
        let bytes = b"7,0,Default,,0,0,0,,{\\rDefault\\b1}a{\\r}\\rDefault";
        let event = Event::parse(bytes).expect("an event");
        assert_eq!(event.order, 7);
        let (head, end) = event.rewritten(12, Some(renamed));
        assert_eq!((&head[..], end), (&b"12,0,Default 2"[..], 11));
        assert_eq!(event.rewritten(1 << 40, None).0, b"7,0,Default");
        let text = with_overrides(&bytes[end..], renamed).expect("another text");
        assert_eq!(text, b",,0,0,0,,{\\rDefault 2\\b1}a{\\r}\\rDefault");
        assert_eq!(with_overrides(b"\\rDefault{\\b1}", renamed), None);
        assert_eq!(with_overrides(b"{\\r", renamed), None);
    }

    #[test]
    fn what_is_no_event_stays() {
        for bytes in [
            &b""[..],
            b"1,2,3",
            b"x,0,Default,",
            b"-1,0,Default,",
            b"99999999999,0,a,",
        ] {
            assert_eq!(Event::parse(bytes), None);
        }
    }
}
