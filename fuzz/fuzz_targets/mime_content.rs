//! Any octets as a body; the first line is its Content-Type. Nothing panics and the parts stay in bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use restante::mime::content::{Content, EntityHead, MAX_PARTS};
use restante::mime::imdn::ImdnHeaders;

fuzz_target!(|octets: &[u8]| {
    let line_end = octets.iter().position(|&b| b == b'\n').unwrap_or(octets.len());
    let (content_type, body) = octets.split_at(line_end);
    let content_type = String::from_utf8_lossy(content_type).into_owned();
    let content = Content::parse(&EntityHead { content_type: Some(content_type), ..EntityHead::default() }, body);
    assert!(content.parts.len() <= MAX_PARTS + 1);
    for (part, number) in content.parts.iter().zip(1..) {
        assert_eq!(part.number, number);
        assert!(part.filename.as_ref().is_none_or(|name| !name.is_empty() && !name.contains('/')));
        assert!(part.text().is_none_or(|text| !text.contains('\0')));
    }
    if let Some(cpim) = &content.cpim {
        let _ = ImdnHeaders::read(cpim);
    }
});
