//! `xcap-caps` (RFC 4825 section 12): the document that tells what this server can do.

use std::collections::BTreeSet;
use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// The usage's id.
pub const AUID: &str = "xcap-caps";
/// The media type of the document.
pub const MEDIA_TYPE: &str = "application/xcap-caps+xml";
/// The namespace of its elements.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcap-caps";
/// The document's name below `global`; there is none for users.
pub const DOCUMENT: &str = "index";

/// Writes the document. What comes twice is written once, in the order of the alphabet, so that the same server
/// always writes the same octets.
///
/// # Errors
/// None in practice: memory takes every write.
pub fn document<'a>(
    auids: impl IntoIterator<Item = &'a str>,
    namespaces: impl IntoIterator<Item = &'a str>,
) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::with_capacity(2048), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer
        .create_element("xcap-caps")
        .with_attribute(("xmlns", NAMESPACE))
        .write_inner_content(|writer| {
            list(writer, "auids", "auid", auids.into_iter().collect())?;
            list(writer, "extensions", "extension", BTreeSet::new())?;
            list(
                writer,
                "namespaces",
                "namespace",
                namespaces.into_iter().collect(),
            )
        })?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn list(
    writer: &mut Writer<Vec<u8>>,
    name: &str,
    item: &str,
    values: BTreeSet<&str>,
) -> io::Result<()> {
    let element = writer.create_element(name);
    if values.is_empty() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|writer| {
        values.into_iter().try_for_each(|value| {
            writer
                .create_element(item)
                .write_text_content(BytesText::new(value))?;
            Ok(())
        })
    })?;
    Ok(())
}
