//! Any octets as an IMDN document: nothing panics, nothing takes for ever.

#![no_main]

use libfuzzer_sys::fuzz_target;
use restante::mime::imdn::ImdnReport;

fuzz_target!(|octets: &[u8]| {
    let _ = ImdnReport::parse(octets);
});
