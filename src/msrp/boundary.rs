//! The end-line of a chunk in a stream of octets (RFC 4975 sections 7.1 and 7.3.1).
//!
//! A chunk ends with CRLF, seven hyphens, the transaction identifier, the flag and CRLF. The search is that of
//! Boyer, Moore and Horspool: most octets of a body are never looked at.

use crate::msrp::fields::Continuation;
use crate::msrp::ident::Ident;

/// The seven hyphens.
pub(super) const HYPHENS: &[u8] = b"-------";

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// `body` octets of content, then the end-line; the next frame begins at `after`.
    End {
        /// Octets before the line end that belongs to the end-line.
        body: usize,
        /// Octets up to and including the end-line.
        after: usize,
        /// What follows the chunk.
        flag: Continuation,
    },
    /// `body` octets are certainly content. What follows them may be the beginning of an end-line: look
    /// again when there is more.
    Content {
        /// Octets of content.
        body: usize,
    },
}

/// Looks for the end-line of one transaction.
#[derive(Debug, Clone)]
pub struct EndLine {
    finder: Finder,
}

impl EndLine {
    /// The end-line of this transaction.
    #[must_use]
    pub fn new(transaction: &Ident) -> Self {
        let needle = [b"\r\n", HYPHENS, transaction.as_str().as_bytes()].concat();
        Self {
            finder: Finder::new(needle),
        }
    }

    /// Searches what comes after the head, or after content found before.
    #[must_use]
    pub fn find(&self, octets: &[u8]) -> Found {
        let mut from = 0;
        while let Some(body) = self.finder.find(octets, from) {
            let flag_at = body + self.finder.needle.len();
            match read_flag(octets, flag_at) {
                Tail::Is(flag) => {
                    return Found::End {
                        body,
                        after: flag_at + 3,
                        flag,
                    };
                }
                Tail::MayBe => return Found::Content { body },
                Tail::IsNot => from = body + 1,
            }
        }
        Found::Content {
            body: octets.len() - self.pending(octets),
        }
    }

    /// Whether a body begins with the end-line, without the line end that should precede it. The octets
    /// cannot be content, as no body may contain its end-line, so a sender that leaves out the line end of
    /// an empty body is understood. `Content { body: 0 }` if more octets are needed.
    #[must_use]
    pub fn at_start(&self, octets: &[u8]) -> Option<Found> {
        match self.read_line(octets) {
            Tail::Is(flag) => Some(Found::End {
                body: 0,
                after: self.finder.needle.len() + 1,
                flag,
            }),
            Tail::MayBe => Some(Found::Content { body: 0 }),
            Tail::IsNot => None,
        }
    }

    /// Whether this line of a head, given without its line end, is the end-line.
    #[must_use]
    pub fn is_line(&self, line: &[u8]) -> Option<Continuation> {
        match line.strip_prefix(self.text())? {
            [flag] => Continuation::from_octet(*flag),
            _ => None,
        }
    }

    /// Hyphens and transaction identifier.
    fn text(&self) -> &[u8] {
        self.finder.needle.get(2..).unwrap_or_default()
    }

    fn read_line(&self, octets: &[u8]) -> Tail {
        let text = self.text();
        if octets.starts_with(text) {
            read_flag(octets, text.len())
        } else if text.starts_with(octets) {
            Tail::MayBe
        } else {
            Tail::IsNot
        }
    }

    /// Octets at the end that may be the beginning of an end-line. It has one CR, its first octet, so only
    /// the last CR can begin one.
    fn pending(&self, octets: &[u8]) -> usize {
        let needle = &self.finder.needle;
        let tail = octets.len().saturating_sub(needle.len() - 1);
        let tail = octets.get(tail..).unwrap_or_default();
        let candidate = tail
            .iter()
            .rposition(|&b| b == b'\r')
            .and_then(|at| tail.get(at..))
            .unwrap_or_default();
        if needle.starts_with(candidate) {
            candidate.len()
        } else {
            0
        }
    }
}

enum Tail {
    Is(Continuation),
    MayBe,
    IsNot,
}

/// Flag and line end, after hyphens and identifier.
fn read_flag(octets: &[u8], at: usize) -> Tail {
    let mut rest = octets.get(at..).unwrap_or_default().iter();
    let Some(&flag) = rest.next() else {
        return Tail::MayBe;
    };
    let Some(flag) = Continuation::from_octet(flag) else {
        return Tail::IsNot;
    };
    match (rest.next(), rest.next()) {
        (Some(b'\r'), Some(b'\n')) => Tail::Is(flag),
        (None, _) | (Some(b'\r'), None) => Tail::MayBe,
        _ => Tail::IsNot,
    }
}

/// Whether a chunk with this content must not have this transaction identifier: hyphens and identifier occur
/// in it (RFC 4975 section 7.1). Stricter than needed, for the flag is not looked at.
#[must_use]
pub fn occurs_in(transaction: &Ident, content: &[u8]) -> bool {
    let needle = [HYPHENS, transaction.as_str().as_bytes()].concat();
    Finder::new(needle).find(content, 0).is_some()
}

/// Finds one string of 1 to 255 octets.
#[derive(Debug, Clone)]
struct Finder {
    needle: Vec<u8>,
    /// How far to move on when this octet stands under the last octet of the needle.
    shift: Box<[u8; 256]>,
}

impl Finder {
    fn new(needle: Vec<u8>) -> Self {
        let whole = u8::try_from(needle.len()).unwrap_or(u8::MAX);
        let mut shift = Box::new([whole; 256]);
        let but_last = needle.split_last().map_or(&[][..], |(_, rest)| rest);
        for (distance, octet) in (1..).zip(but_last.iter().rev()) {
            // The nearest to the end counts, and is met first.
            if let Some(entry) = shift.get_mut(usize::from(*octet))
                && *entry == whole
            {
                *entry = distance;
            }
        }
        Self { needle, shift }
    }

    fn find(&self, octets: &[u8], mut from: usize) -> Option<usize> {
        let len = self.needle.len();
        loop {
            let window = octets.get(from..from + len)?;
            let last = *window.last()?;
            if Some(&last) == self.needle.last() && window == self.needle {
                return Some(from);
            }
            from += usize::from(*self.shift.get(usize::from(last))?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end_line(transaction: &str) -> EndLine {
        EndLine::new(&Ident::parse(transaction.as_bytes()).unwrap())
    }

    fn end(body: usize, after: usize, flag: Continuation) -> Found {
        Found::End { body, after, flag }
    }

    #[test]
    fn finds_the_end() {
        let line = end_line("abcd");
        let found = line.find(b"Hello\r\n-------abcd$\r\nMSRP");
        assert_eq!(found, end(5, 21, Continuation::Complete));
        let found = line.find(b"\r\n-------abcd+\r\n");
        assert_eq!(found, end(0, 16, Continuation::More));
        let found = line.find(b"a\r\r\n-------abcd#\r\n");
        assert_eq!(found, end(2, 18, Continuation::Abandoned));
    }

    #[test]
    fn what_only_looks_like_it_is_content() {
        let line = end_line("abcd");
        for content in [
            &b"-------abcd$\r\nx"[..],
            b"\n-------abcd$\r\nx",
            b"\r\n------abcd$\r\nx",
            b"\r\n-------abcde$\r\nx",
            b"\r\n-------abcD$\r\nx",
            b"\r\n-------abcd!\r\nx",
            b"\r\n-------abcd$\rx",
            b"\r\n-------abcd$ \r\nx",
        ] {
            let body = content.len();
            assert_eq!(line.find(content), Found::Content { body }, "{content:?}");
        }
        let twice = b"\r\n-------abcd$\r\r\n-------abcd$\r\n";
        assert_eq!(line.find(twice), end(15, 31, Continuation::Complete));
    }

    #[test]
    fn holds_back_only_what_may_be_the_end() {
        let line = end_line("abcd");
        let whole = b"xyz\r\n-------abcd$\r\n";
        for cut in 0..whole.len() {
            let body = cut.min(3);
            assert_eq!(
                line.find(&whole[..cut]),
                Found::Content { body },
                "cut at {cut}"
            );
        }
        assert_eq!(line.find(b"x\r\ry"), Found::Content { body: 4 });
        assert_eq!(line.find(b"x\r\r"), Found::Content { body: 2 });
    }

    #[test]
    fn an_empty_body_may_lack_its_line_end() {
        let line = end_line("abcd");
        assert_eq!(
            line.at_start(b"-------abcd$\r\n"),
            Some(end(0, 14, Continuation::Complete))
        );
        assert_eq!(
            line.at_start(b"-------ab"),
            Some(Found::Content { body: 0 })
        );
        assert_eq!(
            line.at_start(b"-------abcd$\r"),
            Some(Found::Content { body: 0 })
        );
        assert_eq!(line.at_start(b"-------abxd$\r\n"), None);
        assert_eq!(line.at_start(b"text"), None);
        assert_eq!(line.is_line(b"-------abcd#"), Some(Continuation::Abandoned));
        assert_eq!(line.is_line(b"-------abcd#x"), None);
        assert_eq!(line.is_line(b"-------abcd"), None);
    }

    #[test]
    fn a_clash_is_noticed() {
        let id = Ident::parse(b"abcd").unwrap();
        assert!(occurs_in(&id, b"x-------abcd"));
        assert!(occurs_in(&id, b"--------abcd-"));
        assert!(!occurs_in(&id, b"x------abcd -------abce"));
        assert!(!occurs_in(&id, b""));
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(octets in proptest::collection::vec(prop_oneof![Just(b'-'), Just(b'a'), Just(b'\r'), Just(b'\n')], 0..200), needle in proptest::collection::vec(prop_oneof![Just(b'-'), Just(b'a'), Just(b'\r'), Just(b'\n')], 1..5)) {
            let plain = octets.windows(needle.len()).position(|window| window == needle);
            prop_assert_eq!(Finder::new(needle).find(&octets, 0), plain);
        }
    }
}
