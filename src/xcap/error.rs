//! The body that says why a document may not become what was asked for: `application/xcap-error+xml`
//! (RFC 4825 section 11).

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::conflict::{Condition, Conflict, Exists};
use super::selector::encode_again;
use crate::mime::xml_text;

/// Its media type.
pub const MEDIA_TYPE: &str = "application/xcap-error+xml";
/// The namespace of its elements.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcap-error";

/// Writes the body. URIs in it (`ancestor`, `exists@field`) are relative to the document, percent-encoded
/// as far as they were not, unless the conflict names an absolute one.
///
/// # Errors
/// None in practice: memory takes every write.
pub fn document(conflict: &Conflict) -> io::Result<String> {
    let mut writer = Writer::new(Vec::with_capacity(256));
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer
        .create_element("xcap-error")
        .with_attribute(("xmlns", NAMESPACE))
        .write_inner_content(|writer| condition(writer, conflict))?;
    String::from_utf8(writer.into_inner()).map_err(io::Error::other)
}

fn condition(writer: &mut Writer<Vec<u8>>, conflict: &Conflict) -> io::Result<()> {
    let name = match &conflict.condition {
        // The schema wants to see one at least.
        Condition::UniquenessFailure(fields) if fields.is_empty() => {
            Condition::ConstraintFailure.element()
        }
        condition => condition.element(),
    };
    let phrase = conflict.phrase.as_deref().map(xml_text);
    let mut element = writer.create_element(name);
    if let Some(phrase) = &phrase {
        element = element.with_attribute(("phrase", phrase.as_str()));
    }
    match &conflict.condition {
        Condition::NoParent(Some(ancestor)) => element.write_inner_content(|writer| {
            let uri = encode_again(ancestor);
            writer
                .create_element("ancestor")
                .write_text_content(BytesText::new(&uri))
                .map(drop)
        })?,
        Condition::UniquenessFailure(fields) if !fields.is_empty() => {
            element.write_inner_content(|writer| {
                fields.iter().try_for_each(|field| exists(writer, field))
            })?
        }
        _ => element.write_empty()?,
    };
    Ok(())
}

fn exists(writer: &mut Writer<Vec<u8>>, exists: &Exists) -> io::Result<()> {
    let field = encode_again(&exists.field);
    let element = writer
        .create_element("exists")
        .with_attribute(("field", field.as_str()));
    if exists.alt_values.is_empty() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|writer| {
        exists.alt_values.iter().try_for_each(|value| {
            writer
                .create_element("alt-value")
                .write_text_content(BytesText::new(&xml_text(value)))
                .map(drop)
        })
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><xcap-error xmlns=\"urn:ietf:params:xml:ns:xcap-error\">";

    fn body(conflict: &Conflict) -> String {
        let text = document(conflict).unwrap();
        roxmltree::Document::parse(&text).unwrap();
        let inner = text.strip_prefix(HEAD).unwrap();
        inner.strip_suffix("</xcap-error>").unwrap().to_owned()
    }

    /// RFC 4825 section 11.1.
    #[test]
    fn the_example_of_the_rfc() {
        let conflict = Condition::UniquenessFailure(vec![Exists {
            field: "rls-services/service/@uri".into(),
            alt_values: vec!["sip:mybuddies@example.com".into()],
        }]);
        assert_eq!(
            body(&conflict.into()),
            "<uniqueness-failure><exists field=\"rls-services/service/@uri\">\
             <alt-value>sip:mybuddies@example.com</alt-value></exists></uniqueness-failure>"
        );
    }

    #[test]
    fn every_condition_has_its_element_and_a_phrase() {
        for (condition, name) in [
            (Condition::NotWellFormed, "not-well-formed"),
            (Condition::NotXmlFrag, "not-xml-frag"),
            (Condition::NoParent(None), "no-parent"),
            (Condition::SchemaValidationError, "schema-validation-error"),
            (Condition::NotXmlAttValue, "not-xml-att-value"),
            (Condition::CannotInsert, "cannot-insert"),
            (Condition::CannotDelete, "cannot-delete"),
            (Condition::ConstraintFailure, "constraint-failure"),
            (Condition::NotUtf8, "not-utf-8"),
            // It has to name a field.
            (Condition::UniquenessFailure(vec![]), "constraint-failure"),
        ] {
            assert_eq!(body(&condition.clone().into()), format!("<{name}/>"));
            assert_eq!(
                body(&condition.because("a \"b\" <c> & d\u{1}")),
                format!("<{name} phrase=\"a &quot;b&quot; &lt;c&gt; &amp; d\u{FFFD}\"/>")
            );
        }
    }

    #[test]
    fn uris_are_encoded_once() {
        for ancestor in [
            "l/e[@a=\"ä\"]?xmlns(p=u)",
            "l/e%5B@a=%22%C3%A4%22%5D?xmlns(p=u)",
        ] {
            assert_eq!(
                body(&Condition::NoParent(Some(ancestor.into())).into()),
                "<no-parent><ancestor>l/e%5B@a=%22%C3%A4%22%5D?xmlns(p=u)</ancestor></no-parent>"
            );
        }
        let absolute = "http://xcap.example.com/a/users/sip:x@y/index/~~/l?xmlns(a=b)&c";
        assert_eq!(
            body(&Condition::NoParent(Some(absolute.into())).because("p")),
            "<no-parent phrase=\"p\"><ancestor>http://xcap.example.com/a/users/sip:x@y/index/~~/l?xmlns(a=b)&amp;c</ancestor></no-parent>"
        );
        let fields = [("a[1]/@b", &[] as &[&str]), ("c", &["1", "<2>"])];
        let conflict = Condition::UniquenessFailure(
            fields
                .iter()
                .map(|(field, values)| Exists {
                    field: (*field).into(),
                    alt_values: values.iter().map(|v| (*v).into()).collect(),
                })
                .collect(),
        );
        assert_eq!(
            body(&conflict.into()),
            "<uniqueness-failure><exists field=\"a%5B1%5D/@b\"/><exists field=\"c\">\
             <alt-value>1</alt-value><alt-value>&lt;2&gt;</alt-value></exists></uniqueness-failure>"
        );
    }
}
