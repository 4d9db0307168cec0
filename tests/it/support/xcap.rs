//! An XCAP client for tests.

use reqwest::Method;
use restante::domain::access::TokenScope::{Delete, Read};
use roxmltree::Document;

use super::{Answer, TestApp};

pub const AOR: &str = "sip:alice@example.org";
pub const LISTS: &str = "/xcap-root/resource-lists/users/sip:alice@example.org/index";
pub const LISTS_TYPE: &str = "application/resource-lists+xml";
pub const EL: &str = "application/xcap-el+xml";
pub const ATT: &str = "application/xcap-att+xml";
pub const ERROR: &str = "application/xcap-error+xml";
/// With all that a re-written document would lose.
pub const DOCUMENT: &str = "<?xml version='1.0' encoding=\"UTF-8\"?>\r\n<!-- mine -->\n<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'\n  xmlns:x=\"urn:example:x\">\n  <list name=\"friends\" ><entry uri=\"sip:bob@example.org\"\t/>\n <!-- & more -->\n    <entry  uri='sip:carol@example.org'><display-name xml:lang='de'>Karol &amp; Co</display-name></entry>\n  </list>\n\n  <list name='empty'/>\n</resource-lists>\n<!-- end -->";

/// Somebody with a token.
pub struct Client<'a> {
    pub app: &'a TestApp,
    pub token: String,
}

impl<'a> Client<'a> {
    pub async fn alice(app: &'a TestApp) -> Self {
        Self {
            app,
            token: app.token(&[Read, Delete], &[AOR]).await,
        }
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let mut request = self
            .app
            .request(method, path)
            .bearer_auth(&self.token)
            .body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.app.send(request).await
    }

    pub async fn put(&self, path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send(Method::PUT, path, &[("content-type", media_type)], body)
            .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], "").await
    }

    /// Puts [`DOCUMENT`]; its entity tag.
    pub async fn document(&self) -> String {
        let answer = self.put(LISTS, LISTS_TYPE, DOCUMENT).await;
        assert!(
            matches!(answer.status.as_u16(), 200 | 201),
            "{}",
            answer.text()
        );
        answer.header("etag").to_owned()
    }
}

/// A node of [`DOCUMENT`] where it was put.
pub fn node(selector: &str) -> String {
    format!("{LISTS}/~~/{selector}")
}

/// The one element in the body of a conflict, and its phrase.
#[track_caller]
pub fn conflict(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert_eq!(answer.header("content-type"), ERROR);
    assert_eq!(
        answer.header("content-length"),
        answer.body.len().to_string()
    );
    conflict_in(&answer.text())
}

/// The same of the body alone.
#[track_caller]
pub fn conflict_in(text: &str) -> (String, String) {
    let document = Document::parse(text).unwrap();
    let root = document.root_element();
    assert!(
        root.has_tag_name(("urn:ietf:params:xml:ns:xcap-error", "xcap-error")),
        "{text}"
    );
    let condition = root.first_element_child().unwrap();
    (
        condition.tag_name().name().to_owned(),
        condition.attribute("phrase").unwrap_or_default().to_owned(),
    )
}
