//! A SIP subscriber for tests.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use restante::sip::Message;

use super::TestApp;
use super::sip::{Udp, header, reply, status};

const NS: &str = "urn:ietf:params:xml:ns:xcap-diff";

/// Somebody with a datagram socket, who subscribes to one thing.
pub struct Subscriber {
    pub client: Udp,
    pub event: &'static str,
    /// The user that a proxy vouches for; nobody if empty.
    pub asserted: &'static str,
    pub uri: String,
    /// Header fields beyond the usual, each with its CRLF.
    pub more: String,
    call: u32,
    cseq: u32,
    to_tag: String,
}

impl Subscriber {
    /// Alice, who wants to know of this event.
    pub async fn alice(app: &TestApp, event: &'static str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Self {
            client: Udp::to(app).await,
            event,
            asserted: "sip:alice@example.org",
            uri: "sip:alice@example.org".into(),
            more: String::new(),
            call: NEXT.fetch_add(1, Ordering::Relaxed),
            cseq: 0,
            to_tag: String::new(),
        }
    }

    /// The next SUBSCRIBE, with a body of this type.
    pub fn request(&mut self, expires: Option<u32>, content_type: &str, body: &str) -> String {
        self.cseq += 1;
        let (call, cseq, event) = (self.call, self.cseq, self.event);
        let contact = self.client.0.local_addr().unwrap();
        let mut more = self.more.clone();
        if !self.asserted.is_empty() {
            write!(more, "P-Asserted-Identity: <{}>\r\n", self.asserted).unwrap();
        }
        if let Some(expires) = expires {
            write!(more, "Expires: {expires}\r\n").unwrap();
        }
        if !event.is_empty() {
            write!(more, "Event: {event}\r\n").unwrap();
        }
        if !body.is_empty() {
            write!(more, "Content-Type: {content_type}\r\n").unwrap();
        }
        format!(
            "SUBSCRIBE {} SIP/2.0\r\nVia: SIP/2.0/UDP client.example.org;branch=z9hG4bKsub{call}.{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:alice@example.org>;tag=s{call}\r\nTo: <sip:alice@example.org>{}\r\n\
             Call-ID: subscribe-{call}@client.example.org\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:alice@{contact}>\r\n\
             {more}Content-Length: {}\r\n\r\n{body}",
            self.uri,
            self.to_tag,
            body.len()
        )
    }

    /// Subscribes, or refreshes, to these resources; the answer.
    pub async fn subscribe(&mut self, expires: Option<u32>, uris: &[&str]) -> Message {
        let body = if uris.is_empty() {
            String::new()
        } else {
            list(uris)
        };
        let request = self.request(expires, "application/resource-lists+xml", &body);
        let answer = self.client.ask(request).await;
        if status(&answer) == 200 {
            let to = header(&answer, "To");
            let (_, tag) = to.split_once(";tag=").unwrap();
            self.to_tag = format!(";tag={tag}");
        }
        answer
    }

    /// Subscribes, which must work.
    pub async fn subscribed(&mut self, uris: &[&str]) {
        let answer = self.subscribe(Some(600), uris).await;
        let text = String::from_utf8_lossy(answer.raw()).into_owned();
        let expires = header(&answer, "Expires");
        assert_eq!((status(&answer), expires.as_str()), (200, "600"), "{text}");
    }

    /// The next NOTIFY, which is answered 200.
    pub async fn notified(&self) -> Message {
        let notify = self.client.receive().await;
        let text = String::from_utf8_lossy(notify.raw()).into_owned();
        assert_eq!(notify.method(), Some("NOTIFY"), "{text}");
        let event = self.event.split(';').next().unwrap();
        assert_eq!(header(&notify, "Event"), event, "{text}");
        self.client.send(reply(&notify, "200 OK")).await;
        notify
    }

    /// What the next NOTIFY tells of an active subscription.
    pub async fn told(&self) -> Vec<Told> {
        let notify = self.notified().await;
        let state = header(&notify, "Subscription-State");
        assert!(state.starts_with("active;expires="), "{state}");
        told(&notify)
    }
}

/// A list of resources.
pub fn list(uris: &[&str]) -> String {
    let entry = |uri: &&str| format!("<entry uri=\"{}\"/>", uri.replace('"', "&quot;"));
    let entries: String = uris.iter().map(entry).collect();
    format!(
        "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{entries}</list></resource-lists>"
    )
}

/// What an XCAP diff document tells of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Selector, previous and new entity tag.
    Document(String, Option<String>, Option<String>),
    /// Selector, whether it exists, and what is inside.
    Element(String, bool, String),
    /// The same of an attribute.
    Attribute(String, bool, String),
}

/// A document that is there.
pub fn exists(sel: &str, etag: &str) -> Told {
    Told::Document(sel.into(), None, Some(tag(etag)))
}

/// A document that has changed.
pub fn changed(sel: &str, before: &str, now: &str) -> Told {
    Told::Document(sel.into(), Some(tag(before)), Some(tag(now)))
}

/// A document that is gone.
pub fn gone(sel: &str, before: &str) -> Told {
    Told::Document(sel.into(), Some(tag(before)), None)
}

/// An entity tag as the diff has it.
fn tag(etag: &str) -> String {
    let inside = etag
        .strip_prefix('"')
        .and_then(|etag| etag.strip_suffix('"'));
    inside.unwrap_or_else(|| panic!("{etag:?}")).to_owned()
}

/// What a NOTIFY tells. Its document must be valid.
#[track_caller]
pub fn told(notify: &Message) -> Vec<Told> {
    assert_eq!(header(notify, "Content-Type"), "application/xcap-diff+xml");
    let xml = String::from_utf8(notify.body().to_vec()).unwrap();
    assert_valid(&xml);
    let document = roxmltree::Document::parse(&xml).unwrap();
    let root = document.root_element();
    assert!(root.has_tag_name((NS, "xcap-diff")));
    let children = root.children().filter(roxmltree::Node::is_element);
    let read = |node: roxmltree::Node<'_, '_>| {
        let of = |name: &str| node.attribute(name).map(str::to_owned);
        let sel = of("sel").unwrap();
        let inside = || match (node.first_child(), node.last_child()) {
            (Some(first), Some(last)) => xml[first.range().start..last.range().end].to_owned(),
            _ => String::new(),
        };
        let exists = node.attribute("exists") != Some("false");
        match node.tag_name().name() {
            "document" => Told::Document(sel, of("previous-etag"), of("new-etag")),
            "element" => Told::Element(sel, exists, inside()),
            "attribute" => Told::Attribute(sel, exists, inside()),
            other => panic!("{other}"),
        }
    };
    children.map(read).collect()
}

/// The root that a NOTIFY names.
pub fn root(notify: &Message) -> String {
    let xml = String::from_utf8(notify.body().to_vec()).unwrap();
    let document = roxmltree::Document::parse(&xml).unwrap();
    document
        .root_element()
        .attribute("xcap-root")
        .unwrap()
        .to_owned()
}

#[track_caller]
fn assert_valid(xml: &str) {
    let schema = super::repository("tests/data/rfc5874/xcap-diff.xsd");
    let xmllint = std::env::var("RESTANTE_TEST_XMLLINT").unwrap_or_else(|_| "xmllint".into());
    let mut check = Command::new(xmllint)
        .args(["--noout", "--nonet", "--schema", &schema, "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xmllint is needed: run ./scripts/test");
    check
        .stdin
        .take()
        .unwrap()
        .write_all(xml.as_bytes())
        .unwrap();
    let output = check.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{xml}");
}
