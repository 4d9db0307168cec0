//! `org.openmobilealliance.pres-content`: a picture or another content that presence refers to, such as the status
//! icon `oma_status-icon/rcs_status_icon` (OMA Presence Content XDM 1.0 section 5.1).
//!
//! The order of the elements, and which must be there, are reconstructed.

use roxmltree::Node;

use super::Candidate;
use super::built_in::{BuiltIn, Names, broken, no_claims};
use super::simple::Type::{Base64, NotEmpty, Text};
use super::structure::Attribute::{Foreign, Language};
use super::structure::Content::{self, Children};
use super::structure::Model::{Interleave, Many, One, Optional, Other};
use super::structure::{Element, Grammar, element};
use super::unique::shortened;
use crate::xcap::conflict::Conflict;

/// The namespace of its elements.
const NAMESPACE: &str = "urn:oma:xml:prs:pres-content";

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "org.openmobilealliance.pres-content",
    namespace: NAMESPACE,
    more_namespaces: &[],
    media_type: "application/vnd.oma.pres-content+xml",
    names: Names::Any,
    global: false,
    grammar: &GRAMMAR,
    rules,
    claims: no_claims,
};

static GRAMMAR: Grammar = Grammar {
    roots: &[&CONTENT],
    globals: &[],
    namespaces: &[NAMESPACE],
};

static CONTENT: Element = element(
    NAMESPACE,
    "content",
    &[Foreign],
    Children(&Interleave(&[
        Optional(&One(&MIME_TYPE)),
        Optional(&One(&ENCODING)),
        Many(&One(&DESCRIPTION)),
        One(&DATA),
        Many(&Other(NAMESPACE)),
    ])),
);
static MIME_TYPE: Element = element(NAMESPACE, "mime-type", &[Foreign], Content::Text(NotEmpty));
static ENCODING: Element = element(NAMESPACE, "encoding", &[Foreign], Content::Text(NotEmpty));
static DESCRIPTION: Element = element(
    NAMESPACE,
    "description",
    &[Language, Foreign],
    Content::Text(Text),
);
static DATA: Element = element(NAMESPACE, "data", &[Foreign], Content::Text(Text));

fn rules(candidate: &Candidate<'_>) -> Result<(), Conflict> {
    let content = candidate.document.root_element();
    let child = |name: &str| {
        content
            .children()
            .find(|node| node.has_tag_name((NAMESPACE, name)))
    };
    let text = |node: Node<'_, '_>| -> String {
        node.children().filter_map(|child| child.text()).collect()
    };
    if let Some(node) = child("mime-type") {
        let media_type = text(node);
        if !is_media_type(media_type.trim()) {
            let text = format!("\"{}\" is no MIME type", shortened(media_type.trim()));
            return Err(broken(node, &text));
        }
    }
    let (Some(encoding), Some(data)) = (child("encoding"), child("data")) else {
        return Ok(());
    };
    match text(encoding).trim() {
        "base64" if !Base64.accepts(&text(data)) => Err(broken(data, "the data is not base 64")),
        _ => Ok(()),
    }
}

/// `type/subtype`, perhaps with parameters (RFC 2045 section 5.1).
pub(super) fn is_media_type(text: &str) -> bool {
    let token = |part: &str| {
        let sign = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&b);
        !part.is_empty() && part.bytes().all(sign)
    };
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}
