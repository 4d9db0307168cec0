//! Whom an aggregation proxy has authenticated: `X-3GPP-Asserted-Identity` (3GPP TS 24.109 annex G) and
//! `X-XCAP-Asserted-Identity`. To be believed of trusted proxies only; `X-3GPP-Intended-Identity` says nothing but what
//! a client wishes, and is not looked at.

use axum::http::HeaderMap;

use crate::domain::address::Aor;

/// The header fields that assert.
const FIELDS: [&str; 2] = ["x-3gpp-asserted-identity", "x-xcap-asserted-identity"];

/// Why an assertion is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// A proxy that adds its own word to that of its client lets everybody be anybody.
    #[error("a header field with an asserted identity is there twice")]
    Repeated,
    /// No entry is the address of a user.
    #[error("no asserted identity can be read")]
    Unreadable,
    /// The two header fields have nobody in common: one of them may be the client's own.
    #[error("X-3GPP-Asserted-Identity and X-XCAP-Asserted-Identity name different users")]
    Contradiction,
}

/// The addresses of the asserted user; `None` when nobody is asserted. A proxy that sets one of the fields may let the
/// other pass, so where both are there only what both say counts.
///
/// # Errors
/// [`AssertionError`].
pub fn asserted(headers: &HeaderMap) -> Result<Option<Vec<Aor>>, AssertionError> {
    let mut said: Option<Vec<Aor>> = None;
    for field in FIELDS {
        let mut values = headers.get_all(field).iter();
        let Some(value) = values.next() else {
            continue;
        };
        if values.next().is_some() {
            return Err(AssertionError::Repeated);
        }
        let value = value.to_str().map_err(|_| AssertionError::Unreadable)?;
        let named = addresses(value);
        if named.is_empty() {
            return Err(AssertionError::Unreadable);
        }
        said = Some(match said {
            None => named,
            Some(said) => said.into_iter().filter(|aor| named.contains(aor)).collect(),
        });
    }
    match said {
        Some(said) if said.is_empty() => Err(AssertionError::Contradiction),
        said => Ok(said),
    }
}

/// The addresses in a list; what is no address of a user is left out, for a list may hold identities of other kinds.
fn addresses(list: &str) -> Vec<Aor> {
    let mut found = Vec::new();
    for entry in entries(list) {
        let entry = entry.trim();
        let bare = entry
            .strip_prefix('"')
            .and_then(|entry| entry.strip_suffix('"'))
            .unwrap_or(entry)
            .trim();
        let bare = bare
            .strip_prefix('<')
            .and_then(|entry| entry.strip_suffix('>'))
            .unwrap_or(bare);
        if let Ok(aor) = Aor::parse_bare(bare)
            && !found.contains(&aor)
        {
            found.push(aor);
        }
    }
    found
}

/// The entries of a list: what stands between commas that are not in quotes.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(fields: &[(&'static str, &'static str)]) -> Result<Option<String>, AssertionError> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let join = |aors: Vec<Aor>| aors.iter().map(Aor::as_str).collect::<Vec<_>>().join(" ");
        asserted(&headers).map(|said| said.map(join))
    }

    #[test]
    fn quoted_or_not_one_or_several() {
        for (value, expected) in [
            ("\"sip:alice@example.org\"", "sip:alice@example.org"),
            ("sip:alice@example.org", "sip:alice@example.org"),
            ("alice@example.org", "sip:alice@example.org"),
            ("\"<sip:alice@example.org>\"", "sip:alice@example.org"),
            (
                "\"sip:alice@EXAMPLE.org\", \"tel:+1-555\" ,\"sip:alice@example.org\"",
                "sip:alice@example.org tel:+1555",
            ),
            ("\"sip:a,b@example.org\"", "sip:a,b@example.org"),
            (
                "garbage, \"\", \"urn:x:y\", sip:alice@example.org",
                "sip:alice@example.org",
            ),
        ] {
            for field in FIELDS {
                assert_eq!(
                    read(&[(field, value)]),
                    Ok(Some(expected.to_owned())),
                    "{value}"
                );
            }
        }
        assert_eq!(read(&[("x-3gpp-intended-identity", "sip:a@b")]), Ok(None));
    }

    #[test]
    fn what_cannot_be_believed() {
        let [gpp, xcap] = FIELDS;
        for garbage in [
            "",
            "\"",
            "\"\"",
            ",",
            "alice",
            "\"sip:alice@example.org",
            "sip:example.org",
            "<>",
            "*",
        ] {
            assert_eq!(
                read(&[(gpp, garbage)]),
                Err(AssertionError::Unreadable),
                "{garbage}"
            );
        }
        let (alice, bob) = ("sip:alice@example.org", "sip:bob@example.org");
        assert_eq!(
            read(&[(gpp, alice), (gpp, bob)]),
            Err(AssertionError::Repeated)
        );
        assert_eq!(
            read(&[(gpp, alice), (xcap, bob)]),
            Err(AssertionError::Contradiction)
        );
        assert_eq!(
            read(&[
                (gpp, alice),
                (xcap, "sip:bob@example.org, sip:alice@example.org")
            ]),
            Ok(Some(alice.to_owned()))
        );
    }
}
