//! Structure of documents: a grammar as data. [`super::conformance`] checks documents against it.
//!
//! A usage writes its grammar much as RELAX NG compact would, transcribed from the schema of its specification:
//!
//! ```text
//! static ENTRY: Element = element(NAMESPACE, "entry", &[Required("uri", AnyUri), Foreign],
//!     Children(&Sequence(&[Optional(&One(&DISPLAY_NAME)), Many(&Other(NAMESPACE))])));
//! ```
//!
//! Like the schemas they come from the grammars are deterministic: the next element says which way to go, so one
//! pass over the children decides, without going back. Time is linear in the document.

use roxmltree::Node;

use super::simple::Type;

/// What documents of a usage look like.
#[derive(Debug)]
pub struct Grammar {
    /// One of these is the root.
    pub roots: &'static [&'static Element],
    /// Elements that are known where elements of other namespaces may stand; they are checked there too.
    pub globals: &'static [&'static [&'static Element]],
    /// Namespaces of which every element is known here: where elements of other namespaces may stand, unknown
    /// names in these are refused (RFC 4825 section 8.2.5).
    pub namespaces: &'static [&'static str],
}

/// An element.
#[derive(Debug)]
pub struct Element {
    /// Its namespace.
    pub namespace: &'static str,
    /// Its local name.
    pub name: &'static str,
    /// Its attributes; those of `xsi` may stand anywhere.
    pub attributes: &'static [Attribute],
    /// What is in it.
    pub content: Content,
}

/// An attribute.
#[derive(Debug, Clone, Copy)]
pub enum Attribute {
    /// Must be there.
    Required(&'static str, Type),
    /// May be there.
    Optional(&'static str, Type),
    /// `xml:lang` may be there.
    Language,
    /// Attributes of other namespaces may be there.
    Foreign,
}

/// What is in an element.
#[derive(Debug)]
pub enum Content {
    /// Nothing.
    Empty,
    /// A text.
    Text(Type),
    /// Elements.
    Children(&'static Model),
}

/// Which child elements, in which order.
#[derive(Debug)]
pub enum Model {
    /// This element.
    One(&'static Element),
    /// Any element of another namespace than this, but not of none (`##other`).
    Other(&'static str),
    /// Any element.
    Anything,
    /// These in this order.
    Sequence(&'static [Model]),
    /// One of these.
    Choice(&'static [Model]),
    /// These in any order.
    Interleave(&'static [Model]),
    /// Perhaps.
    Optional(&'static Model),
    /// As often as one likes.
    Many(&'static Model),
    /// At least once.
    Some(&'static Model),
}

/// An element of a grammar.
#[must_use]
pub const fn element(
    namespace: &'static str,
    name: &'static str,
    attributes: &'static [Attribute],
    content: Content,
) -> Element {
    Element {
        namespace,
        name,
        attributes,
        content,
    }
}

impl Element {
    /// Whether `node` has its name.
    #[must_use]
    pub fn is(&self, node: Node<'_, '_>) -> bool {
        node.has_tag_name((self.namespace, self.name))
    }
}

impl Model {
    /// Whether `node` may be the first element of what this describes.
    #[must_use]
    pub fn starts(&self, node: Node<'_, '_>) -> bool {
        match self {
            Self::One(element) => element.is(node),
            Self::Other(namespace) => {
                let other = node.tag_name().namespace().unwrap_or_default();
                !other.is_empty() && other != *namespace
            }
            Self::Anything => true,
            Self::Choice(models) | Self::Interleave(models) => {
                models.iter().any(|model| model.starts(node))
            }
            Self::Sequence(models) => {
                for model in *models {
                    if model.starts(node) {
                        return true;
                    }
                    if !model.may_be_absent() {
                        return false;
                    }
                }
                false
            }
            Self::Optional(model) | Self::Many(model) | Self::Some(model) => model.starts(node),
        }
    }

    /// Whether nothing will do.
    #[must_use]
    pub fn may_be_absent(&self) -> bool {
        match self {
            Self::One(_) | Self::Other(_) | Self::Anything => false,
            Self::Choice(models) => models.iter().any(Self::may_be_absent),
            Self::Sequence(models) | Self::Interleave(models) => {
                models.iter().all(Self::may_be_absent)
            }
            Self::Optional(_) | Self::Many(_) => true,
            Self::Some(model) => model.may_be_absent(),
        }
    }

    /// Adds what may come first to `expected`.
    pub fn describe(&self, expected: &mut Vec<String>) {
        let mut add = |text: String| {
            if !expected.contains(&text) {
                expected.push(text);
            }
        };
        match self {
            Self::One(element) => add(format!("<{}>", element.name)),
            Self::Other(_) => add("an element of another namespace".to_owned()),
            Self::Anything => add("any element".to_owned()),
            Self::Choice(models) | Self::Interleave(models) => {
                models.iter().for_each(|model| model.describe(expected));
            }
            Self::Sequence(models) => {
                for model in *models {
                    model.describe(expected);
                    if !model.may_be_absent() {
                        break;
                    }
                }
            }
            Self::Optional(model) | Self::Many(model) | Self::Some(model) => {
                model.describe(expected);
            }
        }
    }
}
