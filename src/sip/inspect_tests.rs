//! Tests of the inspection.

use super::*;
use crate::sip::response::Response;
use bytes::Bytes;

fn capabilities() -> Capabilities {
    let list = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
    Capabilities {
        methods: list(&["MESSAGE", "OPTIONS"]),
        schemes: list(&["sip", "sips", "tel"]),
        extensions: list(&["path"]),
        accept: list(&["text/plain", "message/cpim"]),
    }
}

fn request(method: &str, uri: &str, fields: &str, body: &str) -> Message {
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 0\r\n\
         To: <sip:b@x>\r\n{fields}\r\n{body}"
    );
    Message::parse(Bytes::from(text)).unwrap()
}

fn inspect(request: &Message) -> Result<(), Refusal> {
    capabilities().inspect(request, false, |_, found| {
        found.is_some_and(|found| found.essence() == "text/plain")
    })
}

fn fields(refusal: &Refusal) -> Vec<String> {
    let host = "restante.example";
    let fields = refusal.header_fields(host);
    fields
        .into_iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect()
}

#[test]
fn a_plain_message_passes_even_without_hops_left() {
    for (uri, extra) in [
        ("sip:b@x", "Content-Type: text/plain;charset=utf-8\r\n"),
        (
            "SIPS:b@x",
            "c: text/plain\r\nRequire: Path\r\ne: identity\r\n",
        ),
        (
            "tel:+123",
            "c: text/plain\r\nRequire: ,\r\nContent-Language: tlh\r\nProxy-Require: x\r\n",
        ),
    ] {
        assert_eq!(
            inspect(&request("MESSAGE", uri, extra, "Hi")),
            Ok(()),
            "{uri}"
        );
    }
    assert_eq!(inspect(&request("OPTIONS", "sip:x", "", "")), Ok(()));
}

#[test]
fn other_methods_are_not_allowed() {
    let refusal = inspect(&request("message", "unknown:x", "", "")).unwrap_err();
    assert_eq!(
        (refusal.status(), refusal.reason()),
        (405, "Method Not Allowed")
    );
    assert_eq!(
        fields(&refusal),
        [
            "Allow: MESSAGE, OPTIONS",
            "Warning: 399 restante.example \"the method message is not supported\""
        ]
    );
}

#[test]
fn ack_and_cancel_pass() {
    for method in ["ACK", "CANCEL"] {
        let request = request(method, "unknown:x", "Require: 100rel\r\n", "body");
        assert_eq!(inspect(&request), Ok(()));
    }
    let response = Message::parse(Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n")).unwrap();
    assert_eq!(inspect(&response), Ok(()));
}

#[test]
fn unknown_schemes_are_refused() {
    let refusal = inspect(&request("MESSAGE", "nobodyKnowsThisScheme:x", "", "")).unwrap_err();
    assert_eq!(
        (refusal.status(), refusal.reason()),
        (416, "Unsupported URI Scheme")
    );
    assert_eq!(
        fields(&refusal),
        [
            "Warning: 399 restante.example \"the Request-URI scheme \\\"nobodyKnowsThisScheme\\\" is not supported\""
        ]
    );
    assert_eq!(
        inspect(&request("MESSAGE", "b", "", ""))
            .unwrap_err()
            .status(),
        416
    );
}

#[test]
fn merged_requests_are_refused() {
    let request = request("MESSAGE", "sip:b@x", "", "");
    let refusal = capabilities()
        .inspect(&request, true, |_, _| true)
        .unwrap_err();
    assert_eq!((refusal.status(), refusal.reason()), (482, "Loop Detected"));
    assert_eq!(refusal, Refusal::Merged);
}

#[test]
fn unknown_extensions_are_listed() {
    // RFC 4475 section 3.3.5 has both fields; Proxy-Require is not ours.
    let extra = "Require: nothingSupportsThis, path\r\nProxy-Require: noProxiesSupportThis\r\n\
                 Require: nothingSupportsThisEither\r\n";
    let refusal = inspect(&request("OPTIONS", "sip:x", extra, "")).unwrap_err();
    assert_eq!((refusal.status(), refusal.reason()), (420, "Bad Extension"));
    assert_eq!(
        fields(&refusal).first().map(String::as_str),
        Some("Unsupported: nothingSupportsThis, nothingSupportsThisEither")
    );
    let malformed = request("OPTIONS", "sip:x", "Require: a b\r\n", "");
    assert_eq!(inspect(&malformed).unwrap_err().status(), 400);
}

#[test]
fn bodies_that_are_not_understood_are_refused() {
    let of = |extra: &str| inspect(&request("MESSAGE", "sip:b@x", extra, "x"));
    let refusal = of("Content-Type: application/unknownformat\r\n").unwrap_err();
    assert_eq!(
        (refusal.status(), refusal.reason()),
        (415, "Unsupported Media Type")
    );
    assert_eq!(
        fields(&refusal),
        [
            "Accept: text/plain, message/cpim",
            "Warning: 399 restante.example \"a body of type application/unknownformat is not supported\""
        ]
    );
    assert_eq!(of("").unwrap_err().status(), 415);
    let refusal = of("c: text/plain\r\nContent-Encoding: gzip\r\n").unwrap_err();
    assert_eq!(refusal.status(), 415);
    assert_eq!(
        fields(&refusal).first().map(String::as_str),
        Some("Accept-Encoding: identity")
    );
    assert_eq!(of("c: text\r\n").unwrap_err().status(), 400);
    // Not if the sender does not mind, or if there is nothing to understand.
    assert_eq!(
        of("c: x/y\r\nContent-Disposition: icon ;handling=Optional\r\n"),
        Ok(())
    );
    assert!(of("c: x/y\r\nContent-Disposition: icon;handling=required\r\n").is_err());
    assert!(of("c: x/y\r\nContent-Disposition: ;handling=optional\r\n").is_err());
    let empty = request("MESSAGE", "sip:b@x", "c: x/y\r\ne: gzip\r\n", "");
    assert_eq!(inspect(&empty), Ok(()));
}

#[test]
fn options_are_answered_with_what_is_supported() {
    let request = request("OPTIONS", "sip:x", "", "");
    let response = Response::to(&request, 200, "t")
        .headers(capabilities().header_fields())
        .build()
        .unwrap();
    let text = String::from_utf8(response.bytes().to_vec()).unwrap();
    assert!(
        text.ends_with(
            "Allow: MESSAGE, OPTIONS\r\nAccept: text/plain, message/cpim\r\nAccept-Encoding: identity\r\n\
             Accept-Language: *\r\nSupported: path\r\nContent-Length: 0\r\n\r\n"
        ),
        "{text}"
    );
}

#[test]
fn warnings_cannot_break_out_of_their_quotes() {
    assert_eq!(
        warning("h", "a \"b\" \\ c\r\nX: y"),
        "399 h \"a \\\"b\\\" \\\\ c  X: y\""
    );
}

#[test]
fn what_may_be_told_is_what_accept_says() {
    let takes = |fields: &str, media_type: &str| {
        let raw = format!("SUBSCRIBE sip:a@b SIP/2.0\r\n{fields}\r\n");
        accepts(&Message::parse(raw.into()).unwrap(), media_type)
    };
    let diff = "application/xcap-diff+xml";
    assert_eq!(takes("", diff), None);
    for (fields, expected) in [
        ("Accept: application/xcap-diff+xml\r\n", true),
        (
            "accept: text/plain, Application/XCAP-Diff+xml;q=0.5\r\n",
            true,
        ),
        ("Accept: text/plain\r\nAccept: application/*\r\n", true),
        ("Accept: */*\r\n", true),
        ("Accept: application/xcap-diff+xml;q=0.0\r\n", false),
        ("Accept: text/*, application/pidf+xml\r\n", false),
        ("Accept: \r\n", false),
    ] {
        assert_eq!(takes(fields, diff), Some(expected), "{fields}");
    }
}
