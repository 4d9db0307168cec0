//! Whether the `uri` that a client signed by Digest is what it asks for (RFC 7616 section 3.4.6).
//!
//! Not by the octet, for between the two lie libraries that encode, and proxies:
//! - Of an absolute URI the path and the query count. Which host it was is a proxy's business.
//! - A character and its percent-encoding are the same, but for those that would divide the path otherwise.
//! - A proxy may serve the XCAP root under another path. So where the signed path is not below our own root, what it ends
//!   with has to be what is asked for below ours, from a slash on: that names the whole document and the node. A signed
//!   path below a root of ours has to be equal: its end could be the path of another document.

use std::fmt::Write as _;

/// Whether a client that signed `signed` asks for `target`; `roots` are the paths of the XCAP root.
pub fn is_signed(signed: &str, target: &str, roots: &[&str]) -> bool {
    let (signed, target) = (normal(path_of(signed)), normal(path_of(target)));
    if signed == target {
        return true;
    }
    let below = |path: &'_ str| {
        let mut rests = roots.iter().filter_map(|root| path.strip_prefix(root));
        rests.find(|rest| rest.starts_with('/')).map(str::to_owned)
    };
    match (below(&signed), below(&target)) {
        (None, Some(target)) => target.len() > 1 && signed.ends_with(&target),
        _ => false,
    }
}

/// The path and the query of a URI that may be absolute.
fn path_of(uri: &str) -> &str {
    let absolute = ["http://", "https://"].into_iter().find_map(|scheme| {
        let (found, rest) = uri.split_at_checked(scheme.len())?;
        found.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    match absolute {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => uri,
    }
}

/// Every octet in one spelling: as itself, or in percent-encoding with upper-case digits where the encoding makes a
/// difference or it is no visible ASCII.
fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&octet, after)) = rest.split_first() {
        let escaped = if octet == b'%' { escape(after) } else { None };
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
        let octet = escaped.unwrap_or(octet);
        let differs = escaped.is_some() && b"/?#%".contains(&octet);
        if differs || !octet.is_ascii_graphic() {
            // Writing to a String does not fail.
            let _ = write!(normal, "%{octet:02X}");
        } else {
            normal.push(char::from(octet));
        }
    }
    normal
}

/// The octet that two hexadecimal digits stand for.
fn escape(after: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOTS: &[&str] = &["/xcap-root", "/alias"];
    const TARGET: &str = "/xcap-root/a/users/sip:x@y/d/~~/h%5B@r=%22x%22%5D?xmlns(p=%22urn:q%22)";

    #[test]
    fn spellings_of_one_target_are_the_same() {
        for signed in [
            TARGET,
            "/xcap-root/a/users/sip:x@y/d/~~/h[@r=\"x\"]?xmlns(p=\"urn:q\")",
            "/xcap-root/a/users/sip%3ax%40y/d/%7e%7e/h%5b%40r=%22x%22%5d?xmlns(p=%22urn:q%22)",
            "https://xcap.example.org/xcap-root/a/users/sip:x@y/d/~~/h%5B@r=%22x%22%5D?xmlns(p=%22urn:q%22)",
            "/services/a/users/sip:x@y/d/~~/h%5B@r=%22x%22%5D?xmlns(p=%22urn:q%22)",
            "HTTP://h:81/a/users/sip:x@y/d/~~/h%5B@r=%22x%22%5D?xmlns(p=%22urn:q%22)",
        ] {
            assert!(is_signed(signed, TARGET, ROOTS), "{signed}");
        }
    }

    /// A proxy may have another path for each of our roots.
    #[test]
    fn each_root_may_be_served_under_another_path() {
        let target = "/alias/a/users/sip:x@y/d";
        assert!(is_signed("/xcap/a/users/sip:x@y/d", target, ROOTS));
        assert!(!is_signed("/xcap/a/users/sip:x@y/e", target, ROOTS));
    }

    #[test]
    fn other_targets_are_others() {
        for (signed, target) in [
            ("/xcap-root/a/users/x/d", "/xcap-root/a/users/x/e"),
            ("/xcap-root/a/users/x/d", "/xcap-root/a/users/x/d/~~/e"),
            ("/xcap-root/a/users/x/d", "/xcap-root/a/users/x/d?q"),
            ("/xcap-root/a/users/x/d?q", "/xcap-root/a/users/x/d"),
            ("/xcap-root/a/users/x%2Fd", "/xcap-root/a/users/x/d"),
            ("/xcap-root/a/users/x%253A", "/xcap-root/a/users/x%3A"),
            ("/xcap-root/a%3Fq", "/xcap-root/a?q"),
            ("/xcap-root/a/users/x/b/users/y/d", "/xcap-root/b/users/y/d"),
            ("/alias/a/users/x/b/users/y/d", "/xcap-root/b/users/y/d"),
            ("/xcap-root/a/users/x/b/users/y/d", "/alias/b/users/y/d"),
            ("/xcap-rooted/xa/users/x/d", "/xcap-root/a/users/x/d"),
            ("/elsewhere", "/xcap-root/"),
            ("/x/accounts", "/accounts"),
            ("/", "/xcap-root/"),
            ("", "/xcap-root/a"),
            ("%", "/xcap-root/a"),
            ("/xcap-root/a%", "/xcap-root/a"),
            ("*", "/xcap-root/a"),
        ] {
            assert!(!is_signed(signed, target, ROOTS), "{signed} {target}");
        }
    }
}
