//! Preconditions (RFC 9110 section 13): If-Match and If-None-Match against the one entity tag that all
//! resources of a document share (RFC 4825 section 8.5).

/// What the request wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET or HEAD.
    Read,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

/// What becomes of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is carried out, or refused for another reason.
    Proceed,
    /// 304: the client has what it asks for.
    NotModified,
    /// 412.
    PreconditionFailed,
}

/// The two header fields of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

/// What one of them says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`
    Any,
    /// Perhaps none, if nothing in there was a tag: nothing matches then.
    List(Vec<Tag>),
}

/// An entity tag without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    weak: bool,
    opaque: Vec<u8>,
}

impl Preconditions {
    /// Reads the values of all header fields of either name, in order.
    #[must_use]
    pub fn read<'a>(
        if_match: impl IntoIterator<Item = &'a [u8]>,
        if_none_match: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        Self {
            if_match: Tags::read(if_match),
            if_none_match: Tags::read(if_none_match),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Decides. `current` is the strong entity tag of the document with its quotes, `None` if there is no
    /// document.
    ///
    /// What is to be read or deleted and is not there is 404 whatever the preconditions (RFC 9110 section
    /// 13.2.1), and so is [`Verdict::Proceed`]: pass `None` too for a node that is not in its document. A PUT of a node into a document that is there is judged by
    /// the document's tag, whether the node is there or not (RFC 4825 section 8.2.6).
    #[must_use]
    pub fn judge(&self, method: Method, current: Option<&str>) -> Verdict {
        if current.is_none() && method != Method::Put {
            return Verdict::Proceed;
        }
        let current = current.map(|tag| tag.trim_matches('"').as_bytes());
        if let Some(tags) = &self.if_match
            && !tags.contain(current, |tag| !tag.weak)
        {
            return Verdict::PreconditionFailed;
        }
        match &self.if_none_match {
            Some(tags) if tags.contain(current, |_| true) => match method {
                Method::Read => Verdict::NotModified,
                Method::Put | Method::Delete => Verdict::PreconditionFailed,
            },
            _ => Verdict::Proceed,
        }
    }
}

impl Tags {
    fn read<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut values = values.into_iter().peekable();
        values.peek()?;
        let mut tags = Vec::new();
        for value in values {
            if value.trim_ascii() == b"*" {
                return Some(Self::Any);
            }
            read_list(value, &mut tags);
        }
        Some(Self::List(tags))
    }

    fn contain(&self, current: Option<&[u8]>, fit: impl Fn(&Tag) -> bool) -> bool {
        let Some(current) = current else {
            return false;
        };
        match self {
            Self::Any => true,
            Self::List(tags) => tags.iter().any(|tag| tag.opaque == current && fit(tag)),
        }
    }
}

/// Reads a list of entity tags. A tag may hold commas. One without quotes is taken up to the next comma:
/// some clients forget them.
fn read_list(mut rest: &[u8], tags: &mut Vec<Tag>) {
    loop {
        rest = rest.trim_ascii_start();
        let weak = rest.starts_with(b"W/");
        if weak {
            rest = &rest[2..];
        }
        let quoted = rest
            .strip_prefix(b"\"")
            .map(|inner| split(inner, b'"'))
            .and_then(|(opaque, after)| Some((opaque, after?)));
        let (opaque, after) = if let Some((opaque, after)) = quoted {
            (Some(opaque), split(after, b',').1)
        } else {
            // An unclosed quote is no tag.
            let (bare, after) = split(rest, b',');
            let bare = bare.trim_ascii();
            let tag = !bare.is_empty() && !bare.starts_with(b"\"");
            (tag.then_some(bare), after)
        };
        tags.extend(opaque.map(|opaque| Tag {
            weak,
            opaque: opaque.to_vec(),
        }));
        match after {
            Some(after) => rest = after,
            None => return,
        }
    }
}

/// What stands before and behind the first `at`.
fn split(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == at) {
        Some(found) => (&text[..found], Some(&text[found + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Method::{Delete, Put, Read};
    use Verdict::{NotModified, PreconditionFailed, Proceed};

    fn judge(
        if_match: &[&str],
        if_none_match: &[&str],
        method: Method,
        tag: Option<&str>,
    ) -> Verdict {
        let octets = |values: &[&str]| -> Vec<Vec<u8>> {
            values.iter().map(|v| v.as_bytes().to_vec()).collect()
        };
        let (a, b) = (octets(if_match), octets(if_none_match));
        Preconditions::read(a.iter().map(Vec::as_slice), b.iter().map(Vec::as_slice))
            .judge(method, tag)
    }

    const TAG: Option<&str> = Some("\"v,2\"");

    #[test]
    fn without_conditions_all_goes_on() {
        assert!(Preconditions::default().is_empty());
        for method in [Read, Put, Delete] {
            assert_eq!(judge(&[], &[], method, TAG), Proceed);
            assert_eq!(judge(&[], &[], method, None), Proceed);
        }
    }

    #[test]
    fn if_match_compares_strongly() {
        for (values, verdict) in [
            (&["\"v,2\""] as &[&str], Proceed),
            (&["*"], Proceed),
            (&[" * "], Proceed),
            (&["\"v\", \"v,2\" , \"w\""], Proceed),
            (&["\"v\"", "\"w\",\"v,2\""], Proceed),
            (&[",,\"v,2\","], Proceed),
            (&["W/\"v,2\""], PreconditionFailed),
            (&["\"V,2\""], PreconditionFailed),
            (&["\"v\""], PreconditionFailed),
            (&["\"v,2"], PreconditionFailed),
            (&["v,2"], PreconditionFailed),
            (&[""], PreconditionFailed),
            (&["\"v\", *"], PreconditionFailed),
        ] {
            for method in [Read, Put, Delete] {
                assert_eq!(judge(values, &[], method, TAG), verdict, "{values:?}");
            }
        }
        // Without the quotes it needs.
        assert_eq!(judge(&["v2"], &[], Put, Some("\"v2\"")), Proceed);
        assert_eq!(judge(&["x, v2 ,y"], &[], Put, Some("\"v2\"")), Proceed);
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for (values, found) in [
            (&["\"v,2\""] as &[&str], true),
            (&["W/\"v,2\""], true),
            (&["*"], true),
            (&["\"a\"", "W/\"b\", W/\"v,2\""], true),
            (&["\"a\", \"b\""], false),
            (&[""], false),
        ] {
            for (method, verdict) in [
                (Read, NotModified),
                (Put, PreconditionFailed),
                (Delete, PreconditionFailed),
            ] {
                let verdict = if found { verdict } else { Proceed };
                assert_eq!(judge(&[], values, method, TAG), verdict, "{values:?}");
            }
        }
    }

    #[test]
    fn if_match_comes_first() {
        assert_eq!(
            judge(&["\"x\""], &["\"v,2\""], Read, TAG),
            PreconditionFailed
        );
        assert_eq!(judge(&["\"v,2\""], &["\"v,2\""], Read, TAG), NotModified);
    }

    #[test]
    fn documents_that_are_not_there() {
        for values in [&["*"] as &[&str], &["\"v\""]] {
            assert_eq!(judge(values, &[], Put, None), PreconditionFailed);
            assert_eq!(judge(&[], values, Put, None), Proceed);
            // 404 whatever the condition.
            for method in [Read, Delete] {
                assert_eq!(judge(values, &[], method, None), Proceed);
                assert_eq!(judge(&[], values, method, None), Proceed);
            }
        }
    }
}
