//! Any octets as a recipient list, in both forms: nothing panics, nothing takes for ever.

#![no_main]

use libfuzzer_sys::fuzz_target;
use restante::mime::resource_lists::RecipientList;

fuzz_target!(|octets: &[u8]| {
    for history in [false, true] {
        let _ = RecipientList::parse(octets, history);
    }
});
