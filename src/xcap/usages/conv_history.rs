//! `org.openmobilealliance.conv-history`: recorded conversations (OMA IM XDM section 5.1), in the form of the
//! deferred-message metadata document.
//!
//! The grammar is that of `docs/schema/im-history-list.xsd`, which tells which parts are reconstructed.

use roxmltree::Node;

use super::Candidate;
use super::built_in::{BuiltIn, Names, no_claims};
use super::deferred_list::NAMESPACE;
use super::simple::Type::{DateTime, NonNegativeInteger, NotEmpty, Text};
use super::structure::Attribute::{Foreign, Optional as May, Required};
use super::structure::Content::{self, Children};
use super::structure::Model::{Choice, Many, One, Optional, Other, Sequence, Some as AtLeastOne};
use super::structure::{Element, Grammar, element};
use super::unique::{Seen, Uniqueness};
use crate::xcap::conflict::Conflict;

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "org.openmobilealliance.conv-history",
    namespace: NAMESPACE,
    more_namespaces: &[],
    media_type: "application/vnd.oma.im.history-list+xml",
    names: Names::Any,
    global: false,
    grammar: &GRAMMAR,
    rules,
    claims: no_claims,
};

static GRAMMAR: Grammar = Grammar {
    roots: &[&HISTORY_LIST],
    globals: &[],
    namespaces: &[NAMESPACE],
};

static HISTORY_LIST: Element = element(
    NAMESPACE,
    "history-list",
    &[Foreign],
    Children(&Sequence(&[Many(&One(&HISTORY)), Many(&Other(NAMESPACE))])),
);
static HISTORY: Element = element(
    NAMESPACE,
    "history",
    &[
        Required("history-reference", NotEmpty),
        Required("date", DateTime),
        Foreign,
    ],
    Children(&Sequence(&[
        One(&SIZE),
        Optional(&One(&EXPIRY)),
        Optional(&One(&SUBJECT)),
        Choice(&[One(&PAGER), One(&LARGE), One(&CONFERENCE)]),
        Many(&Other(NAMESPACE)),
    ])),
);
static SIZE: Element = element(NAMESPACE, "size", &[], Content::Text(NonNegativeInteger));
static EXPIRY: Element = element(NAMESPACE, "expiry", &[], Content::Text(DateTime));
static SUBJECT: Element = element(NAMESPACE, "subject", &[], Content::Text(Text));

static PAGER: Element = element(NAMESPACE, "pager", &[Foreign], MESSAGE);
static LARGE: Element = element(NAMESPACE, "large", &[Foreign], MESSAGE);
const MESSAGE: Content = Children(&Sequence(&[
    One(&TIME_STAMP),
    One(&FROM),
    One(&TO),
    Optional(&One(&RECIPIENT_LIST)),
    Optional(&One(&AUTH_ID)),
    Many(&Other(NAMESPACE)),
]));
static TIME_STAMP: Element = element(NAMESPACE, "time-stamp", &[], Content::Text(DateTime));
static FROM: Element = element(NAMESPACE, "from", &[], Content::Text(NotEmpty));
static TO: Element = element(NAMESPACE, "to", &[], Content::Text(NotEmpty));
static AUTH_ID: Element = element(NAMESPACE, "auth-id", &[], Content::Text(NotEmpty));
static RECIPIENT_LIST: Element = element(
    NAMESPACE,
    "recipient-list",
    &[
        May("group-uri", NotEmpty),
        May("group-display-name", Text),
        Foreign,
    ],
    Children(&Sequence(&[
        AtLeastOne(&One(&ENTRY)),
        Many(&Other(NAMESPACE)),
    ])),
);
static ENTRY: Element = element(
    NAMESPACE,
    "entry",
    &[Required("uri", NotEmpty), Foreign],
    Children(&Sequence(&[
        Optional(&One(&DISPLAY_NAME)),
        Many(&Other(NAMESPACE)),
    ])),
);
static DISPLAY_NAME: Element = element(NAMESPACE, "display-name", &[Foreign], Content::Text(Text));

static CONFERENCE: Element = element(
    NAMESPACE,
    "conference",
    &[Foreign],
    Children(&Sequence(&[
        One(&TIME_START),
        Optional(&One(&TIME_END)),
        Optional(&One(&RECORDING_NAME)),
        Optional(&One(&CONF_LIST)),
        Many(&Other(NAMESPACE)),
    ])),
);
static TIME_START: Element = element(NAMESPACE, "time-start", &[], Content::Text(DateTime));
static TIME_END: Element = element(NAMESPACE, "time-end", &[], Content::Text(DateTime));
static RECORDING_NAME: Element = element(NAMESPACE, "recording-name", &[], Content::Text(Text));
static CONF_LIST: Element = element(
    NAMESPACE,
    "conf-list",
    &[Foreign],
    Children(&Sequence(&[Many(&One(&ENTRY)), Many(&Other(NAMESPACE))])),
);

fn rules(candidate: &Candidate<'_>) -> Result<(), Conflict> {
    let mut uniqueness = Uniqueness::new(NAMESPACE);
    let mut seen = Seen::new();
    for history in candidate
        .document
        .root_element()
        .children()
        .filter(Node::is_element)
    {
        if history.has_tag_name((NAMESPACE, "history")) {
            uniqueness.note(&mut seen, history, "history-reference");
        }
    }
    uniqueness.finish()
}
