//! A cursor over one header field value: tokens, quoted strings, comments, white space (RFC 3261 section 25.1).
//!
//! White space may be folded or unfolded, so the readers work on either form of a value.

use crate::sip::error::ValueError;
use crate::sip::message::display_text;
use crate::sip::parse::is_token_char;

/// A parameter of a header field: name in lower case, and value if there is one.
pub(crate) type Param = (String, Option<String>);

/// The cursor. Every method either advances past what it read or leaves an error that says where it stopped.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    pos: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pos: 0 }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    pub(crate) fn at_end(&self) -> bool {
        self.peek().is_none()
    }

    pub(crate) fn fail<T>(&self, expected: &'static str) -> Result<T, ValueError> {
        Err(ValueError {
            at: self.pos,
            expected,
        })
    }

    /// Takes octets while they are allowed.
    pub(crate) fn take_while(&mut self, allowed: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        let len = rest.iter().position(|&b| !allowed(b)).unwrap_or(rest.len());
        self.pos += len;
        rest.get(..len).unwrap_or_default()
    }

    /// Optional white space, `SWS`; says whether there was any.
    pub(crate) fn space(&mut self) -> bool {
        !self
            .take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
            .is_empty()
    }

    /// Takes one octet if it is this one, with optional white space on both sides of it.
    pub(crate) fn separator(&mut self, octet: u8) -> bool {
        let start = self.pos;
        self.space();
        if self.peek() == Some(octet) {
            self.pos += 1;
            self.space();
            return true;
        }
        self.pos = start;
        false
    }

    /// Takes one octet if it is this one.
    pub(crate) fn octet(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        self.pos += usize::from(found);
        found
    }

    pub(crate) fn token(&mut self, expected: &'static str) -> Result<&'a str, ValueError> {
        let start = self.pos;
        let token = self.take_while(is_token_char);
        match std::str::from_utf8(token) {
            Ok(token) if !token.is_empty() => Ok(token),
            _ => Err(ValueError {
                at: start,
                expected,
            }),
        }
    }

    /// A quoted string from its opening quote on, unescaped and made fit for display.
    pub(crate) fn quoted_string(&mut self) -> Result<String, ValueError> {
        self.quoted_until(|_| true)
    }

    /// The same of a writer who may have left quotation marks within it unescaped: the first one ends it whose rest of
    /// the value satisfies `ends`.
    pub(crate) fn quoted_until(
        &mut self,
        ends: impl Fn(&[u8]) -> bool,
    ) -> Result<String, ValueError> {
        if !self.octet(b'"') {
            return self.fail("a quoted string");
        }
        let mut content = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') if ends(self.bytes.get(self.pos + 1..).unwrap_or_default()) => break,
                Some(b'\\') => {
                    self.pos += 1;
                    match self.peek() {
                        Some(b'\r' | b'\n') | None => {
                            return self.fail("a character after the backslash");
                        }
                        Some(escaped) => content.push(escaped),
                    }
                }
                Some(plain) => content.push(plain),
                None => return self.fail("the closing quote of a quoted string"),
            }
            self.pos += 1;
        }
        self.pos += 1;
        Ok(display_text(&content))
    }

    /// A comment in parentheses, which may hold further comments; its content is of no interest to us.
    pub(crate) fn comment(&mut self) -> Result<(), ValueError> {
        if !self.octet(b'(') {
            return self.fail("a comment");
        }
        let mut depth = 1_usize;
        while depth > 0 {
            match self.peek() {
                Some(b'(') => depth += 1,
                Some(b')') => depth -= 1,
                Some(b'\\') => self.pos += 1,
                Some(_) => {}
                None => return self.fail("the closing parenthesis of a comment"),
            }
            self.pos += 1;
        }
        Ok(())
    }

    /// `*( SEMI generic-param )`.
    pub(crate) fn params(&mut self) -> Result<Vec<Param>, ValueError> {
        let mut params = Vec::new();
        while self.separator(b';') {
            let name = self.token("a parameter name")?.to_ascii_lowercase();
            let value = if self.separator(b'=') {
                Some(self.param_value()?)
            } else {
                None
            };
            params.push((name, value));
        }
        Ok(params)
    }

    /// `token / host / quoted-string`; a host may be an IPv6 address, in Via even without brackets.
    fn param_value(&mut self) -> Result<String, ValueError> {
        if self.peek() == Some(b'"') {
            return self.quoted_string();
        }
        let value = self.take_while(|b| is_token_char(b) || b"[]:".contains(&b));
        if value.is_empty() {
            return self.fail("a parameter value");
        }
        Ok(display_text(value))
    }

    /// Nothing but white space may follow.
    pub(crate) fn finish(&mut self) -> Result<(), ValueError> {
        self.space();
        if self.at_end() {
            Ok(())
        } else {
            self.fail("the end of the value")
        }
    }
}

/// The value of the first parameter of this name, which is compared without regard to case.
pub(crate) fn param_value<'a>(params: &'a [Param], name: &str) -> Option<&'a str> {
    params
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .and_then(|(_, v)| v.as_deref())
}

/// Whether there is a parameter of this name, with or without a value.
pub(crate) fn has_param(params: &[Param], name: &str) -> bool {
    params.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
}
