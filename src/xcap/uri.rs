//! Where below an XCAP root a request points (RFC 4825 section 6): the document selector, and the node
//! selector as it was written. [`super::selector`] reads the latter, once the application usage is known.

use percent_encoding::percent_decode_str;

use super::usages::Tree;

/// The longest document selector, in octets as written.
pub const MAX_DOCUMENT_SELECTOR: usize = 1_024;
/// The longest node selector with its query, in octets as written.
pub const MAX_NODE_SELECTOR: usize = 8_192;

/// What a request points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XcapUri {
    /// The document.
    pub document: DocumentPath,
    /// The node in it; `None` for the whole document.
    pub node: Option<NodePath>,
}

/// A document: `AUID/users/XUI/NAME` or `AUID/global/NAME`, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPath {
    /// The application usage.
    pub auid: String,
    /// Whose it is.
    pub home: Home,
    /// The path of the document below the user's home or `global`: segments with `/` between them.
    pub name: String,
}

/// Which tree a document lies in (RFC 4825 section 6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// For everybody.
    Global,
    /// Of the user with this XUI, as the client wrote it, decoded.
    User(String),
}

impl Home {
    /// The same for a [`super::usages::Usage`].
    #[must_use]
    pub fn tree(&self) -> Tree<'_> {
        match self {
            Self::Global => Tree::Global,
            Self::User(xui) => Tree::Users(xui),
        }
    }
}

/// A node selector and the query with its namespace bindings, as written;
/// [`super::selector::NodeSelector::read`] understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePath {
    /// What follows `~~/`, still percent-encoded.
    pub selector: String,
    /// What follows the question mark, still percent-encoded; empty without one.
    pub query: String,
}

/// Why a request points at no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// No document has such a path: 404.
    #[error("there is no document at this path")]
    NoDocument,
    /// Longer than [`MAX_DOCUMENT_SELECTOR`] or [`MAX_NODE_SELECTOR`]: 414.
    #[error("the path is too long")]
    TooLong,
}

impl XcapUri {
    /// Reads path and query below the XCAP root as they stand in the request line, without the slash in front.
    ///
    /// The first segment `~~`, encoded or not, begins the node selector. Characters that should be
    /// percent-encoded and are not (`"`, `[`, `]`, `@`) are taken as they are.
    ///
    /// # Errors
    /// [`UriError`]. What is wrong with the node selector is seen when that is read, so that a missing
    /// document is 404 before (RFC 4825 section 8).
    pub fn parse(target: &str) -> Result<Self, UriError> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (document, selector) = split(path);
        if document.len() > MAX_DOCUMENT_SELECTOR {
            return Err(UriError::TooLong);
        }
        let document = DocumentPath::parse(document).ok_or(UriError::NoDocument)?;
        let node = match selector {
            None => None,
            Some(selector) if selector.len() + query.len() > MAX_NODE_SELECTOR => {
                return Err(UriError::TooLong);
            }
            Some(selector) => Some(NodePath {
                selector: selector.to_owned(),
                query: query.to_owned(),
            }),
        };
        Ok(Self { document, node })
    }
}

/// Splits at the first segment that is the node selector separator.
fn split(path: &str) -> (&str, Option<&str>) {
    let mut start = 0;
    for segment in path.split('/') {
        let end = start + segment.len();
        if is_separator(segment) {
            let document = path[..start].strip_suffix('/').unwrap_or("");
            return (document, Some(path.get(end + 1..).unwrap_or("")));
        }
        start = end + 1;
    }
    (path, None)
}

/// `~~`; `%7E%7E` is equivalent (RFC 4825 section 6).
fn is_separator(segment: &str) -> bool {
    segment.len() <= 6 && percent_decode_str(segment).eq(*b"~~")
}

impl DocumentPath {
    fn parse(path: &str) -> Option<Self> {
        let mut segments = path.split('/');
        let auid = decode(segments.next()?)?;
        let home = match decode(segments.next()?)?.as_str() {
            "global" => Home::Global,
            "users" => Home::User(decode(segments.next()?)?),
            _ => return None,
        };
        let names: Vec<String> = segments.map(decode_name).collect::<Option<_>>()?;
        (!names.is_empty()).then(|| Self {
            auid,
            home,
            name: names.join("/"),
        })
    }
}

/// A collection of documents: a path that ends in a slash (RFC 5875 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The application usage.
    pub auid: String,
    /// In whose homes.
    pub homes: Homes,
    /// What the names of its documents begin with: empty, or segments with a slash after each.
    pub folder: String,
}

/// The homes that a collection takes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Homes {
    /// All of the usage: `AUID/`.
    All,
    /// All users': `AUID/users/`.
    Users,
    /// One.
    One(Home),
}

impl Collection {
    /// Reads the path of a collection below the XCAP root, without the slash in front; `None` if it is none.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/')?;
        if path.len() > MAX_DOCUMENT_SELECTOR {
            return None;
        }
        let mut segments = path.split('/');
        let auid = decode(segments.next()?)?;
        let homes = match segments.next().map(decode) {
            None => Homes::All,
            Some(tree) => match (tree?.as_str(), segments.next()) {
                ("global", folder) => {
                    let first = folder.into_iter();
                    let folder = folder_of(first.chain(segments))?;
                    let homes = Homes::One(Home::Global);
                    return Some(Self {
                        auid,
                        homes,
                        folder,
                    });
                }
                ("users", None) => Homes::Users,
                ("users", Some(xui)) => Homes::One(Home::User(decode(xui)?)),
                _ => return None,
            },
        };
        Some(Self {
            auid,
            homes,
            folder: folder_of(segments)?,
        })
    }
}

fn folder_of<'a>(segments: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut folder = String::new();
    for segment in segments {
        if is_separator(segment) {
            return None;
        }
        folder.push_str(&decode_name(segment)?);
        folder.push('/');
    }
    Some(folder)
}

/// A segment without its escapes. `None` if it is empty, no UTF-8, or holds control characters.
fn decode(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.into_owned())
}

/// A segment of a document's name: a slash that was encoded would be taken for the end of a segment, and
/// dot segments never reach a server that is asked by an orderly client.
fn decode_name(segment: &str) -> Option<String> {
    decode(segment).filter(|name| !name.contains('/') && name != "." && name != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(target: &str) -> (String, String) {
        let node = XcapUri::parse(target).unwrap().node.unwrap();
        (node.selector, node.query)
    }

    #[test]
    fn collections_end_in_a_slash() {
        let user = |xui: &str| Homes::One(Home::User(xui.to_owned()));
        for (path, homes, folder) in [
            ("a.b/", Homes::All, ""),
            ("a.b/users/", Homes::Users, ""),
            ("a.b/global/", Homes::One(Home::Global), ""),
            ("a.b/global/x%20y/z/", Homes::One(Home::Global), "x y/z/"),
            ("a.b/users/sip:a@b/", user("sip:a@b"), ""),
            ("a%2Eb/users/sip%3Aa%40b/c/", user("sip:a@b"), "c/"),
        ] {
            let auid = "a.b".to_owned();
            let folder = folder.to_owned();
            let expected = Collection {
                auid,
                homes,
                folder,
            };
            assert_eq!(Collection::parse(path), Some(expected), "{path}");
        }
        for path in [
            "",
            "/",
            "//",
            "a",
            "a.b/users",
            "a.b/other/",
            "a.b//",
            "a.b/users//",
            "a.b/global/../",
            "a.b/users/sip:a@b/index/~~/",
            "a.b/users/sip:a@b/x%2Fy/",
        ] {
            assert_eq!(Collection::parse(path), None, "{path}");
        }
    }

    #[test]
    fn the_user_may_be_encoded_or_not() {
        for (path, xui) in [
            (
                "a.b/users/sip:alice@example.org/deferred-list",
                "sip:alice@example.org",
            ),
            (
                "a.b/users/sip%3Aalice%40example.org/deferred-list",
                "sip:alice@example.org",
            ),
            (
                "a.b/users/sip%3aalice@example.org/deferred%2Dlist",
                "sip:alice@example.org",
            ),
            ("a.b/%75sers/tel:+49-30-1/deferred-list", "tel:+49-30-1"),
            (
                "a.b/users/sip:a%2Fb%3Fc@example.org/deferred-list",
                "sip:a/b?c@example.org",
            ),
            ("a.b/users/alice/deferred-list?x=y", "alice"),
        ] {
            let uri = XcapUri::parse(path).unwrap();
            assert_eq!(uri.document.auid, "a.b");
            assert_eq!(uri.document.home, Home::User(xui.into()), "{path}");
            assert_eq!(uri.document.name, "deferred-list");
            assert_eq!(uri.node, None);
        }
    }

    #[test]
    fn the_global_tree_and_folders() {
        let uri = XcapUri::parse("xcap-caps/global/index").unwrap();
        assert_eq!(uri.document.home, Home::Global);
        assert_eq!(uri.document.home.tree(), Tree::Global);
        let uri = XcapUri::parse("a/users/x/folder/sub%20folder/index").unwrap();
        assert_eq!(uri.document.name, "folder/sub folder/index");
    }

    #[test]
    fn what_is_no_document_is_nothing() {
        for path in [
            "",
            "a",
            "a/global",
            "a/global/",
            "a/other/x/index",
            "a/users",
            "a/users/x",
            "a/users/x/",
            "a/users//d",
            "a/users/x/d/",
            "a/users/x/d//e",
            "a/users/x/../e",
            "a/users/x/d%2Fe",
            "a/users/x/%2e%2E",
            "a/users/%FF/d",
            "a/users/x%00/d",
            "/users/x/d",
            "~~/root",
            "a/users/x/~~/root",
        ] {
            assert_eq!(XcapUri::parse(path), Err(UriError::NoDocument), "{path}");
        }
    }

    #[test]
    fn the_first_separator_splits() {
        for path in [
            "a/global/d/~~/r/x%5b@a=%22b%22%5d",
            "a/global/d/%7E%7e/r/x%5b@a=%22b%22%5d",
            "a/global/d/~%7e/r/x%5b@a=%22b%22%5d?",
        ] {
            assert_eq!(node(path), ("r/x%5b@a=%22b%22%5d".into(), String::new()));
        }
        assert_eq!(
            node("a/global/d/~~/r/~~/x?xmlns(a=b?c)"),
            ("r/~~/x".into(), "xmlns(a=b?c)".into())
        );
        assert_eq!(node("a/global/d/~~").0, "");
        assert_eq!(node("a/global/d/~~/").0, "");
        // Only a whole segment.
        let uri = XcapUri::parse("a/global/~~d/e~~/~~~").unwrap();
        assert_eq!(
            (uri.document.name.as_str(), uri.node),
            ("~~d/e~~/~~~", None)
        );
    }

    #[test]
    fn is_bounded() {
        let long = format!("a/global/{}", "d/".repeat(600));
        assert_eq!(XcapUri::parse(&long), Err(UriError::TooLong));
        let steps = format!("a/global/d/~~/{}r", "r/".repeat(5_000));
        assert_eq!(XcapUri::parse(&steps), Err(UriError::TooLong));
        let query = format!("a/global/d/~~/r?{}", "xmlns(a=b)".repeat(1_000));
        assert_eq!(XcapUri::parse(&query), Err(UriError::TooLong));
    }
}
