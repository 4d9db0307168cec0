//! Typed readers of header field values that many fields share: addresses, `CSeq`, numbers of seconds
//! (RFC 3261 sections 20 and 25.1). Media types, Via and dates have their own modules beside this one.
//!
//! All readers take the octets of [`crate::sip::message::Field::raw_value`] or of its unfolded form.

use crate::sip::error::ValueError;
use crate::sip::parse::is_token_char;
use crate::sip::scan::{Scanner, has_param, param_value};

/// An address with an optional name and parameters: `name-addr` or `addr-spec` (From, To,
/// P-Asserted-Identity, Refer-To and others).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The name shown to people, unescaped and fit for display; `None` if absent or empty.
    pub display_name: Option<String>,
    /// The URI as received. Visible ASCII; parse it with [`crate::domain::uri::Uri`].
    pub uri: String,
    /// The header parameters in order, names in lower case. Parameters of the URI are not among them.
    pub params: Vec<(String, Option<String>)>,
}

impl NameAddr {
    /// Reads a value that is one address.
    ///
    /// # Errors
    /// [`ValueError`] at the first octet that breaks the grammar.
    pub fn parse(value: &[u8]) -> Result<Self, ValueError> {
        let mut scanner = Scanner::new(value);
        let address = Self::scan(&mut scanner)?;
        scanner.finish()?;
        Ok(address)
    }

    /// Reads a value that is a comma-separated list of one or more addresses.
    ///
    /// # Errors
    /// As [`NameAddr::parse`].
    pub fn parse_list(value: &[u8]) -> Result<Vec<Self>, ValueError> {
        let mut scanner = Scanner::new(value);
        let mut list = vec![Self::scan(&mut scanner)?];
        while scanner.separator(b',') {
            list.push(Self::scan(&mut scanner)?);
        }
        scanner.finish()?;
        Ok(list)
    }

    /// The tag of a From or To.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.param("tag")
    }

    /// The value of a header parameter, by name without regard to case.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        param_value(&self.params, name)
    }

    /// Whether a header parameter is there, with or without a value.
    #[must_use]
    pub fn has_param(&self, name: &str) -> bool {
        has_param(&self.params, name)
    }

    fn scan(scanner: &mut Scanner<'_>) -> Result<Self, ValueError> {
        scanner.space();
        let (display_name, uri) = if scanner.peek() == Some(b'"') {
            let name = scanner.quoted_string()?;
            scanner.space();
            (name, Self::bracketed(scanner)?)
        } else {
            Self::unquoted(scanner)?
        };
        let display_name = Some(display_name).filter(|name| !name.is_empty());
        Ok(Self {
            display_name,
            uri,
            params: scanner.params()?,
        })
    }

    /// `*(token LWS) "<" URI ">"`, or a bare URI. Which of the two shows only at the first octet that is
    /// neither name nor white space.
    fn unquoted(scanner: &mut Scanner<'_>) -> Result<(String, String), ValueError> {
        let mut words: Vec<String> = Vec::new();
        loop {
            // Beyond the grammar, octets of UTF-8 are let through: many elements send names unquoted.
            let word = scanner.take_while(|b| is_token_char(b) || b >= 0x80);
            if !word.is_empty() {
                words.push(crate::sip::display_text(word));
            }
            let spaced = scanner.space();
            match scanner.peek() {
                Some(b'<') => return Ok((words.join(" "), Self::bracketed(scanner)?)),
                Some(b':') if words.len() == 1 && !spaced => {
                    let scheme = words.concat();
                    // Outside brackets a comma, semicolon or question mark ends the URI (RFC 3261 section 20).
                    let rest =
                        scanner.take_while(|b| b.is_ascii_graphic() && !b"<>\",;?".contains(&b));
                    return Ok((
                        String::new(),
                        format!("{scheme}{}", crate::sip::display_text(rest)),
                    ));
                }
                Some(b) if spaced && (is_token_char(b) || b >= 0x80) => {}
                _ => return scanner.fail("an address"),
            }
        }
    }

    fn bracketed(scanner: &mut Scanner<'_>) -> Result<String, ValueError> {
        if !scanner.octet(b'<') {
            return scanner.fail("\"<\"");
        }
        let uri = scanner.take_while(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b));
        if uri.is_empty() {
            return scanner.fail("a URI");
        }
        if !scanner.octet(b'>') {
            return scanner.fail("\">\" right after the URI");
        }
        Ok(crate::sip::display_text(uri))
    }
}

/// The value of the header field `CSeq`: a sequence number and the method (RFC 3261 section 20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Below 2^31 (section 8.1.1.5).
    pub number: u32,
    /// Case-sensitive.
    pub method: String,
}

impl CSeq {
    /// Reads `1*DIGIT LWS Method`.
    ///
    /// # Errors
    /// [`ValueError`]; a number of 2^31 or more is one, too (RFC 4475 section 3.1.2.4).
    pub fn parse(value: &[u8]) -> Result<Self, ValueError> {
        let mut scanner = Scanner::new(value);
        scanner.space();
        let number = decimal(scanner.take_while(|b| b.is_ascii_digit()));
        let Some(number) = number
            .and_then(|n| u32::try_from(n).ok())
            .filter(|&n| n < 1 << 31)
        else {
            return Err(ValueError {
                at: 0,
                expected: "a number below 2147483648",
            });
        };
        if !scanner.space() {
            return scanner.fail("white space after the number");
        }
        let method = scanner.token("a method")?.to_owned();
        scanner.finish()?;
        Ok(Self { number, method })
    }
}

/// The value of decimal digits, saturating; `None` of no digits or of anything else.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |n, &b| {
        let digit = char::from(b).to_digit(10)?;
        Some(n.saturating_mul(10).saturating_add(u64::from(digit)))
    })
}

/// Reads `delta-seconds`, a whole number of seconds. Larger numbers than fit are as good as the largest that
/// does (RFC 3261 section 20.19 lets Expires go to 2^32 - 1). `None` if the value is not a number.
#[must_use]
pub fn parse_delta_seconds(value: &[u8]) -> Option<u32> {
    decimal(value.trim_ascii()).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// Reads Retry-After (RFC 3261 section 20.33): seconds, then perhaps a comment and parameters, which are
/// checked and dropped. `None` if the value breaks the grammar.
#[must_use]
pub fn parse_retry_after(value: &[u8]) -> Option<u32> {
    let mut scanner = Scanner::new(value);
    scanner.space();
    let seconds = parse_delta_seconds(scanner.take_while(|b| b.is_ascii_digit()))?;
    scanner.space();
    if scanner.peek() == Some(b'(') {
        scanner.comment().ok()?;
    }
    scanner.params().ok()?;
    scanner.finish().ok()?;
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(value: &str) -> NameAddr {
        NameAddr::parse(value.as_bytes()).unwrap()
    }

    #[test]
    fn reads_the_forms_of_rfc_3261_section_20() {
        let alice = address("\"A. G. Bell\" <sip:agb@bell-telephone.com> ;tag=a48s");
        assert_eq!(alice.display_name.as_deref(), Some("A. G. Bell"));
        assert_eq!(alice.uri, "sip:agb@bell-telephone.com");
        assert_eq!(alice.tag(), Some("a48s"));
        let bare = address("sip:+12125551212@server.phone2net.com;tag=887s");
        assert_eq!(
            (bare.uri.as_str(), bare.tag()),
            ("sip:+12125551212@server.phone2net.com", Some("887s"))
        );
        let anonymous = address("Anonymous <sip:c8oqz84zk7z@privacy.org;lr?x=y>;Tag=hyh8");
        assert_eq!(
            (anonymous.uri.as_str(), anonymous.tag()),
            ("sip:c8oqz84zk7z@privacy.org;lr?x=y", Some("hyh8"))
        );
    }

    #[test]
    fn reads_the_odd_but_legal_forms_of_rfc_4475() {
        let folded = address(
            "\"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8",
        );
        assert_eq!(folded.display_name.as_deref(), Some("J Rosenberg \\\""));
        assert_eq!(folded.tag(), Some("98asjd8"));
        let tokens = address(
            "token1~` token2'+_ token3*%!.- <sip:m@e.com>;p''~+*_!.-%=\"й\";tag=_t~1'+`*%!-.",
        );
        assert_eq!(
            tokens.display_name.as_deref(),
            Some("token1~` token2'+_ token3*%!.-")
        );
        assert_eq!(tokens.params[0].1.as_deref(), Some("й"));
        assert_eq!(
            address("caller<sip:caller@example.com>;tag=323")
                .display_name
                .as_deref(),
            Some("caller")
        );
        assert_eq!(
            address("\"%Z%45\" <sip:resource@example.com>")
                .display_name
                .as_deref(),
            Some("%Z%45")
        );
        assert_eq!(
            address("\"BEL:\\\x07 NUL:\\\0\" <sip:a@b>")
                .display_name
                .as_deref(),
            Some("BEL:\u{fffd} NUL:\u{fffd}")
        );
        assert_eq!(
            address("Jürgen Groß <sip:j@b>").display_name.as_deref(),
            Some("Jürgen Groß")
        );
    }

    #[test]
    fn refuses_broken_addresses() {
        for bad in [
            "",
            " ",
            "\"Mr. J. User <sip:j.user@example.com>",
            "Bell, Alexander <sip:a@b>;tag=43",
            "< sip:user@example.org >",
            "<sip:a@b",
            "<>",
            "sip:a@b?Route=x",
            "sip:a@b;;tag=1",
            "<sip:a@b>;tag=",
            "<sip:a@b> x",
            "a b:c",
            "\"x\" sip:a@b",
            "<sip:a@b>,<sip:c@d>",
            "\"x\\\r\n\" <sip:a@b>",
            "nothing",
        ] {
            assert!(NameAddr::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_keep_commas_in_quotes_and_brackets() {
        let list =
            NameAddr::parse_list(b"\"Cullen, J\" <sip:fluffy@cisco.com>, <tel:+1,408>,sip:a@b")
                .unwrap();
        let uris: Vec<_> = list.iter().map(|a| a.uri.as_str()).collect();
        assert_eq!(uris, ["sip:fluffy@cisco.com", "tel:+1,408", "sip:a@b"]);
        assert!(NameAddr::parse_list(b"<sip:a@b>,").is_err());
        assert!(NameAddr::parse_list(b"<sip:a@b>,,<sip:c@d>").is_err());
    }

    #[test]
    fn cseq() {
        assert_eq!(
            CSeq::parse(b"0009\r\n  INVITE"),
            Ok(CSeq {
                number: 9,
                method: "INVITE".into()
            })
        );
        assert_eq!(CSeq::parse(b"2147483647 A").unwrap().number, 2_147_483_647);
        for bad in [
            "",
            "1",
            "INVITE",
            "1INVITE",
            "2147483648 A",
            "36893488147419103232 REGISTER",
            "-1 A",
            "1 A B",
            "1 A/B",
        ] {
            assert!(CSeq::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds() {
        assert_eq!(parse_delta_seconds(b" 3600 "), Some(3600));
        assert_eq!(
            parse_delta_seconds(b"10000000000000000000000000"),
            Some(u32::MAX)
        );
        assert_eq!(parse_delta_seconds(b"-1"), None);
        assert_eq!(parse_delta_seconds(b"Thu, 01 Dec 1994 16:00:00 GMT"), None);
        assert_eq!(parse_retry_after(b"18000;duration=3600"), Some(18000));
        assert_eq!(
            parse_retry_after(b"120 (I'm in a (long \\) ) meeting)"),
            Some(120)
        );
        assert_eq!(parse_retry_after(b"120 (open"), None);
    }

    proptest! {
        #[test]
        fn never_panics(octets in proptest::collection::vec(any::<u8>(), 0..120), text in "[a\"<>\\\\();,:=? \r\n]{0,40}") {
            for value in [&octets[..], text.as_bytes()] {
                let _ = (NameAddr::parse_list(value), CSeq::parse(value), parse_retry_after(value));
            }
        }
    }
}
