//! message/cpim: the envelope of an instant message (RFC 3862).
//!
//! An envelope is CPIM headers, an empty line, and one MIME entity. Header names are case-sensitive and belong
//! to namespaces that NS headers declare: look headers up by namespace, the prefix is the sender's choice.
//! [`crate::mime::imdn`] reads the headers of RFC 5438 this way.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset};

/// The namespace of From, To, cc, `DateTime`, Subject, NS and Require (RFC 3862 section 4).
pub const CPIM_NAMESPACE: &str = "urn:ietf:params:cpim-headers:";

/// The longest head of an envelope, in octets.
pub const MAX_CPIM_HEAD: usize = 64 * 1024;

/// An envelope. Texts are unescaped and free of control characters other than tab and line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpim {
    /// Who sends.
    pub from: Option<CpimAddress>,
    /// To whom, in order.
    pub to: Vec<CpimAddress>,
    /// Who else, in order.
    pub cc: Vec<CpimAddress>,
    /// When it was sent, with the sender's offset; `None` if absent or no RFC 3339 time. The text as received
    /// is in [`Cpim::value`].
    pub date_time: Option<DateTime<FixedOffset>>,
    /// Subjects in order, one per language.
    pub subjects: Vec<Subject>,
    /// Declared namespaces by prefix; the empty prefix is the default namespace, where it was declared.
    pub namespaces: BTreeMap<String, Arc<str>>,
    /// Every header in order, as received.
    pub headers: Vec<CpimHeader>,
    /// Where the wrapped MIME entity stands in the octets that were parsed.
    pub content: Range<usize>,
}

/// One CPIM header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpimHeader {
    /// The name with its prefix, as received.
    pub name: String,
    /// The namespace its prefix stands for; `None` if the prefix was not declared before.
    pub namespace: Option<Arc<str>>,
    /// Parameters such as `lang`.
    pub params: Vec<(String, String)>,
    /// The value, escapes included.
    pub value: String,
}

/// `[ Formal-name ] "<" URI ">"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpimAddress {
    /// The name for people.
    pub name: Option<String>,
    /// The URI as received.
    pub uri: String,
}

/// A subject in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The language tag (RFC 3066), if one is given.
    pub language: Option<String>,
    /// The subject, unescaped.
    pub text: String,
}

/// Why a body is no message/cpim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CpimError {
    /// A line of the head is not `Name: value`.
    #[error("line {0} is not a CPIM header")]
    Header(usize),
    /// There is no empty line after the headers, or it comes too late.
    #[error("the empty line after the CPIM headers is missing in the first {MAX_CPIM_HEAD} octets")]
    NoContent,
}

impl Cpim {
    /// Reads the body of a message/cpim entity.
    ///
    /// Two faults of the examples in the RFCs are let pass, because senders copied them: a head that begins
    /// with the MIME header `Content-type: Message/CPIM` and its empty line, and a missing empty line before
    /// the MIME headers of the wrapped entity, recognised by `Content-`.
    ///
    /// # Errors
    /// [`CpimError`]; the caller treats such a body as opaque.
    pub fn parse(octets: &[u8]) -> Result<Self, CpimError> {
        let mut reader = Reader {
            headers: Vec::new(),
            namespaces: BTreeMap::new(),
            cpim: CPIM_NAMESPACE.into(),
        };
        let mut pos = 0;
        for number in 1.. {
            let line = next_line(octets, pos).ok_or(CpimError::NoContent)?;
            let text = String::from_utf8_lossy(octets.get(line.clone()).unwrap_or_default());
            let text = text.strip_suffix('\r').unwrap_or(&text);
            if text.is_empty() && reader.headers.is_empty() && number > 1 {
                // The end of a repeated MIME header.
            } else if text.is_empty() {
                return Ok(reader.finish(line.end + 1..octets.len()));
            } else if is_mime_header(text) && !reader.headers.is_empty() {
                return Ok(reader.finish(pos..octets.len()));
            } else if !is_mime_header(text) {
                reader.header(text).ok_or(CpimError::Header(number))?;
            }
            pos = line.end + 1;
        }
        Err(CpimError::NoContent)
    }

    /// The headers of this name in this namespace, in order. Both are compared exactly (RFC 3862 section 3.1).
    pub fn find<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> impl Iterator<Item = &'a CpimHeader> {
        self.headers
            .iter()
            .filter(move |h| h.namespace.as_deref() == Some(namespace) && h.local_name() == name)
    }

    /// The value of the first such header, as received.
    #[must_use]
    pub fn value<'a>(&'a self, namespace: &'a str, name: &'a str) -> Option<&'a str> {
        self.find(namespace, name)
            .next()
            .map(|header| header.value.as_str())
    }
}

impl CpimHeader {
    /// The name without its prefix.
    #[must_use]
    pub fn local_name(&self) -> &str {
        self.name
            .split_once('.')
            .map_or(self.name.as_str(), |(_, local)| local)
    }

    /// The value of a parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

impl CpimAddress {
    /// Reads an address header's value. A URI without brackets is taken, too.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        let (name, uri) = match value.strip_suffix('>') {
            Some(value) => value.rsplit_once('<')?,
            None => ("", value),
        };
        if !uri.contains(':') || !uri.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let name = name.trim();
        let quoted = name
            .strip_prefix('"')
            .and_then(|name| name.strip_suffix('"'));
        let name = Some(unescape(quoted.unwrap_or(name))).filter(|name| !name.is_empty());
        Some(Self {
            name,
            uri: uri.to_owned(),
        })
    }
}

/// Collects headers and what they declare. Namespaces are shared: a long one used by thousands of headers
/// costs its length once.
struct Reader {
    headers: Vec<CpimHeader>,
    namespaces: BTreeMap<String, Arc<str>>,
    cpim: Arc<str>,
}

impl Reader {
    /// `Header-name ":" *( ";" Parameter ) SP Header-value`; the space may be missing.
    fn header(&mut self, line: &str) -> Option<()> {
        let (name, mut rest) = line.split_once(':')?;
        let (prefix, local) = name.split_once('.').unwrap_or(("", name));
        let is_name = |text: &str| !text.is_empty() && text.bytes().all(is_name_char);
        if !is_name(local) || !(prefix.is_empty() && !name.starts_with('.') || is_name(prefix)) {
            return None;
        }
        let mut params = Vec::new();
        while let Some(param) = rest.strip_prefix(';') {
            let (name, value) = param.split_once('=')?;
            let (value, after) = split_param_value(value)?;
            params.push((name.to_owned(), value));
            rest = after;
        }
        let value = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
        // NS keeps its meaning under another default namespace: else a sender could never declare a second one.
        let namespace = if name == "NS" {
            Some(Arc::clone(&self.cpim))
        } else {
            self.namespace(prefix)
        };
        if name == "NS" {
            self.declare(&value);
        }
        self.headers.push(CpimHeader {
            name: name.to_owned(),
            namespace,
            params,
            value,
        });
        Some(())
    }

    fn namespace(&self, prefix: &str) -> Option<Arc<str>> {
        let implied = prefix.is_empty().then_some(&self.cpim);
        self.namespaces.get(prefix).or(implied).map(Arc::clone)
    }

    /// `[Name-prefix SP] "<" URI ">"`.
    fn declare(&mut self, value: &str) {
        let declared = value
            .trim()
            .strip_suffix('>')
            .and_then(|value| value.split_once('<'));
        if let Some((prefix, uri)) = declared {
            self.namespaces.insert(prefix.trim().to_owned(), uri.into());
        }
    }

    fn finish(self, content: Range<usize>) -> Cpim {
        let mut cpim = Cpim {
            from: None,
            to: Vec::new(),
            cc: Vec::new(),
            date_time: None,
            subjects: Vec::new(),
            namespaces: self.namespaces,
            headers: self.headers,
            content,
        };
        for header in cpim
            .headers
            .iter()
            .filter(|h| h.namespace.as_deref() == Some(CPIM_NAMESPACE))
        {
            match header.local_name() {
                "From" if cpim.from.is_none() => cpim.from = CpimAddress::parse(&header.value),
                "To" => cpim.to.extend(CpimAddress::parse(&header.value)),
                "cc" => cpim.cc.extend(CpimAddress::parse(&header.value)),
                "DateTime" if cpim.date_time.is_none() => {
                    cpim.date_time = DateTime::parse_from_rfc3339(header.value.trim()).ok();
                }
                "Subject" => {
                    let language = header.param("lang").map(str::to_owned);
                    cpim.subjects.push(Subject {
                        language,
                        text: unescape(&header.value),
                    });
                }
                _ => {}
            }
        }
        cpim
    }
}

/// The span of the next line without its LF, searched no further than the limit of the head.
fn next_line(octets: &[u8], pos: usize) -> Option<Range<usize>> {
    let limit = octets.len().min(MAX_CPIM_HEAD);
    let len = octets.get(pos..limit)?.iter().position(|&b| b == b'\n')?;
    Some(pos..pos + len)
}

fn is_mime_header(line: &str) -> bool {
    line.get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("Content-"))
}

/// `NAMECHAR` of RFC 3862 section 3.6, widened by the few characters of a SIP token it lacks.
fn is_name_char(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-^_`|~".contains(&b)
}

/// A parameter value, a token or a string, and what follows it.
fn split_param_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', ';']).unwrap_or(text.len());
        return text
            .split_at_checked(end)
            .map(|(value, rest)| (value.to_owned(), rest));
    };
    let mut escaped = false;
    let end = quoted.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    })?;
    let (value, rest) = quoted.split_at_checked(end)?;
    Some((unescape(value), rest.strip_prefix('"')?))
}

/// Resolves the escapes of RFC 3862 section 3.6. Control characters other than tab and line ends become
/// U+FFFD; an unknown escape stays as it is.
#[must_use]
pub fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next() {
            Some('b') => plain.push('\u{8}'),
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some(same @ ('"' | '\'' | '\\')) => plain.push(same),
            Some('u') => match rest.as_str().get(..4).and_then(hex_scalar) {
                Some(c) => {
                    plain.push(c);
                    rest = rest.as_str().get(4..).unwrap_or_default().chars();
                }
                None => plain.push_str("\\u"),
            },
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    let replace = |c: char| {
        if c.is_control() && !"\t\r\n".contains(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    plain.chars().map(replace).collect()
}

/// The character of four hexadecimal digits; half a surrogate pair is none and becomes U+FFFD.
fn hex_scalar(digits: &str) -> Option<char> {
    let all_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| all_hex)?;
    Some(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 3862 section 5.1.
    const PIGLET: &str = "From: MR SANDERS <im:piglet@100akerwood.com>\r\n\
        To: Depressed Donkey <im:eeyore@100akerwood.com>\r\n\
        DateTime: 2000-12-13T13:40:00-08:00\r\n\
        Subject: the weather will be fine today\r\n\
        Subject:;lang=fr beau temps prevu pour aujourd'hui\r\n\
        NS: MyFeatures <mid:MessageFeatures@id.foo.com>\r\n\
        Require: MyFeatures.VitalMessageOption\r\n\
        MyFeatures.VitalMessageOption: Confirmation-requested\r\n\
        MyFeatures.WackyMessageOption: Use-silly-font\r\n\
        \r\n\
        Content-type: text/xml; charset=utf-8\r\n\
        Content-ID: <1234567890@foo.com>\r\n\
        \r\n\
        <body>\r\nHere is the text of my message.\r\n</body>";

    #[test]
    fn reads_the_example_of_the_rfc() {
        let cpim = Cpim::parse(PIGLET.as_bytes()).unwrap();
        let from = cpim.from.as_ref().unwrap();
        assert_eq!(
            (from.name.as_deref(), from.uri.as_str()),
            (Some("MR SANDERS"), "im:piglet@100akerwood.com")
        );
        assert_eq!(cpim.to[0].name.as_deref(), Some("Depressed Donkey"));
        assert_eq!(
            cpim.date_time.unwrap().to_rfc3339(),
            "2000-12-13T13:40:00-08:00"
        );
        assert_eq!(
            cpim.subjects[0],
            Subject {
                language: None,
                text: "the weather will be fine today".into()
            }
        );
        assert_eq!(cpim.subjects[1].language.as_deref(), Some("fr"));
        assert_eq!(cpim.subjects[1].text, "beau temps prevu pour aujourd'hui");
        assert_eq!(
            cpim.value("mid:MessageFeatures@id.foo.com", "WackyMessageOption"),
            Some("Use-silly-font")
        );
        assert!(PIGLET[cpim.content].starts_with("Content-type: text/xml"));
    }

    #[test]
    fn prefixes_are_matched_by_namespace() {
        let cpim = Cpim::parse(b"early.x: 1\r\nNS: early <urn:a>\r\nearly.x: 2\r\nNS: <urn:b>\r\nTo: <im:x@y>\r\nNS: c <urn:ietf:params:cpim-headers:>\r\nc.To: <im:z@y>\r\n\r\n").unwrap();
        assert_eq!(cpim.headers[0].namespace, None);
        assert_eq!(cpim.value("urn:a", "x"), Some("2"));
        assert_eq!(cpim.value("urn:b", "To"), Some("<im:x@y>"));
        assert_eq!(
            cpim.to.iter().map(|a| a.uri.as_str()).collect::<Vec<_>>(),
            ["im:z@y"]
        );
        assert_eq!(&*cpim.namespaces[""], "urn:b");
    }

    #[test]
    fn names_are_case_sensitive() {
        let cpim = Cpim::parse(b"from: <im:x@y>\r\nFROM: <im:x@y>\r\n\r\n").unwrap();
        assert_eq!((cpim.from, cpim.headers.len()), (None, 2));
    }

    #[test]
    fn faults_of_the_rfc_examples_are_let_pass() {
        let repeated = format!("Content-type: Message/CPIM\r\n\r\n{PIGLET}");
        let cpim = Cpim::parse(repeated.as_bytes()).unwrap();
        assert_eq!(cpim.headers.len(), 9);
        let joined = PIGLET.replacen("\r\n\r\n", "\r\n", 1);
        let cpim = Cpim::parse(joined.as_bytes()).unwrap();
        assert!(joined[cpim.content].starts_with("Content-type: text/xml"));
    }

    #[test]
    fn escapes() {
        assert_eq!(
            unescape(r#"a\tb\nc\"d\'e\\f\u00e9\u20AC"#),
            "a\tb\nc\"d'e\\fé€"
        );
        assert_eq!(
            unescape(r"\u0000\b\ud800\u12\x\"),
            "\u{fffd}\u{fffd}\u{fffd}\\u12\\x\\"
        );
        let quoted = CpimAddress::parse(r#""A \"B\" <C>" <im:a@b>"#).unwrap();
        assert_eq!(quoted.name.as_deref(), Some("A \"B\" <C>"));
        let cpim = Cpim::parse(b"Subject:;lang=de;x=\"a \\\" b\" Gr\\u00fc\xc3\x9fe\n\n").unwrap();
        assert_eq!(
            (cpim.subjects[0].text.as_str(), cpim.headers[0].param("x")),
            ("Grüße", Some("a \" b"))
        );
    }

    #[test]
    fn refuses_what_is_no_envelope() {
        assert_eq!(Cpim::parse(b""), Err(CpimError::NoContent));
        assert_eq!(
            Cpim::parse(b"From: <im:a@b>\r\n"),
            Err(CpimError::NoContent)
        );
        assert_eq!(
            Cpim::parse(b"From: <im:a@b>\r\nHello World\r\n\r\n"),
            Err(CpimError::Header(2))
        );
        assert_eq!(Cpim::parse(b".x: y\r\n\r\n"), Err(CpimError::Header(1)));
        let endless = format!("From: {}\r\n\r\n", "x".repeat(MAX_CPIM_HEAD));
        assert_eq!(Cpim::parse(endless.as_bytes()), Err(CpimError::NoContent));
    }

    proptest! {
        #[test]
        fn never_panics(octets in proptest::collection::vec(any::<u8>(), 0..200), line in "[A-Za-z.:;=\"\\\\<>u0-9 ]{0,60}") {
            let _ = Cpim::parse(&octets);
            let _ = Cpim::parse(format!("Subject:{line}\r\n{line}\r\n\r\n").as_bytes());
        }
    }
}
