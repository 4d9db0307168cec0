//! Node selectors (RFC 4825 section 6.3 and 6.4): read once, evaluated on any document.
//!
//! | module | what |
//! | --- | --- |
//! | `read` | the text of a selector |
//! | `bindings` | the query with its `xmlns()` parts |

mod bindings;
mod read;

#[cfg(test)]
mod tests;

use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use roxmltree::{Attribute, Document, Node};

/// The most steps of a selector. No document is deeper.
pub const MAX_STEPS: usize = 128;

/// The namespace of `xml:lang` and the like, whose prefix needs no binding.
pub(super) const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// A node selector whose names are expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSelector {
    steps: Vec<Step>,
    terminal: Terminal,
    /// The query as it came.
    query: String,
}

/// One step: it has to select a single element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// `None` is the wildcard.
    pub(super) name: Option<Name>,
    /// At most two, and of each kind one.
    pub(super) predicates: Vec<Predicate>,
    /// The step as written, decoded.
    source: String,
    /// It needs the query to be understood.
    prefixed: bool,
}

/// An expanded name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) namespace: Option<String>,
    /// As written; it says nothing in a comparison.
    pub(super) prefix: Option<String>,
    pub(super) local: String,
}

/// What stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Predicate {
    /// Counted from 1, of the elements that are left of the predicates before.
    Position(usize),
    /// The attribute has the value.
    Attribute(Name, String),
}

/// What of the element is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Terminal {
    Element,
    Attribute(Name),
    Namespaces,
}

/// What a node selector selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An element.
    Element,
    /// An attribute.
    Attribute,
    /// The namespace bindings of an element: to read only (RFC 4825 section 8.2, 8.4).
    Namespaces,
}

impl Kind {
    /// The media type of what is sent and received (RFC 4825 section 15.2).
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Element => "application/xcap-el+xml",
            Self::Attribute => "application/xcap-att+xml",
            Self::Namespaces => "application/xcap-ns+xml",
        }
    }
}

/// Why a text is no node selector we can evaluate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// It is no node selector: 400.
    #[error("the node selector cannot be read: {0}")]
    Syntax(&'static str),
    /// A prefix is not bound in the query: 400 (RFC 4825 section 8).
    #[error("the prefix \"{0}\" is not bound by an xmlns() in the query")]
    UndefinedPrefix(String),
    /// An extension selector, and there is none we know: 404 (RFC 4825 section 8).
    #[error("the step \"{0}\" of the node selector is not understood")]
    Unsupported(String),
    /// More than [`MAX_STEPS`] steps: 414.
    #[error("the node selector has more than {MAX_STEPS} steps")]
    TooManySteps,
}

/// What was found.
#[derive(Debug, Clone, Copy)]
pub enum Selected<'a, 'input> {
    /// The element.
    Element(Node<'a, 'input>),
    /// The attribute.
    Attribute(Attribute<'a, 'input>),
    /// The element whose namespace bindings are asked for.
    Namespaces(Node<'a, 'input>),
}

impl Selected<'_, '_> {
    /// Where it stands in the text, in octets: the element from `<` to `>`; the attribute from its name to
    /// its closing quote.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::Element(node) | Self::Namespaces(node) => node.range(),
            Self::Attribute(attribute) => attribute.range(),
        }
    }
}

/// Why nothing was found; 404 to a GET or DELETE in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// A step selects nothing, or the attribute is not there.
    Nothing,
    /// A step selects several elements, which makes the selector invalid.
    Several,
}

impl NodeSelector {
    /// What it selects.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.terminal {
            Terminal::Element => Kind::Element,
            Terminal::Attribute(_) => Kind::Attribute,
            Terminal::Namespaces => Kind::Namespaces,
        }
    }

    /// Evaluates it.
    ///
    /// # Errors
    /// [`Unmatched`].
    pub fn find<'a, 'input>(
        &self,
        document: &'a Document<'input>,
    ) -> Result<Selected<'a, 'input>, Unmatched> {
        let mut context = document.root();
        for step in &self.steps {
            context = step.one(context)?;
        }
        match &self.terminal {
            Terminal::Element => Ok(Selected::Element(context)),
            Terminal::Namespaces => Ok(Selected::Namespaces(context)),
            Terminal::Attribute(name) => name
                .attribute(context)
                .map(Selected::Attribute)
                .ok_or(Unmatched::Nothing),
        }
    }

    /// The element, or the root node, that holds or would hold what is selected.
    ///
    /// # Errors
    /// How many steps from the first select an element.
    pub(super) fn parent<'a, 'input>(
        &self,
        document: &'a Document<'input>,
    ) -> Result<Node<'a, 'input>, usize> {
        let mut context = document.root();
        for (matched, step) in self.parent_steps().iter().enumerate() {
            context = step.one(context).map_err(|_| matched)?;
        }
        Ok(context)
    }

    fn parent_steps(&self) -> &[Step] {
        match self.terminal {
            Terminal::Element => self.steps.split_last().map_or(&[], |(_, before)| before),
            Terminal::Attribute(_) | Terminal::Namespaces => &self.steps,
        }
    }

    /// The last step; there always is one.
    pub(super) fn last_step(&self) -> Option<&Step> {
        self.steps.last()
    }

    pub(super) fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// The first steps as a URI relative to the document, as RFC 4825 section 11.1 has it for `ancestor`.
    pub(super) fn uri_of(&self, steps: usize) -> String {
        let steps = self.steps.get(..steps).unwrap_or(&self.steps);
        let written: Vec<&str> = steps.iter().map(|step| step.source.as_str()).collect();
        let mut uri = encode(&written.join("/"));
        if steps.iter().any(|step| step.prefixed) {
            uri.push('?');
            uri.push_str(&encode_again(&self.query));
        }
        uri
    }
}

impl Step {
    /// The only element that the step selects in a context.
    pub(super) fn one<'a, 'input>(
        &self,
        context: Node<'a, 'input>,
    ) -> Result<Node<'a, 'input>, Unmatched> {
        let mut found = self.select(context, &self.predicates);
        let first = found.next().ok_or(Unmatched::Nothing)?;
        match found.next() {
            None => Ok(first),
            Some(_) => Err(Unmatched::Several),
        }
    }

    /// The children that have the step's name and pass these predicates, in order.
    pub(super) fn select<'s, 'a: 's, 'input: 'a>(
        &'s self,
        context: Node<'a, 'input>,
        predicates: &'s [Predicate],
    ) -> impl Iterator<Item = Node<'a, 'input>> + 's {
        let mut counted = vec![0; predicates.len()];
        context.children().filter(move |child| {
            child.is_element()
                && self.has_name(*child)
                && predicates
                    .iter()
                    .zip(&mut counted)
                    .all(|(predicate, count)| {
                        *count += 1;
                        match predicate {
                            Predicate::Position(position) => count == position,
                            Predicate::Attribute(name, value) => {
                                name.attribute(*child).is_some_and(|a| a.value() == value)
                            }
                        }
                    })
        })
    }

    /// Whether an element has the name, or any will do.
    pub(super) fn has_name(&self, element: Node<'_, '_>) -> bool {
        self.name.as_ref().is_none_or(|name| {
            let tag = element.tag_name();
            name.is(tag.namespace(), tag.name())
        })
    }
}

impl Name {
    fn is(&self, namespace: Option<&str>, local: &str) -> bool {
        // `xmlns=""` is no namespace.
        local == self.local && namespace.filter(|uri| !uri.is_empty()) == self.namespace.as_deref()
    }

    /// The attribute of this name.
    pub(super) fn attribute<'a, 'input>(
        &self,
        element: Node<'a, 'input>,
    ) -> Option<Attribute<'a, 'input>> {
        element
            .attributes()
            .find(|attribute| self.is(attribute.namespace(), attribute.name()))
    }
}

/// What a path segment of a URI may hold besides letters and digits (RFC 3986 section 3.3), and `/`.
const PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

/// Percent-encodes a selector, or the path of a document, for a URI.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, &PATH).to_string()
}

/// Percent-encodes what may be encoded already: its escapes stay, and so does the mark of a query.
pub(super) fn encode_again(text: &str) -> String {
    const KEEP: AsciiSet = PATH.remove(b'%').remove(b'?');
    utf8_percent_encode(text, &KEEP).to_string()
}
