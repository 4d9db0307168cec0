//! Tests of what answers mean.

use super::*;

fn answered(status: &str, more: &str) -> Result<(), Failure> {
    let text = format!("SIP/2.0 {status}\r\n{more}Content-Length: 0\r\n\r\n");
    judge(&Message::parse(text.into()).unwrap())
}

#[test]
fn an_answer_says_whether_to_come_again() {
    for sent in ["200 OK", "202 Accepted", "299 Fine"] {
        assert_eq!(answered(sent, ""), Ok(()), "{sent}");
    }
    for later in [
        "302 Moved Temporarily",
        "401 Unauthorized",
        "407 Proxy Authentication Required",
        "408 Request Timeout",
        "480 Temporarily Unavailable",
        "486 Busy Here",
        "491 Request Pending",
        "500 Server Internal Error",
        "503 Service Unavailable",
        "504 Server Time-out",
        "600 Busy Everywhere",
    ] {
        let failure = answered(later, "").unwrap_err();
        assert_eq!(
            (failure.error.as_deref(), failure.is_final),
            (Some(later), false)
        );
    }
    for never in [
        "400 Bad Request",
        "403 Forbidden",
        "404 Not Found",
        "405 Method Not Allowed",
        "410 Gone",
        "415 Unsupported Media Type",
        "416 Unsupported URI Scheme",
        "482 Loop Detected",
        "488 Not Acceptable Here",
        "603 Decline",
        "604 Does Not Exist Anywhere",
        "606 Not Acceptable",
    ] {
        let failure = answered(never, "").unwrap_err();
        assert_eq!(
            (failure.error.as_deref(), failure.is_final),
            (Some(never), true)
        );
    }
}

/// RFC 3261 section 20.33: with it, even 404 (Not Found) and 603 (Decline) are not for good.
#[test]
fn who_says_when_to_come_again_is_asked_again() {
    for status in [
        "404 Not Found",
        "480 Temporarily Unavailable",
        "603 Decline",
    ] {
        let failure = answered(status, "Retry-After: 120 (meeting);duration=3600\r\n").unwrap_err();
        assert_eq!(failure.retry_after, Some(TimeDelta::seconds(120)));
        assert!(!failure.is_final, "{status}");
    }
    let failure = answered("404 Not Found", "Retry-After: soon\r\n").unwrap_err();
    assert!(failure.is_final && failure.retry_after.is_none());
}

/// RFC 3263 section 4.3: the next attempt asks the next server, however long it waited.
#[test]
fn who_was_silent_is_asked_last() {
    let server = |port| Destination {
        address: ([127, 0, 0, 1], port).into(),
        transport: HopTransport::Udp,
        name: "example.org".to_owned(),
    };
    let ports = |found: Vec<Destination>| -> Vec<u16> {
        found.iter().map(|to| to.address.port()).collect()
    };
    let silent = Silent::new();
    let asked = || ports(silent.last(vec![server(1), server(2), server(3)]));
    assert_eq!(asked(), [1, 2, 3]);
    let first = (server(1).address, HopTransport::Udp);
    silent.remember(first);
    // As when it is no longer left alone.
    silent.lately.forget(&first);
    assert_eq!(asked(), [2, 3, 1]);
    silent.forget(&first);
    assert_eq!(asked(), [1, 2, 3]);
    assert!(TimeDelta::from_std(ASKED_LAST).unwrap() > crate::domain::report::LONGEST_WAIT);
}
