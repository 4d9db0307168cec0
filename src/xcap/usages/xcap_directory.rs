//! `org.openmobilealliance.xcap-directory`: which documents a user has (OMA XDM Core section 6.7.2).

use std::io;

use chrono::{DateTime, SecondsFormat, Utc};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};

use crate::mime::xml_text;

/// The usage's id.
pub const AUID: &str = "org.openmobilealliance.xcap-directory";
/// The media type of the document.
pub const MEDIA_TYPE: &str = "application/vnd.oma.xcap-directory+xml";
/// The namespace of its elements.
pub const NAMESPACE: &str = "urn:oma:xml:xdm:xcap-directory";
/// The document's name in a user's home.
pub const DOCUMENT: &str = "directory.xml";

/// The documents of one usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder<'a> {
    /// The usage.
    pub auid: &'a str,
    /// Its documents; a usage without any may be told too.
    pub entries: Vec<Entry>,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The absolute URI, percent-encoded.
    pub uri: String,
    /// The entity tag as in the header field, but without its quotation marks.
    pub etag: String,
    /// When it was changed last, if that is known.
    pub last_modified: Option<DateTime<Utc>>,
    /// Its length in octets, if that is known.
    pub size: Option<u64>,
}

/// Writes the document.
///
/// # Errors
/// None in practice: memory takes every write.
pub fn document(folders: &[Folder<'_>]) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::with_capacity(1024), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let root = writer
        .create_element("xcap-directory")
        .with_attribute(("xmlns", NAMESPACE));
    if folders.is_empty() {
        root.write_empty()?;
    } else {
        root.write_inner_content(|writer| {
            folders
                .iter()
                .try_for_each(|folder| write_folder(writer, folder))
        })?;
    }
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn write_folder(writer: &mut Writer<Vec<u8>>, folder: &Folder<'_>) -> io::Result<()> {
    let element = writer
        .create_element("folder")
        .with_attribute(("auid", folder.auid));
    if folder.entries.is_empty() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|writer| {
        folder
            .entries
            .iter()
            .try_for_each(|entry| write_entry(writer, entry))
    })?;
    Ok(())
}

fn write_entry(writer: &mut Writer<Vec<u8>>, entry: &Entry) -> io::Result<()> {
    let (uri, etag) = (xml_text(&entry.uri), xml_text(&entry.etag));
    let mut element = writer
        .create_element("entry")
        .with_attribute(("uri", uri.as_str()))
        .with_attribute(("etag", etag.as_str()));
    if let Some(at) = entry.last_modified {
        let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
        element = element.with_attribute(("last-modified", at.as_str()));
    }
    if let Some(size) = entry.size {
        element = element.with_attribute(("size", size.to_string().as_str()));
    }
    element.write_empty()?;
    Ok(())
}
