//! Whether a document is as its grammar says (the schema part of RFC 4825 section 8.2.5).

use std::collections::HashMap;

use roxmltree::{Document, Node};

use super::simple::Type;
use super::structure::{Attribute, Content, Element, Grammar, Model};
use super::unique::{Uniqueness, attribute_of, shortened};
use crate::xcap::conflict::{Condition, Conflict};

/// The namespace of the prefix `xml`.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// Attributes of this namespace (`xsi:schemaLocation`) may stand anywhere.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// An element of the document, and what the grammar says of it; `None` where it knows nothing.
type Assigned<'a> = (Node<'a, 'a>, Option<&'static Element>);

/// Checks that the document is as the grammar says, and that IDs are unique in it. `default_namespace` is that of
/// names without a prefix in selectors.
///
/// # Errors
/// `schema-validation-error` for the first element that is wrong, with its line, and what was expected there;
/// `uniqueness-failure` for IDs.
pub fn check<'a>(
    grammar: &Grammar,
    document: &'a Document<'a>,
    default_namespace: &'a str,
) -> Result<(), Conflict> {
    let root = document.root_element();
    let Some(element) = grammar.roots.iter().find(|element| element.is(root)) else {
        return Err(wrong_root(grammar, root));
    };
    let mut ids = HashMap::new();
    let mut uniqueness = Uniqueness::new(default_namespace);
    let mut open: Vec<Assigned<'a>> = vec![(root, Some(element))];
    while let Some((node, element)) = open.pop() {
        let known = open.len();
        if let Some(element) = element {
            for name in check_attributes(element, node)? {
                uniqueness.note(&mut ids, node, name);
            }
            open.extend(check_content(grammar, element, node)?);
        } else {
            for child in node.children().filter(Node::is_element) {
                open.push((child, known_element(grammar, child)?));
            }
        }
        // The last is taken first: errors are told in the order of the document.
        open[known..].reverse();
    }
    uniqueness.finish()
}

/// A `schema-validation-error` about `node`.
pub(super) fn fault(node: Node<'_, '_>, text: &str) -> Conflict {
    let position = node.document().text_pos_at(node.range().start);
    Condition::SchemaValidationError.because(format!("line {}: {text}", position.row))
}

fn wrong_root(grammar: &Grammar, root: Node<'_, '_>) -> Conflict {
    let expected: Vec<String> = grammar
        .roots
        .iter()
        .map(|element| format!("<{}> of namespace \"{}\"", element.name, element.namespace))
        .collect();
    let found = name_in(root, "");
    fault(
        root,
        &format!("the root is {found}; expected {}", expected.join(" or ")),
    )
}

/// `<name>`, with its namespace if that is not `namespace`.
fn name_in(node: Node<'_, '_>, namespace: &str) -> String {
    let name = shortened(node.tag_name().name());
    match node.tag_name().namespace() {
        Some(own) if own == namespace => format!("<{name}>"),
        None | Some("") => format!("<{name}> of no namespace"),
        Some(own) => format!("<{name}> of namespace \"{}\"", shortened(own)),
    }
}

fn known_element(
    grammar: &Grammar,
    node: Node<'_, '_>,
) -> Result<Option<&'static Element>, Conflict> {
    let known = grammar
        .globals
        .iter()
        .copied()
        .flatten()
        .find(|element| element.is(node));
    let namespace = node.tag_name().namespace().unwrap_or_default();
    if known.is_none() && grammar.namespaces.contains(&namespace) {
        let text = format!("{} is not defined, or not here", name_in(node, ""));
        return Err(fault(node, &text));
    }
    Ok(known.copied())
}

/// Gives the names of the attributes that are IDs.
fn check_attributes(element: &Element, node: Node<'_, '_>) -> Result<Vec<&'static str>, Conflict> {
    let mut ids = Vec::new();
    let name = element.name;
    for rule in element.attributes {
        let (attribute, kind, required) = match *rule {
            Attribute::Required(attribute, kind) => (attribute, kind, true),
            Attribute::Optional(attribute, kind) => (attribute, kind, false),
            Attribute::Language | Attribute::Foreign => continue,
        };
        match attribute_of(node, attribute) {
            None if required => {
                return Err(fault(
                    node,
                    &format!("<{name}> needs the attribute \"{attribute}\""),
                ));
            }
            Some(value) if !kind.accepts(value) => {
                let (value, expected) = (shortened(value), kind.expected());
                let text = format!(
                    "the attribute \"{attribute}\" of <{name}> is \"{value}\"; expected {expected}"
                );
                return Err(fault(node, &text));
            }
            Some(_) if matches!(kind, Type::Id) => ids.push(attribute),
            _ => {}
        }
    }
    for attribute in node.attributes() {
        let is_language = attribute.namespace() == Some(XML) && attribute.name() == "lang";
        let value = attribute.value();
        if is_language && !value.is_empty() && !Type::Language.accepts(value) {
            let (value, expected) = (shortened(value), Type::Language.expected());
            let text = format!("\"xml:lang\" of <{name}> is \"{value}\"; expected {expected}");
            return Err(fault(node, &text));
        }
        if !may_have(element, attribute.namespace(), attribute.name()) {
            let attribute = shortened(attribute.name());
            let text = format!("the attribute \"{attribute}\" is not allowed in <{name}>");
            return Err(fault(node, &text));
        }
    }
    Ok(ids)
}

fn may_have(element: &Element, namespace: Option<&str>, name: &str) -> bool {
    let foreign = |rule: &Attribute| matches!(rule, Attribute::Foreign);
    match namespace {
        None => element.attributes.iter().any(|rule| match rule {
            Attribute::Required(known, _) | Attribute::Optional(known, _) => *known == name,
            Attribute::Language | Attribute::Foreign => false,
        }),
        Some(XSI) => true,
        Some(XML) if name == "lang" => element
            .attributes
            .iter()
            .any(|rule| matches!(rule, Attribute::Language) || foreign(rule)),
        Some(other) => other != element.namespace && element.attributes.iter().any(foreign),
    }
}

fn check_content<'a>(
    grammar: &Grammar,
    element: &'static Element,
    node: Node<'a, 'a>,
) -> Result<Vec<Assigned<'a>>, Conflict> {
    let children: Vec<Node<'a, 'a>> = node.children().filter(Node::is_element).collect();
    let texts = || node.children().filter(Node::is_text);
    let model = match &element.content {
        Content::Text(kind) => {
            if let Some(child) = children.first() {
                let child = name_in(*child, element.namespace);
                let text = format!(
                    "{child} is not allowed in <{}>, which holds a text",
                    element.name
                );
                return Err(fault(node, &text));
            }
            let text: String = texts().filter_map(|text| text.text()).collect();
            if kind.accepts(&text) {
                return Ok(Vec::new());
            }
            let (name, text, expected) = (element.name, shortened(&text), kind.expected());
            return Err(fault(
                node,
                &format!("<{name}> is \"{text}\"; expected {expected}"),
            ));
        }
        Content::Empty => &Model::Sequence(&[]),
        Content::Children(model) => *model,
    };
    let blank = |text: &str| text.bytes().all(|b| b.is_ascii_whitespace());
    if let Some(text) = texts().find(|text| !blank(text.text().unwrap_or_default())) {
        let content = shortened(text.text().unwrap_or_default().trim());
        let text = format!(
            "the text \"{content}\" is not allowed in <{}>",
            element.name
        );
        return Err(fault(node, &text));
    }
    Matching::new(grammar, element, node, &children).run(model)
}

/// The way through the children of one element.
struct Matching<'a, 'c> {
    grammar: &'c Grammar,
    element: &'static Element,
    node: Node<'a, 'a>,
    children: &'c [Node<'a, 'a>],
    assigned: Vec<Assigned<'a>>,
    /// What could have stood instead of the next child.
    expected: Vec<String>,
}

/// Something that must be there is not.
struct Missing;

impl<'a, 'c> Matching<'a, 'c> {
    fn new(
        grammar: &'c Grammar,
        element: &'static Element,
        node: Node<'a, 'a>,
        children: &'c [Node<'a, 'a>],
    ) -> Self {
        Self {
            grammar,
            element,
            node,
            children,
            assigned: Vec::with_capacity(children.len()),
            expected: Vec::new(),
        }
    }

    fn run(mut self, model: &'static Model) -> Result<Vec<Assigned<'a>>, Conflict> {
        let complete = self.take(model).is_ok();
        let Some(next) = self.next() else {
            return if complete {
                self.known()
            } else {
                Err(self.incomplete())
            };
        };
        Err(self.not_allowed(next))
    }

    /// Elements of other namespaces get what the grammar knows of them.
    fn known(self) -> Result<Vec<Assigned<'a>>, Conflict> {
        let grammar = self.grammar;
        self.assigned
            .into_iter()
            .map(|(node, element)| match element {
                Some(element) => Ok((node, Some(element))),
                None => Ok((node, known_element(grammar, node)?)),
            })
            .collect()
    }

    fn next(&self) -> Option<Node<'a, 'a>> {
        self.children.get(self.assigned.len()).copied()
    }

    fn is_next(&self, model: &Model) -> bool {
        self.next().is_some_and(|node| model.starts(node))
    }

    fn accept(&mut self, node: Node<'a, 'a>, element: Option<&'static Element>) {
        self.assigned.push((node, element));
        self.expected.clear();
    }

    fn take(&mut self, model: &'static Model) -> Result<(), Missing> {
        match model {
            Model::One(_) | Model::Other(_) | Model::Anything => {
                let next = self.next().filter(|node| model.starts(*node));
                let Some(node) = next else {
                    model.describe(&mut self.expected);
                    return Err(Missing);
                };
                let element = match model {
                    Model::One(element) => Some(*element),
                    _ => None,
                };
                self.accept(node, element);
                Ok(())
            }
            Model::Sequence(models) => models.iter().try_for_each(|model| self.take(model)),
            Model::Choice(models) => match models.iter().find(|model| self.is_next(model)) {
                Some(model) => self.take(model),
                None => self.go_without(model),
            },
            Model::Interleave(models) => self.take_in_any_order(models),
            Model::Optional(inner) if self.is_next(inner) => self.take(inner),
            Model::Optional(_) => self.go_without(model),
            Model::Some(inner) => {
                self.take(inner)?;
                self.take_many(inner)
            }
            Model::Many(inner) => self.take_many(inner),
        }
    }

    fn take_many(&mut self, model: &'static Model) -> Result<(), Missing> {
        while self.is_next(model) {
            self.take(model)?;
        }
        model.describe(&mut self.expected);
        Ok(())
    }

    fn take_in_any_order(&mut self, models: &'static [Model]) -> Result<(), Missing> {
        let mut seen = vec![false; models.len()];
        let repeats = |model: &Model| matches!(model, Model::Many(_) | Model::Some(_));
        while let Some(at) = models
            .iter()
            .enumerate()
            .position(|(at, model)| self.is_next(model) && (!seen[at] || repeats(model)))
        {
            seen[at] = true;
            self.take(&models[at])?;
        }
        for (model, seen) in models.iter().zip(seen) {
            if !seen {
                self.go_without(model)?;
            } else if repeats(model) {
                model.describe(&mut self.expected);
            }
        }
        Ok(())
    }

    fn go_without(&mut self, model: &Model) -> Result<(), Missing> {
        model.describe(&mut self.expected);
        if model.may_be_absent() {
            Ok(())
        } else {
            Err(Missing)
        }
    }

    fn not_allowed(&self, child: Node<'_, '_>) -> Conflict {
        let (child_name, parent) = (name_in(child, self.element.namespace), self.element.name);
        let expected = match &self.expected[..] {
            [] => "nothing more".to_owned(),
            names => names.join(", "),
        };
        let text = format!("{child_name} is not allowed here in <{parent}>; expected {expected}");
        fault(child, &text)
    }

    fn incomplete(&self) -> Conflict {
        let (name, expected) = (self.element.name, self.expected.join(", "));
        fault(
            self.node,
            &format!("<{name}> is incomplete; expected {expected}"),
        )
    }
}
