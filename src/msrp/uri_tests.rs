//! Tests of MSRP URIs. Example URIs are from RFC 4975 sections 6 and 11 and RFC 4976 section 3; the odd ones
//! are made up.

use super::*;
use proptest::prelude::*;

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn reads_all_parts() {
    let plain = uri("msrp://host.example.com:8493/asfd34;tcp");
    assert!(!plain.is_secure());
    assert_eq!(plain.host(), "host.example.com");
    assert_eq!(
        (plain.port(), plain.session_id()),
        (Some(8493), Some("asfd34"))
    );
    assert_eq!((plain.transport(), plain.userinfo()), ("tcp", None));
    assert_eq!(plain.to_string(), "msrp://host.example.com:8493/asfd34;tcp");

    let relay = uri("MSRPS://alice@Intra.example.com;TCP;x=1;Y");
    assert!(relay.is_secure());
    assert_eq!(
        (relay.userinfo(), relay.port(), relay.session_id()),
        (Some("alice"), None, None)
    );
    assert_eq!(
        (relay.host().as_str(), relay.transport()),
        ("intra.example.com", "tcp")
    );
    let params: &[(String, Option<String>)] = &[("x".into(), Some("1".into())), ("y".into(), None)];
    assert_eq!(relay.params(), params);
    assert_eq!(
        relay.to_string(),
        "MSRPS://alice@Intra.example.com;TCP;x=1;Y",
        "as received"
    );

    let six = uri("msrp://[2001:DB8::1]:2855/a/b+c=;tcp");
    assert_eq!(
        (six.host().as_str(), six.port()),
        ("2001:db8::1", Some(2855))
    );
    assert_eq!(six.address(), Some("2001:db8::1".parse().unwrap()));
    assert_eq!(six.session_id(), Some("a/b+c="));
}

#[test]
fn makes_our_own() {
    let ours = Uri::new(false, "192.0.2.1", 2855, "abc").unwrap();
    assert_eq!(ours.as_str(), "msrp://192.0.2.1:2855/abc;tcp");
    let ours = Uri::new(true, "2001:db8::1", 2855, "abc").unwrap();
    assert_eq!(ours.as_str(), "msrps://[2001:db8::1]:2855/abc;tcp");
    assert_eq!(Uri::new(false, "a b", 1, "x"), Err(UriError::Host));
    assert_eq!(
        Uri::new(false, "a", 1, "x\r\nEvil: y"),
        Err(UriError::SessionId)
    );
}

#[test]
fn refuses_what_is_none() {
    for (text, error) in [
        ("", UriError::Scheme),
        ("sip:alice@example.com", UriError::Scheme),
        ("http://example.com/x;tcp", UriError::Scheme),
        ("msrp://;tcp", UriError::Host),
        ("msrp://:1/x;tcp", UriError::Host),
        ("msrp://[::1/x;tcp", UriError::Host),
        ("msrp://[::1]2/x;tcp", UriError::Host),
        ("msrp://[192.0.2.1]:2/x;tcp", UriError::Host),
        ("msrp://a%zz:1/x;tcp", UriError::Host),
        ("msrp://a%4:1/x;tcp", UriError::Host),
        ("msrp://é:1/x;tcp", UriError::Host),
        ("msrp://a:65536/x;tcp", UriError::Port),
        ("msrp://a:/x;tcp", UriError::Port),
        ("msrp://a:+1/x;tcp", UriError::Port),
        ("msrp://a[@b:1/x;tcp", UriError::UserInfo),
        ("msrp://a:1/;tcp", UriError::SessionId),
        ("msrp://a:1/x\"y;tcp", UriError::SessionId),
        ("msrp://a:1/x", UriError::Transport),
        ("msrp://a:1/x;", UriError::Transport),
        ("msrp://a:1/x;t-p", UriError::Transport),
        ("msrp://a:1/x;tcp;", UriError::Parameter),
        ("msrp://a:1/x;tcp;a=", UriError::Parameter),
    ] {
        assert_eq!(Uri::parse(text), Err(error), "{text}");
    }
    let long = format!("msrp://a:1/{};tcp", "x".repeat(MAX_URI));
    assert_eq!(Uri::parse(&long), Err(UriError::TooLong));
}

/// RFC 4975 section 6.1, rule by rule.
#[test]
fn compares_by_the_rules() {
    let base = uri("msrp://host.example.com:8493/asfd34;tcp");
    for same in [
        "MSRP://host.example.com:8493/asfd34;tcp",
        "msrp://HOST.Example.com:8493/asfd34;tcp",
        "msrp://ho%73t.example.com:8493/asfd34;tcp",
        "msrp://bob@host.example.com:8493/asfd34;tcp",
        "msrp://host.example.com:08493/asfd34;TCP;x=y",
    ] {
        assert_eq!(uri(same), base, "{same}");
    }
    for other in [
        "msrps://host.example.com:8493/asfd34;tcp",
        "msrp://host.example.org:8493/asfd34;tcp",
        "msrp://host.example.com:8494/asfd34;tcp",
        "msrp://host.example.com/asfd34;tcp",
        "msrp://host.example.com:8493/ASFD34;tcp",
        "msrp://host.example.com:8493;tcp",
        "msrp://host.example.com:8493/asfd34;sctp",
    ] {
        assert_ne!(uri(other), base, "{other}");
    }
    assert_eq!(
        uri("msrp://[2001:db8:0::1]:1/x;tcp"),
        uri("msrp://[2001:DB8::0:1]:1/x;tcp")
    );
    assert_eq!(
        uri("msrp://%31.2.3.4:1/x;tcp"),
        uri("msrp://1.2.3.4:1/x;tcp")
    );
    assert_ne!(
        uri("msrp://a%2Fb:1/x;tcp"),
        uri("msrp://a%2Gb:1/x;tcp".replace('G', "E").as_str())
    );
}

#[test]
fn paths() {
    let text = "msrps://a.example.org:9000/kjfjan;tcp msrps://b.example.net:9000/aeiug;tcp \
        msrps://bob.example.net:8145/foo;tcp";
    let path = Path::parse(text).unwrap();
    assert_eq!(path.first(), &uri("msrps://a.example.org:9000/kjfjan;tcp"));
    assert_eq!(path.last(), &uri("msrps://bob.example.net:8145/foo;tcp"));
    assert!(path.has_relays() && path.iter().count() == 3);
    assert_eq!(path.to_string(), text);
    let single = Path::from(path.last().clone());
    assert!(!single.has_relays() && single.first() == single.last());
    assert_eq!(Path::parse(" \t "), Err(UriError::EmptyPath));
    assert_eq!(
        Path::parse("msrp://a:1/x;tcp nonsense"),
        Err(UriError::Scheme)
    );
}

proptest! {
    #[test]
    fn never_panics_and_reads_back(text in "(msrps?://)?[a-z%0-9@:\\[\\]/;=.é ]{0,40}(;tcp)?") {
        if let Ok(read) = Uri::parse(&text) {
            prop_assert_eq!(read.to_string(), text.clone());
            prop_assert_eq!(&Uri::parse(read.as_str()).unwrap(), &read);
        }
        let _ = Path::parse(&text);
    }
}
