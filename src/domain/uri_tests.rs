//! Tests of [`super`], the reading of URIs.

use super::*;
use proptest::prelude::*;

#[test]
fn reads_every_part_of_a_sip_uri() {
    let uri = Uri::parse("SIP:alice:secretword@Atlanta.com:5070;transport=tcp;lr?subject=a%20b&x=")
        .unwrap();
    assert_eq!(
        (uri.scheme(), uri.user(), uri.password()),
        ("sip", Some("alice"), Some("secretword"))
    );
    assert_eq!((uri.host(), uri.port()), (Some("Atlanta.com"), Some(5070)));
    assert_eq!(uri.param("Transport"), Some("tcp"));
    assert!(uri.has_param("lr") && uri.param("lr").is_none());
    assert_eq!(
        uri.headers(),
        [
            ("subject".into(), "a%20b".into()),
            ("x".into(), String::new())
        ]
    );
}

#[test]
fn accepts_the_examples_of_rfc_3261_section_19_1_3() {
    for text in [
        "sip:alice@atlanta.com",
        "sip:alice:secretword@atlanta.com;transport=tcp",
        "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sips:1212@gateway.com",
        "sip:alice@192.0.2.4",
        "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
        "sip:alice;day=tuesday@atlanta.com",
        "sip:alice@[2001:db8::9:1]:5061",
        "tel:+1-201-555-0123",
        "tel:7042;phone-context=example.com",
        "tel:863-1234;phone-context=+1-914-555",
        "soap.beep://192.0.2.103:3002",
        "isbn:2983792873",
    ] {
        assert!(Uri::parse(text).is_ok(), "{text}: {:?}", Uri::parse(text));
    }
}

#[test]
fn refuses_what_the_grammar_forbids() {
    for text in [
        "",
        "alice",
        ":",
        "sip:",
        "sip:@host",
        "sip:a@",
        "sip:a b@host",
        "sip:a@b@c",
        "sip:a@host:",
        "sip:a@host:0",
        "sip:a@host:65536",
        "sip:a@host:+5",
        "sip:a@[::1",
        "sip:a@[::1]x",
        "sip:a@[fe80::1%25eth0]",
        "sip:a@-x.org",
        "sip:a@1.2.3",
        "sip:a@x..y",
        "sip:a%4@host",
        "sip:a%zz@host",
        "sip:a@host;",
        "sip:a@host;;lr",
        "sip:a@host?x",
        "sip:a#b@host",
        "sip:\u{e9}@host",
        "sip:a\0@host",
        "tel:",
        "tel:+",
        "tel:+12ab",
        "tel:7042",
        "tel:-",
        "tel:7;phone-context=",
        "tel:7;phone-context",
        "1a:b",
        "http:",
        "http:a b",
    ] {
        assert!(
            matches!(Uri::parse(text), Err(UriError::Malformed(_))),
            "{text}"
        );
    }
}

#[test]
fn only_parse_supported_minds_the_scheme() {
    let text = "nobodyKnowsThisScheme:totallyopaquecontent";
    assert_eq!(Uri::parse(text).unwrap().scheme(), "nobodyknowsthisscheme");
    assert_eq!(
        Uri::parse_supported(text),
        Err(UriError::UnknownScheme("nobodyknowsthisscheme".into()))
    );
    assert!(Uri::parse_supported("tel:+123").is_ok());
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC*", tail in "[a-z0-9@:;?=&%\\[\\].+-]{0,40}") {
        let _ = Uri::parse(&text);
        let _ = Uri::parse(&format!("sip:{tail}"));
        let _ = Uri::parse(&format!("tel:{tail}"));
    }
}

#[test]
fn host_names_with_underscores_are_let_pass() {
    // Wider than the grammar: names of containers in the field have them.
    let uri = Uri::parse("sip:alice@kamailio_1").unwrap();
    assert_eq!(uri.host(), Some("kamailio_1"));
}
