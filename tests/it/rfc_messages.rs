//! The messages of the RFCs, octet for octet: RFC 4475 (SIP torture tests, as published and as MESSAGE
//! requests), RFC 3428, RFC 3862, RFC 5365 and RFC 5438.
//!
//! The data is in `tests/data`. Each folder has a README on its origin; the expectations stand in the `manifest.tsv` beside the messages, except those of the original RFC 4475
//! messages, which stand here.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use restante::mime::content::{Content, EntityHead};
use restante::mime::cpim::{CPIM_NAMESPACE, Cpim};
use restante::mime::imdn::{Disposition, IMDN_NAMESPACE, ImdnHeaders, ImdnReport};
use restante::mime::resource_lists::CopyControl;
use restante::sip::{Message, ParseError};

fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

fn read(path: &str) -> Vec<u8> {
    fs::read(data(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of a manifest, by the names in its first line.
fn manifest(folder: &str) -> Vec<BTreeMap<String, String>> {
    let text = String::from_utf8(read(&format!("{folder}/manifest.tsv"))).unwrap();
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().unwrap().split('\t').collect();
    lines
        .map(|line| {
            names
                .iter()
                .zip(line.split('\t'))
                .map(|(n, v)| ((*n).to_owned(), v.to_owned()))
                .collect()
        })
        .collect()
}

/// Both steps that a message passes on its way in.
fn take_in(octets: Vec<u8>) -> Result<Message, ParseError> {
    let message = Message::parse(Bytes::from(octets))?;
    message.basics()?;
    Ok(message)
}

#[test]
fn torture_messages_as_message_requests() {
    // Well formed; what is refused in them is for the application to refuse.
    let beyond_the_codec = ["bext01.sip", "invut.sip"];
    let rows = manifest("rfc4475-message");
    assert_eq!(rows.len(), 40);
    for row in rows {
        let file = row["file"].as_str();
        let outcome = take_in(read(&format!("rfc4475-message/{file}")))
            .map(|_| 202)
            .map_err(|error| error.sip_status());
        match row["expect"].as_str() {
            "accept" => assert_eq!(outcome, Ok(202), "{file}"),
            "refuse" if beyond_the_codec.contains(&file) => assert_eq!(outcome, Ok(202), "{file}"),
            "refuse" => assert!(outcome.is_err(), "{file}"),
            other => assert_eq!(other, "either", "{file}"),
        }
        if let Err(status) = outcome {
            assert!(
                row["status"].split('|').any(|s| s == status.to_string()),
                "{file}: {status}"
            );
        }
    }
}

#[test]
fn torture_messages_as_published() {
    let refused = [
        ("badaspec", 400),
        ("baddn", 400),
        ("badinv01", 400),
        ("badvers", 505),
        ("bigcode", 400),
        ("clerr", 400),
        ("escruri", 400),
        ("insuf", 400),
        ("ltgtruri", 400),
        ("lwsruri", 400),
        ("lwsstart", 400),
        ("mcl01", 400),
        ("mismatch01", 400),
        ("mismatch02", 400),
        ("multi01", 400),
        ("ncl", 400),
        ("novelsc", 416),
        ("quotbal", 400),
        ("scalar02", 400),
        ("scalarlg", 400),
        ("trws", 400),
        ("unkscm", 416),
    ];
    let refused: BTreeMap<_, _> = refused.into_iter().collect();
    let mut count = 0;
    for entry in fs::read_dir(data("rfc4475")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "dat") {
            continue;
        }
        count += 1;
        let name = path.file_stem().unwrap().to_str().unwrap();
        let outcome = take_in(fs::read(&path).unwrap())
            .map(|_| ())
            .map_err(|error| error.sip_status());
        assert_eq!(outcome.err(), refused.get(name).copied(), "{name}");
    }
    assert_eq!(count, 49);
}

#[test]
fn what_is_read_from_the_tortuous_ones() {
    let short = take_in(read("rfc4475/wsinv.dat")).unwrap();
    let basics = short.basics().unwrap();
    assert_eq!(
        basics.from.display_name.as_deref(),
        Some("J Rosenberg \\\"")
    );
    assert_eq!(
        (basics.from.tag(), basics.to.tag()),
        (Some("98asjd8"), Some("1918181833n"))
    );
    assert_eq!(basics.via.len(), 3);
    assert_eq!(short.raw(), &read("rfc4475/wsinv.dat"));
    let twice = take_in(read("rfc4475/dblreq.dat")).unwrap();
    assert_eq!((twice.method(), twice.body().len()), (Some("REGISTER"), 0));
    assert!(read("rfc4475/dblreq.dat").len() > twice.raw().len());
    let signed = take_in(read("rfc4475/mpart01.dat")).unwrap();
    let types: Vec<_> = Content::of(&signed)
        .parts
        .into_iter()
        .map(|part| part.content_type)
        .collect();
    assert_eq!(types, ["text/plain", "application/octet-stream"]);
    assert_eq!(take_in(read("rfc4475/baddate.dat")).unwrap().date(), None);
    assert!(matches!(
        take_in(read("rfc4475/unreason.dat")).unwrap().start(),
        restante::sip::StartLine::Status { code: 200, .. }
    ));
}

#[test]
fn messages_of_rfc_3428() {
    for file in ["f1.sip", "f2.sip"] {
        let octets = read(&format!("rfc3428/{file}"));
        let message = take_in(octets.clone()).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(message.raw(), &octets, "{file}");
        assert_eq!(&message.body()[..], b"Watson, come here.", "{file}");
    }
    // The RFC's responses have an empty parameter (";;"), which RFC 4475 section 3.1.2.1 wants refused.
    for (file, field) in [("f3.sip", "Via"), ("f4.sip", "From")] {
        let fault = take_in(read(&format!("rfc3428/{file}"))).unwrap_err();
        assert!(
            matches!(fault, ParseError::Value { name, .. } if name == field),
            "{file}: {fault}"
        );
    }
}

#[test]
fn envelopes_of_rfc_3862() {
    for row in manifest("rfc3862")
        .into_iter()
        .filter(|row| row["file"] != "5.2.cpim")
    {
        let octets = read(&format!("rfc3862/{}", row["file"]));
        let cpim = Cpim::parse(&octets).unwrap();
        let from = cpim.from.clone().unwrap();
        assert_eq!(
            (from.name.unwrap(), from.uri),
            (row["from_name"].clone(), row["from_uri"].clone())
        );
        assert_eq!(cpim.to[0].name.as_deref(), Some(row["to_name"].as_str()));
        assert_eq!(
            cpim.value(CPIM_NAMESPACE, "DateTime"),
            Some(row["datetime"].as_str())
        );
        assert_eq!((cpim.subjects.len(), cpim.headers.len()), (2, 9));
    }
    let signed = read("rfc3862/5.2.cpim");
    let (head, body) = split_head(&signed);
    let content = Content::parse(&head, body);
    assert_eq!(
        content.cpim.unwrap().to[0].name.as_deref(),
        Some("Dopey Donkey")
    );
    let parts: Vec<_> = content
        .parts
        .iter()
        .map(|p| (p.path.as_str(), p.content_type.as_str()))
        .collect();
    assert_eq!(
        parts,
        [("1", "text/xml"), ("2", "application/pkcs7-signature")]
    );
    assert_eq!(
        content.parts[0].text().unwrap(),
        "<body>\r\nHere is the text of my message.\r\n</body>"
    );
}

/// The Content-Type in front of a MIME message, and what follows its empty line.
fn split_head(octets: &[u8]) -> (EntityHead, &[u8]) {
    let end = octets.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let field = String::from_utf8(octets[..end].to_vec()).unwrap();
    let content_type = field.split_once(": ").map(|(_, value)| value.to_owned());
    (
        EntityHead {
            content_type,
            ..EntityHead::default()
        },
        &octets[end + 4..],
    )
}

#[test]
fn notifications_of_rfc_5438() {
    for row in manifest("rfc5438") {
        let file = row["file"].as_str();
        let octets = read(&format!("rfc5438/{file}"));
        if row["kind"] == "payload" {
            let report = ImdnReport::parse(&octets).unwrap();
            assert_eq!(
                (&report.message_id, report.datetime.as_ref()),
                (&row["imdn_message_id"], Some(&row["imdn_datetime"]))
            );
            continue;
        }
        let head = EntityHead {
            content_type: Some("message/cpim".into()),
            ..EntityHead::default()
        };
        let content = Content::parse(&head, &octets);
        let cpim = content.cpim.as_ref().unwrap_or_else(|| panic!("{file}"));
        let wanted = |name: &str| Some(row[name].clone()).filter(|value| !value.is_empty());
        let imdn = ImdnHeaders::read(cpim);
        assert_eq!(imdn.message_id, wanted("cpim_message_id"), "{file}");
        assert_eq!(
            imdn.requested.contains(&Disposition::NegativeDelivery),
            row["kind"] == "IM",
            "{file}"
        );
        assert_eq!(
            cpim.value(IMDN_NAMESPACE, "Disposition-Notification")
                .map(str::to_owned),
            wanted("disposition_notification")
        );
        assert_eq!(
            content.imdn.map(|report| report.message_id),
            wanted("imdn_message_id"),
            "{file}"
        );
        assert_eq!(
            content.parts.len(),
            row["status"].split('|').count(),
            "{file}"
        );
    }
}

#[test]
fn recipient_lists_of_rfc_5365() {
    for row in manifest("rfc5365")
        .into_iter()
        .filter(|row| row["file"].contains("corrected"))
    {
        let message = take_in(read(&format!("rfc5365/{}", row["file"]))).unwrap();
        let content = Content::of(&message);
        assert_eq!(content.parts[0].text().as_deref(), Some("Hello World!\r\n"));
        let list = content.recipients.unwrap();
        assert_eq!(
            list.history,
            row["list_content_disposition"].starts_with("recipient-list-history")
        );
        let entries: Vec<_> = list.recipients.iter().map(describe).collect();
        assert_eq!(entries.join("|"), row["entries"]);
    }
    // With the RFC's own Content-Length the list is cut off: no list, and the part is kept as it is.
    let content = Content::of(&take_in(read("rfc5365/f1.sip")).unwrap());
    assert_eq!((content.recipients, content.parts.len()), (None, 2));
}

/// An entry as the manifest writes it.
fn describe(entry: &restante::mime::resource_lists::Recipient) -> String {
    let control = match entry.copy_control.unwrap() {
        CopyControl::To => "to",
        CopyControl::Cc => "cc",
        CopyControl::Bcc => "bcc",
    };
    let anonymize = if entry.anonymize { " anonymize" } else { "" };
    let count = entry
        .count
        .map(|count| format!(" count={count}"))
        .unwrap_or_default();
    format!("{} {control}{anonymize}{count}", entry.uri)
}
