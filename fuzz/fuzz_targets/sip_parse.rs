//! Any octets as one SIP message: nothing panics, and what is stored is a slice of what came in.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use restante::domain::address::Aor;
use restante::sip::Message;

fuzz_target!(|octets: &[u8]| {
    let Ok(message) = Message::parse(Bytes::copy_from_slice(octets)) else { return };
    let mut received = octets;
    while let Some(rest) = received.strip_prefix(b"\r\n") {
        received = rest;
    }
    assert!(received.starts_with(message.raw()));
    for field in message.fields() {
        assert!(!field.name().is_empty());
        let _ = (field.value(), field.text());
    }
    let _ = (message.subject(), message.content_type(), message.expires(), message.date());
    let _ = (message.asserted_identities(), message.served_user());
    if let Ok(basics) = message.basics()
        && let Ok(aor) = Aor::parse(&basics.to.uri)
    {
        // Normalising is idempotent.
        assert_eq!(Aor::parse(aor.as_str()).as_ref(), Ok(&aor));
    }
});
