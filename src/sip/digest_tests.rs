//! Digest: the examples of RFC 7616, nonces, and how credentials are read.

use super::*;

/// RFC 7616 section 3.9.1, with both algorithms.
fn example(algorithm: &str, response: &str) -> Credentials {
    let value = format!(
        "Digest username=\"Mufasa\",\r\n realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
         algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
         cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\", \
         opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
    );
    let realm = "http-auth@example.org";
    Credentials::parse(value.as_bytes(), realm)
        .unwrap()
        .unwrap()
}

const SHA256: &str = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
const MD5: &str = "8ca523f5e9506fed4657c9700eebdbec";

#[test]
fn the_examples_of_rfc_7616() {
    let verifier = Verifier::new("Mufasa", "http-auth@example.org", "Circle of Life");
    for (algorithm, response) in [("SHA-256", SHA256), ("md5", MD5)] {
        let credentials = example(algorithm, response);
        assert!(credentials.prove(&verifier, "GET"));
        assert!(!credentials.prove(&verifier, "PUT"));
        let other = Verifier::new("Mufasa", "http-auth@example.org", "Circle of life");
        assert!(!credentials.prove(&other, "GET"));
    }
    assert!(!example("MD5", SHA256).prove(&verifier, "GET"));
}

#[test]
fn a_nonce_is_good_for_its_peer_and_its_time() {
    let challenger = Challenger::new("example.org", b"key", &Algorithm::KNOWN, 60);
    let made = Nonce {
        made_at: 1000,
        salt: *b"saltsalt",
    };
    let values = challenger.challenges(made, "192.0.2.1", true);
    assert!(values[0].contains("algorithm=SHA-256") && values[1].contains("algorithm=MD5"));
    assert!(values[0].ends_with(", stale=true"));
    let nonce = values[0].split('"').nth(3).unwrap();
    let answer = Credentials {
        nonce: nonce.to_owned(),
        ..example("MD5", MD5)
    };
    assert_eq!(challenger.check(&answer, 1060, "192.0.2.1"), Ok(made));
    assert_eq!(
        challenger.check(&answer, 1061, "192.0.2.1"),
        Err(NonceFault::Stale)
    );
    let unknown = Err(NonceFault::Unknown);
    assert_eq!(challenger.check(&answer, 1000, "192.0.2.2"), unknown);
    let other = Challenger::new("example.org", b"other", &Algorithm::KNOWN, 60);
    assert_eq!(other.check(&answer, 1000, "192.0.2.1"), unknown);
    let only = Challenger::new("example.org", b"key", &[Algorithm::Sha256], 60);
    assert_eq!(only.check(&answer, 1000, "192.0.2.1"), unknown);
    assert_eq!(
        challenger.check(&example("MD5", MD5), 1000, "192.0.2.1"),
        unknown
    );
}

#[test]
fn what_was_not_offered_is_not_taken() {
    assert_eq!(Credentials::parse(b"Bearer x", "r"), Ok(None));
    for bad in [
        "Digest",
        "Digest username=\"x\"",
        "Digest username=\"x",
        "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"r\"",
        "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"r\", qop=auth-int, nc=1, cnonce=\"c\"",
        "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"r\", qop=auth, nc=1, cnonce=\"c\", algorithm=MD5-sess",
    ] {
        assert!(Credentials::parse(bad.as_bytes(), "r").is_err(), "{bad}");
    }
}

#[test]
fn those_of_our_realm_are_found_among_others() {
    use crate::sip::transaction::testing::message;
    let challenger = Challenger::new("example.org", b"key", &Algorithm::KNOWN, 60);
    let find = |fields: &[&str]| {
        let lines = fields.iter().fold(String::new(), |lines, value| {
            lines + "Authorization: " + value + "\r\n"
        });
        let request = message(&format!("MESSAGE sip:b@x SIP/2.0\r\n{lines}\r\n"));
        let found = challenger.credentials(&request);
        found.map(|found| found.map(|credentials| credentials.username))
    };
    let of = |realm: &str, username: &str, qop: &str| {
        format!(
            "Digest username=\"{username}\", realm=\"{realm}\", nonce=\"n\", uri=\"u\", response=\"r\", nc=1, cnonce=\"c\"{qop}"
        )
    };
    let ours = of("example.org", "alice", ", qop=auth");
    let theirs = of("proxy.example.net", "al", ", qop=auth");
    let odd = of("proxy.example.net", "al", "");
    let broken = of("example.org", "alice", "");
    let alice = Ok(Some("alice".to_owned()));
    assert_eq!(find(&[&theirs, &ours]), alice);
    assert_eq!(find(&[&odd, "Bearer x", "nonsense", &ours]), alice);
    assert_eq!(find(&[&broken, &ours]), alice);
    assert_eq!(find(&[&theirs, &odd, "Bearer x"]), Ok(None));
    assert_eq!(find(&[]), Ok(None));
    assert!(find(&[&theirs, &broken]).is_err());
    assert!(find(&["Digest nonsense", &theirs]).is_err());
}

#[test]
fn quotes_in_the_uri_need_no_escape() {
    let read = |uri: &str, before: &str, after: &str| {
        let value = format!(
            "Digest username=\"a\", realm=\"r\", nonce=\"n\", {before}uri=\"{uri}\"{after}"
        );
        let read = Credentials::parse(value.as_bytes(), "r");
        read.map(|read| read.unwrap().uri)
    };
    let rest = "response=\"r\", qop=auth, cnonce=\"c\", nc=00000001";
    for uri in [
        "/r/history[@history-reference=\"x\"]",
        "/r/list[@name=\"a,b\"]/entry[@uri=\"sip:c@d\"]/@uri",
        "/r/list[@name=\"\"]",
        "/r/list[@name=\", b=c\"]",
        "/r/~~/a?xmlns(x=\"urn:y\")",
    ] {
        let last = format!("{rest}, ");
        let first = format!(" , {rest}");
        assert_eq!(read(uri, &last, ""), Ok(uri.to_owned()));
        assert_eq!(read(uri, "", &first), Ok(uri.to_owned()));
        // Those that escape them mean the same.
        let escaped = uri.replace('"', "\\\"");
        assert_eq!(read(&escaped, "", &first), Ok(uri.to_owned()));
    }
    let last = format!("{rest}, ");
    assert!(read("/r", &last, "x").is_err());
    assert!(read("/r\"", &last, " x").is_err());
}

#[test]
fn a_nonce_count_is_a_hexadecimal_number() {
    let read = |count: &str| {
        let value = format!(
            "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"r\", qop=auth, cnonce=\"c\", nc={count}"
        );
        let read = Credentials::parse(value.as_bytes(), "r");
        read.map(|read| read.unwrap().count()).ok()
    };
    assert_eq!(read("00000010"), Some(16));
    assert_eq!(read("\"ffFFffFF\""), Some(u32::MAX));
    assert_eq!(read("1"), Some(1));
    for bad in ["+1", "000000001", "\"\"", "x", "-1", "1g"] {
        assert_eq!(read(bad), None, "{bad}");
    }
}
