//! Any octets as the path of a request, and on the lines below it a document: nothing panics, nothing takes
//! for ever, and what is selected lies within the document.

#![no_main]

use libfuzzer_sys::fuzz_target;
use restante::xcap::document::{Document, LIMITS};
use restante::xcap::edit::get;
use restante::xcap::selector::NodeSelector;
use restante::xcap::uri::XcapUri;

fuzz_target!(|octets: &[u8]| {
    let Some(end) = octets.iter().position(|b| *b == b'\n') else {
        return;
    };
    let Ok(target) = std::str::from_utf8(&octets[..end]) else {
        return;
    };
    let Ok(XcapUri {
        node: Some(node), ..
    }) = XcapUri::parse(target)
    else {
        return;
    };
    let Ok(selector) = NodeSelector::read(&node, "urn:d") else {
        return;
    };
    let Ok(document) = Document::parse(&octets[end + 1..], 65_536) else {
        return;
    };
    // What was counted before is what the parser made of it: the node, the root node, and a hundred.
    let mut nodes = document.tree().descendants();
    assert!(nodes.all(|node| node.ancestors().count() <= LIMITS.depth + 2));
    if let Ok(found) = selector.find(document.tree()) {
        assert!(document.text().get(found.range()).is_some());
        assert!(get(&document, &selector).is_ok());
    }
});
