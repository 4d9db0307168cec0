//! The namespace bindings in the query: `xmlns()` parts of an XPointer (RFC 4825 section 6.4).

use percent_encoding::percent_decode_str;

use super::{SelectorError, XML_NAMESPACE};

/// The bindings, in order; of several for one prefix the last holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bindings(Vec<(String, String)>);

impl Bindings {
    /// Reads a query as it stands in the request line. Parts of other schemes and whatever else is in
    /// there are passed over.
    pub(super) fn read(query: &str) -> Result<Self, SelectorError> {
        let text = percent_decode_str(query)
            .decode_utf8()
            .map_err(|_| SelectorError::Syntax("the query is not UTF-8"))?;
        let mut bindings = Vec::new();
        let mut rest: &str = &text;
        while let Some((before, after)) = rest.split_once('(') {
            // Parts stand one after another, with or without white space; other parameters end with `&`.
            let scheme = before
                .rsplit(|c: char| c.is_whitespace() || c == '&' || c == ';')
                .next()
                .unwrap_or("");
            let (data, length) = scheme_data(after);
            if scheme == "xmlns" {
                let length = length.ok_or(SelectorError::Syntax("an xmlns() is not closed"))?;
                bindings.push(binding(&data)?);
                rest = &after[length..];
            } else {
                rest = length.map_or("", |length| &after[length..]);
            }
        }
        Ok(Self(bindings))
    }

    /// The namespace of a prefix; the empty one is no namespace.
    pub(super) fn get(&self, prefix: &str) -> Option<&str> {
        if prefix == "xml" {
            return Some(XML_NAMESPACE);
        }
        let mut bindings = self.0.iter().rev();
        bindings
            .find(|(bound, _)| bound == prefix)
            .map(|(_, namespace)| namespace.as_str())
    }
}

/// What stands up to the closing parenthesis, without the escapes of the XPointer framework (`^(`, `^)`,
/// `^^`), and how many octets it takes with that; without a length if there is none.
fn scheme_data(text: &str) -> (String, Option<usize>) {
    let mut data = String::new();
    let mut depth = 0;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '^' => match chars.next() {
                Some((_, escaped)) => data.push(escaped),
                None => break,
            },
            ')' if depth == 0 => return (data, Some(at + 1)),
            _ => {
                match c {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                data.push(c);
            }
        }
    }
    (data, None)
}

/// `prefix=namespace`, white space around the equals sign allowed.
fn binding(data: &str) -> Result<(String, String), SelectorError> {
    let (prefix, namespace) = data
        .split_once('=')
        .ok_or(SelectorError::Syntax("an xmlns() has no equals sign"))?;
    let prefix = prefix.trim();
    if !super::read::is_ncname(prefix) || prefix == "xmlns" {
        return Err(SelectorError::Syntax("an xmlns() binds no prefix"));
    }
    Ok((prefix.to_owned(), namespace.trim().to_owned()))
}
