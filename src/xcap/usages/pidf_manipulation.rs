//! `pidf-manipulation` (RFC 4827): presence that stays when no device publishes it, as a PIDF document (RFC 3863) with
//! the persons and devices of the presence data model (RFC 4479).

use super::built_in::{BuiltIn, Names, no_claims, no_rules};
use super::simple::Type::{AnyUri, DateTime, Id, OneOf, QValue, Text};
use super::structure::Attribute::{Language, Optional as May, Required};
use super::structure::Content::{self, Children};
use super::structure::Model::{Many, One, Optional, Other, Sequence};
use super::structure::{Element, Grammar, element};

/// The namespace of PIDF.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:pidf";
/// The namespace of persons and devices.
const DATA_MODEL: &str = "urn:ietf:params:xml:ns:pidf:data-model";

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "pidf-manipulation",
    namespace: NAMESPACE,
    more_namespaces: &[DATA_MODEL],
    media_type: "application/pidf+xml",
    // RFC 4827 section 9: one document for each user.
    names: Names::Only("index"),
    global: false,
    grammar: &GRAMMAR,
    rules: no_rules,
    claims: no_claims,
};

static GRAMMAR: Grammar = Grammar {
    roots: &[&PRESENCE],
    globals: &[&[&PERSON, &DEVICE, &DEVICE_ID]],
    namespaces: &[NAMESPACE, DATA_MODEL],
};

/// RFC 3863 section 4.4.
static PRESENCE: Element = element(
    NAMESPACE,
    "presence",
    &[Required("entity", AnyUri)],
    Children(&Sequence(&[
        Many(&One(&TUPLE)),
        Many(&One(&NOTE)),
        Many(&Other(NAMESPACE)),
    ])),
);
static TUPLE: Element = element(
    NAMESPACE,
    "tuple",
    &[Required("id", Id)],
    Children(&Sequence(&[
        One(&STATUS),
        Many(&Other(NAMESPACE)),
        Optional(&One(&CONTACT)),
        Many(&One(&NOTE)),
        Optional(&One(&TIMESTAMP)),
    ])),
);
static STATUS: Element = element(
    NAMESPACE,
    "status",
    &[],
    Children(&Sequence(&[
        Optional(&One(&BASIC)),
        Many(&Other(NAMESPACE)),
    ])),
);
static BASIC: Element = element(
    NAMESPACE,
    "basic",
    &[],
    Content::Text(OneOf(&["open", "closed"])),
);
static CONTACT: Element = element(
    NAMESPACE,
    "contact",
    &[May("priority", QValue)],
    Content::Text(AnyUri),
);
static NOTE: Element = element(NAMESPACE, "note", &[Language], Content::Text(Text));
static TIMESTAMP: Element = element(NAMESPACE, "timestamp", &[], Content::Text(DateTime));

/// RFC 4479 section 7.
static PERSON: Element = element(
    DATA_MODEL,
    "person",
    &[Required("id", Id)],
    Children(&Sequence(&[
        Many(&Other(DATA_MODEL)),
        Many(&One(&DATA_NOTE)),
        Optional(&One(&DATA_TIMESTAMP)),
    ])),
);
static DEVICE: Element = element(
    DATA_MODEL,
    "device",
    &[Required("id", Id)],
    Children(&Sequence(&[
        Many(&Other(DATA_MODEL)),
        One(&DEVICE_ID),
        Many(&One(&DATA_NOTE)),
        Optional(&One(&DATA_TIMESTAMP)),
    ])),
);
static DEVICE_ID: Element = element(DATA_MODEL, "deviceID", &[], Content::Text(AnyUri));
static DATA_NOTE: Element = element(DATA_MODEL, "note", &[Language], Content::Text(Text));
static DATA_TIMESTAMP: Element = element(DATA_MODEL, "timestamp", &[], Content::Text(DateTime));
