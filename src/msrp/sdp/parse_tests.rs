//! Tests of reading descriptions. That of RFC 4975 section 8.7 is used with variations.

use super::*;
use proptest::prelude::*;

const OFFER: &str = "v=0\r\no=usera 2890844526 2890844527 IN IP4 alice.example.com\r\ns= -\r\n\
    c=IN IP4 alice.example.com\r\nt=0 0\r\nm=message 7394 TCP/MSRP *\r\n\
    a=accept-types:message/cpim text/plain text/html\r\n\
    a=path:msrp://alice.example.com:7394/2s93i93idj;tcp\r\n";

fn read(text: &str) -> Description {
    Description::parse(text.as_bytes()).unwrap()
}

#[test]
fn reads_an_offer() {
    for text in [
        OFFER.to_owned(),
        OFFER.replace('\r', ""),
        OFFER.to_owned() + "\r\n",
    ] {
        let offer = read(&text);
        let [media] = &offer.media[..] else {
            panic!("{offer:?}")
        };
        assert_eq!(
            (media.kind.as_str(), media.port, media.formats.as_str()),
            ("message", 7394, "*")
        );
        assert_eq!(media.is_secure_msrp(), Some(false));
        let path = media.path().unwrap();
        assert_eq!(
            path.to_string(),
            "msrp://alice.example.com:7394/2s93i93idj;tcp"
        );
        assert_eq!(
            media.accept_types().to_string(),
            "message/cpim text/plain text/html"
        );
        assert!(media.accept_wrapped_types().is_empty());
        assert_eq!((media.max_size(), offer.setup(media)), (None, None));
        assert_eq!(offer.direction(media), Direction::SendRecv);
        let connection = offer.connection(media).unwrap();
        assert_eq!(
            (connection.is_ip6, connection.address.as_str()),
            (false, "alice.example.com")
        );
        assert_eq!(offer.timing.as_deref(), Some("0 0"));
    }
}

#[test]
fn the_media_overrides_the_session() {
    let offer = read(
        "v=0\ns=-\nc=IN IP4 192.0.2.1\na=setup:active\na=recvonly\na=fingerprint:sha-1 00:01\nb=AS:1\nz=0\n\
         m=audio 4000/2 RTP/AVP 0 8\na=rtpmap:0 PCMU/8000\nX=ignored\n\
         m=message 2855 TCP/TLS/MSRP *\nc=IN IP6 2001:db8::1\na=setup:holdconn\na=SendOnly\na=max-size:1000\n\
         a=accept-types:message/cpim\na=accept-wrapped-types:text/plain *\na=fingerprint:sha-256 AA:BB\na=fingerprint:none\n",
    );
    let [audio, message] = &offer.media[..] else {
        panic!("{offer:?}")
    };
    assert_eq!(
        (audio.port, audio.formats.as_str(), audio.is_secure_msrp()),
        (4000, "0 8", None)
    );
    assert_eq!(offer.setup(audio), Some(Setup::Active));
    assert_eq!(offer.direction(audio), Direction::RecvOnly);
    assert_eq!(offer.connection(audio).unwrap().address, "192.0.2.1");
    assert_eq!(offer.fingerprints(audio)[0].hash, "sha-1");
    assert_eq!(message.is_secure_msrp(), Some(true));
    assert_eq!(offer.setup(message), None, "holdconn counts as absent");
    assert_eq!(offer.direction(message), Direction::SendOnly);
    assert!(offer.connection(message).unwrap().is_ip6);
    assert_eq!(message.max_size(), Some(1000));
    assert_eq!(message.accept_wrapped_types().to_string(), "text/plain *");
    let fingerprints = offer.fingerprints(message);
    assert_eq!(
        (fingerprints.len(), fingerprints[0].hash.as_str()),
        (1, "sha-256")
    );
    assert_eq!(message.path(), Err(UriError::EmptyPath));
}

#[test]
fn refuses_what_is_none() {
    for (text, error) in [
        (String::new(), SdpError::Version),
        ("v=1\n".into(), SdpError::Version),
        ("o=x\nv=0\n".into(), SdpError::Version),
        ("v=0\nnonsense\n".into(), SdpError::Line(2)),
        ("v=0\n\n=x\n".into(), SdpError::Line(3)),
        ("v=0\na=x\ry\n".into(), SdpError::Line(2)),
        ("v=0\né=x\n".into(), SdpError::Line(2)),
        ("v=0\nm=message 1 TCP/MSRP\n".into(), SdpError::MediaLine(2)),
        (
            "v=0\nm=message x TCP/MSRP *\n".into(),
            SdpError::MediaLine(2),
        ),
        (
            "v=0\nm=message 65536 TCP/MSRP *\n".into(),
            SdpError::MediaLine(2),
        ),
        (
            format!("v=0\n{}", "m=message 1 TCP/MSRP *\n".repeat(MAX_MEDIA + 1)),
            SdpError::TooManyMedia,
        ),
        (format!("v=0\ns={}", "x".repeat(MAX_SDP)), SdpError::TooLong),
    ] {
        assert_eq!(
            Description::parse(text.as_bytes()).unwrap_err(),
            error,
            "{text:.60}"
        );
    }
}

proptest! {
    #[test]
    fn never_panics(rest in proptest::collection::vec(any::<u8>(), 0..80), line in "[vcamt]?=?[a-z0-9:/ *é]{0,20}") {
        let text = [OFFER.as_bytes(), line.as_bytes(), b"\n", &rest].concat();
        if let Ok(read) = Description::parse(&text) {
            for media in &read.media {
                let _ = (media.path(), media.max_size(), read.setup(media), read.fingerprints(media));
            }
        }
        let _ = Description::parse(&rest);
    }
}
