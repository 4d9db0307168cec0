//! Any octets as a CPIM message: nothing panics, and what it wraps is a part of what came in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use restante::mime::cpim::Cpim;
use restante::mime::imdn::ImdnHeaders;

fuzz_target!(|octets: &[u8]| {
    let Ok(cpim) = Cpim::parse(octets) else { return };
    assert!(octets.get(cpim.content.clone()).is_some());
    for header in &cpim.headers {
        assert!(!header.name.is_empty());
    }
    let _ = ImdnHeaders::read(&cpim);
});
