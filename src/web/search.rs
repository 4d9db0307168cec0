//! The search grammar: words that must all occur, `"phrases"`, `from:`, `subject:` and `mode:`.

use crate::store::messages::Filter;

/// The longest text looked for, in characters.
pub const MOST_CHARS: usize = 256;
/// The most terms a search has.
const MOST_TERMS: usize = 16;

/// A search that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct SearchError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: &'static str,
}

/// Reads a search.
///
/// # Errors
/// [`SearchError`] with the column.
pub fn parse(text: &str) -> Result<Filter, SearchError> {
    if text.chars().nth(MOST_CHARS).is_some() {
        return Err(SearchError {
            column: MOST_CHARS + 1,
            problem: "the search is too long",
        });
    }
    let mut filter = Filter::default();
    let terms = terms(text)?;
    if let Some(term) = terms.get(MOST_TERMS) {
        return Err(SearchError {
            column: term.column,
            problem: "too many terms",
        });
    }
    for Term {
        column,
        text,
        quoted,
    } in terms
    {
        let field = if quoted { None } else { text.split_once(':') };
        match field {
            Some((name @ ("from" | "subject" | "mode"), "")) => {
                let problem = match name {
                    "from" => "from: needs a text after it",
                    "subject" => "subject: needs a text after it",
                    _ => "mode: needs pager or large after it",
                };
                return Err(SearchError { column, problem });
            }
            Some(("from", value)) => filter.from = Some(value.to_owned()),
            Some(("subject", value)) => filter.subject = Some(value.to_owned()),
            Some(("mode", value)) => {
                let problem = "mode: is pager or large";
                filter.mode = Some(value.parse().map_err(|_| SearchError { column, problem })?);
            }
            _ => filter.words.push(text),
        }
    }
    Ok(filter)
}

/// A term and where it begins.
#[derive(Debug)]
struct Term {
    column: usize,
    text: String,
    /// It begins with a quotation mark, so it names no field.
    quoted: bool,
}

fn terms(text: &str) -> Result<Vec<Term>, SearchError> {
    let mut terms: Vec<Term> = Vec::new();
    let mut open: Option<Term> = None;
    let mut quote: Option<usize> = None;
    for (index, c) in text.chars().enumerate() {
        let column = index + 1;
        match c {
            '"' => {
                quote = if quote.is_some() { None } else { Some(column) };
                open.get_or_insert_with(|| Term {
                    column,
                    text: String::new(),
                    quoted: true,
                });
            }
            c if c.is_whitespace() && quote.is_none() => terms.extend(open.take()),
            c => open
                .get_or_insert_with(|| Term {
                    column,
                    text: String::new(),
                    quoted: false,
                })
                .text
                .push(c),
        }
    }
    if let Some(column) = quote {
        return Err(SearchError {
            column,
            problem: "the closing quotation mark is missing",
        });
    }
    terms.extend(open);
    terms.retain(|term| !term.text.is_empty());
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::Mode;

    #[test]
    fn words_phrases_and_fields_are_told_apart() {
        let filter =
            parse("site  \"next week\" from:carol subject:\"the visit\" mode:pager").unwrap();
        assert_eq!(filter.words, ["site", "next week"]);
        assert_eq!(filter.from.as_deref(), Some("carol"));
        assert_eq!(filter.subject.as_deref(), Some("the visit"));
        assert_eq!(filter.mode, Some(Mode::Pager));
    }

    #[test]
    fn what_only_looks_like_a_field_is_a_word() {
        assert_eq!(
            parse("sip:bob@h \"from:x\"").unwrap().words,
            ["sip:bob@h", "from:x"]
        );
        assert_eq!(parse("").unwrap(), Filter::default());
        assert_eq!(parse("\"\"").unwrap(), Filter::default());
    }

    #[test]
    fn errors_point_at_the_column() {
        assert_eq!(parse("a \"b").unwrap_err().column, 3);
        assert_eq!(parse("ab from:").unwrap_err().column, 4);
        assert_eq!(parse("mode:fast").unwrap_err().column, 1);
        assert_eq!(parse(&"x".repeat(257)).unwrap_err().column, 257);
        assert_eq!(parse(&"x ".repeat(17)).unwrap_err().column, 33);
    }
}
