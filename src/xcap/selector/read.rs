//! Reads a node selector (RFC 4825 section 6.3).
//!
//! The grammar is that of the selector after it was decoded, and a value may hold slashes, brackets and the
//! other kind of quote. A step that is none of the grammar's but has its quotes and brackets in order is an
//! extension selector, which has another status than a mistake.

use percent_encoding::percent_decode_str;

use super::bindings::Bindings;
use super::{MAX_STEPS, Name, NodeSelector, Predicate, SelectorError, Step, Terminal};
use crate::xcap::uri::NodePath;

impl NodeSelector {
    /// Reads a selector. `namespace` is that of element names without a prefix: the default document
    /// namespace of the application usage.
    ///
    /// # Errors
    /// [`SelectorError`].
    pub fn read(path: &NodePath, namespace: &str) -> Result<Self, SelectorError> {
        let text = percent_decode_str(&path.selector)
            .decode_utf8()
            .map_err(|_| SelectorError::Syntax("it is not UTF-8"))?;
        let reader = Reader {
            bindings: Bindings::read(&path.query)?,
            namespace,
        };
        let mut pieces = split(&text)?;
        let mut terminal = Terminal::Element;
        if let [_, .., last] = pieces.as_slice() {
            if *last == "namespace::*" {
                terminal = Terminal::Namespaces;
            } else if let Some(name) = last.strip_prefix('@') {
                terminal = Terminal::Attribute(reader.attribute_name(name, last)?);
            }
        }
        if terminal != Terminal::Element {
            pieces.pop();
        }
        let steps = pieces
            .into_iter()
            .map(|piece| reader.step(piece))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            steps,
            terminal,
            query: path.query.clone(),
        })
    }
}

/// Splits at the slashes outside brackets.
fn split(text: &str) -> Result<Vec<&str>, SelectorError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let end = end_of_step(rest)?;
        if end == 0 {
            return Err(SelectorError::Syntax("a step is empty"));
        }
        if pieces.len() > MAX_STEPS {
            return Err(SelectorError::TooManySteps);
        }
        pieces.push(&rest[..end]);
        match rest.get(end + 1..) {
            None => return Ok(pieces),
            Some(after) => rest = after,
        }
    }
}

/// Where the first step of a text ends.
fn end_of_step(text: &str) -> Result<usize, SelectorError> {
    let mut at = 0;
    while let Some(found) = text[at..].find(['/', '[', ']']) {
        match text.as_bytes()[at + found] {
            b'/' => return Ok(at + found),
            b'[' => at = end_of_predicate(text, at + found + 1)?,
            _ => return Err(SelectorError::Syntax("a bracket is closed and not opened")),
        }
    }
    Ok(text.len())
}

/// Behind the closing bracket of a predicate whose content begins at `start`.
fn end_of_predicate(text: &str, start: usize) -> Result<usize, SelectorError> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'[') => return Err(SelectorError::Syntax("brackets stand in brackets")),
            (None, b']') => return Ok(at + 1),
            _ => {}
        }
    }
    Err(SelectorError::Syntax(match quote {
        Some(_) => "a quote is not closed",
        None => "a bracket is not closed",
    }))
}

struct Reader<'a> {
    bindings: Bindings,
    namespace: &'a str,
}

impl Reader<'_> {
    fn step(&self, piece: &str) -> Result<Step, SelectorError> {
        let unsupported = || SelectorError::Unsupported(piece.to_owned());
        let (name, mut rest) = piece.split_at(piece.find('[').unwrap_or(piece.len()));
        let name = match name {
            "*" => None,
            name => Some(self.name(name, Some(self.namespace), piece)?),
        };
        let mut predicates = Vec::new();
        while !rest.is_empty() {
            if !rest.starts_with('[') {
                return Err(unsupported());
            }
            let (predicate, after) = rest.split_at(end_of_predicate(rest, 1)?);
            predicates.push(self.predicate(&predicate[1..predicate.len() - 1], piece)?);
            rest = after;
        }
        let known = match predicates.as_slice() {
            [] | [_] => true,
            [a, b] => std::mem::discriminant(a) != std::mem::discriminant(b),
            _ => false,
        };
        if !known {
            return Err(unsupported());
        }
        let prefixed = name.iter().any(|name| name.prefix.is_some())
            || predicates
                .iter()
                .any(|p| matches!(p, Predicate::Attribute(name, _) if name.prefix.is_some()));
        Ok(Step {
            name,
            predicates,
            source: piece.to_owned(),
            prefixed,
        })
    }

    fn predicate(&self, text: &str, piece: &str) -> Result<Predicate, SelectorError> {
        let unsupported = || SelectorError::Unsupported(piece.to_owned());
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            // What is beyond any number selects nothing.
            return Ok(Predicate::Position(text.parse().unwrap_or(usize::MAX)));
        }
        let (name, value) = text
            .strip_prefix('@')
            .and_then(|test| test.split_once('='))
            .ok_or_else(unsupported)?;
        let name = self.attribute_name(name, piece)?;
        let value = quoted(value).ok_or_else(unsupported)?;
        let value = unescape(value).ok_or(SelectorError::Syntax(
            "a value has an unknown entity reference",
        ))?;
        Ok(Predicate::Attribute(name, value))
    }

    /// Names of attributes without a prefix are in no namespace.
    fn attribute_name(&self, text: &str, piece: &str) -> Result<Name, SelectorError> {
        self.name(text, None, piece)
    }

    fn name(
        &self,
        text: &str,
        unprefixed: Option<&str>,
        piece: &str,
    ) -> Result<Name, SelectorError> {
        let (prefix, local) = match text.split_once(':') {
            None => (None, text),
            Some((prefix, local)) => (Some(prefix), local),
        };
        if !is_ncname(local) || !prefix.is_none_or(is_ncname) {
            return Err(SelectorError::Unsupported(piece.to_owned()));
        }
        let namespace = match prefix {
            None => unprefixed,
            Some(prefix) => Some(
                self.bindings
                    .get(prefix)
                    .ok_or_else(|| SelectorError::UndefinedPrefix(prefix.to_owned()))?,
            ),
        };
        Ok(Name {
            namespace: namespace.filter(|uri| !uri.is_empty()).map(str::to_owned),
            prefix: prefix.map(str::to_owned),
            local: local.to_owned(),
        })
    }
}

/// What stands between the quotes.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}

/// The value that an `AttValue` stands for: references replaced, white space as XML has it in attributes.
/// An ampersand that begins no reference is one: URIs have them. `None` for a reference to an entity that
/// is none of XML's own.
fn unescape(text: &str) -> Option<String> {
    let mut value = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['&', '\t', '\n', '\r']) {
        value.push_str(&rest[..at]);
        let (found, after) = (&rest[at..=at], &rest[at + 1..]);
        rest = after;
        if found != "&" {
            value.push(' ');
            continue;
        }
        let name = after.split_once(';').map(|(name, _)| name);
        match name.filter(|name| is_ncname(name) || name.starts_with('#')) {
            None => value.push('&'),
            Some(name) => {
                value.push(referred(name)?);
                rest = &after[name.len() + 1..];
            }
        }
    }
    value.push_str(rest);
    Some(value)
}

/// What a reference stands for.
fn referred(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        let digits = digits
            .bytes()
            .all(|b| b.is_ascii_hexdigit())
            .then_some(digits)?;
        u32::from_str_radix(digits, radix)
            .ok()
            .and_then(char::from_u32)
    };
    match name {
        "quot" => Some('"'),
        "apos" => Some('\''),
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        _ => match name.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}

/// A name without a colon (Namespaces in XML 1.0, `NCName`).
pub(super) fn is_ncname(text: &str) -> bool {
    let start = |c: char| {
        matches!(c, 'A'..='Z' | 'a'..='z' | '_'
            | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
            | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}' | '\u{200D}'
            | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}'
            | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
    };
    let inner = |c: char| {
        start(c)
            || matches!(c, '0'..='9' | '-' | '.' | '\u{B7}'
                | '\u{300}'..='\u{36F}' | '\u{203F}' | '\u{2040}')
    };
    let mut chars = text.chars();
    chars.next().is_some_and(start) && chars.all(inner)
}
