//! Tests of [`super`].

use super::*;
use crate::sip::transaction::testing::{Clock, message};

const VIA: &str = "SIP/2.0/UDP us.example.com;branch=z9hG4bKn";
const CONTACT: &str = "<sip:us.example.com>";
const BOUNDS: Bounds = Bounds {
    least: 60,
    usual: 3600,
    most: 7200,
};
const NO_PACE: Duration = Duration::ZERO;

fn subscribe(number: u32, lines: &str) -> Message {
    let to_tag = if number == 1 { "" } else { ";tag=ours" };
    message(&format!(
        "SUBSCRIBE sip:alice@example.org SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK{number}\r\n\
         From: Alice <sip:alice@example.org>;tag=hers\r\nTo: <sip:alice@example.org>{to_tag}\r\n\
         Call-ID: sub\r\nCSeq: {number} SUBSCRIBE\r\nContact: <sip:alice@192.0.2.1:5070>\r\n{lines}\r\n"
    ))
}

fn answer(code: u16, lines: &str) -> Message {
    message(&format!("SIP/2.0 {code} X\r\n{lines}\r\n"))
}

fn pending(clock: &Clock, seconds: u32, pace: Duration) -> Subscription {
    let dialog = Dialog::answering(&subscribe(1, ""), "ours", false).unwrap();
    let event = Event::of_package("xcap-diff");
    Subscription::new(clock.now(), dialog, event, seconds, pace)
}

/// One that is active, with its first NOTIFY answered.
fn active(clock: &Clock, pace: Duration) -> Subscription {
    let mut subscription = pending(clock, 3600, pace);
    subscription.activate();
    assert_eq!(told(&mut subscription, clock), "1 active;expires=3600");
    ok(&mut subscription, clock);
    assert!(!subscription.is_due(clock.now()));
    subscription
}

/// Sends the NOTIFY that is due; gives its number and what it says of the subscription.
fn told(subscription: &mut Subscription, clock: &Clock) -> String {
    assert!(subscription.is_due(clock.now()));
    let notify = subscription
        .notify(clock.now(), VIA, CONTACT, None)
        .unwrap();
    assert!(!subscription.is_due(clock.now()), "one at a time");
    let notify = Message::parse(notify).unwrap();
    let text = |name| notify.header(name).unwrap().text();
    let number = text("CSeq").replace(" NOTIFY", "");
    format!("{number} {}", text("Subscription-State"))
}

fn ok(subscription: &mut Subscription, clock: &Clock) {
    let ok = answer(200, "");
    assert_eq!(subscription.on_answer(clock.now(), Some(&ok)), Ok(()));
}

#[test]
fn a_notify_is_written_as_the_dialog_and_the_rfc_want_it() {
    let clock = Clock::new();
    let mut subscription = pending(&clock, 3600, NO_PACE);
    subscription.activate();
    let body = Body {
        content_type: "application/xcap-diff+xml",
        octets: b"<x/>",
    };
    let notify = subscription.notify(clock.now(), VIA, CONTACT, Some(body));
    assert_eq!(
        std::str::from_utf8(&notify.unwrap()).unwrap(),
        "NOTIFY sip:alice@192.0.2.1:5070 SIP/2.0\r\nVia: SIP/2.0/UDP us.example.com;branch=z9hG4bKn\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@example.org>;tag=ours\r\nTo: Alice <sip:alice@example.org>;tag=hers\r\n\
         Call-ID: sub\r\nCSeq: 1 NOTIFY\r\nContact: <sip:us.example.com>\r\nEvent: xcap-diff\r\n\
         Subscription-State: active;expires=3600\r\nContent-Type: application/xcap-diff+xml\r\nContent-Length: 4\r\n\r\n<x/>"
    );
}

#[test]
fn changes_under_way_become_one_notify() {
    let mut clock = Clock::new();
    let mut subscription = pending(&clock, 3600, NO_PACE);
    assert_eq!(told(&mut subscription, &clock), "1 pending;expires=3600");
    clock.advance(1500);
    subscription.activate();
    for _ in 0..3 {
        subscription.changed();
        assert!(!subscription.is_due(clock.now()));
    }
    ok(&mut subscription, &clock);
    assert_eq!(told(&mut subscription, &clock), "2 active;expires=3598");
    ok(&mut subscription, &clock);
    assert!(!subscription.is_due(clock.now()) && !subscription.is_over());
}

#[test]
fn changes_keep_the_pace_and_nothing_else_does() {
    let mut clock = Clock::new();
    let mut subscription = active(&clock, Duration::from_secs(5));
    subscription.changed();
    assert!(!subscription.is_due(clock.now()));
    assert_eq!(subscription.next_deadline(), Some(clock.at(5000)));
    clock.advance(4999);
    assert!(!subscription.is_due(clock.now()));
    clock.advance(1);
    assert_eq!(told(&mut subscription, &clock), "2 active;expires=3595");
    ok(&mut subscription, &clock);
    subscription.changed();
    let refresh = subscribe(2, "Event: xcap-diff\r\nExpires: 600\r\n");
    let granted = subscription.on_subscribe(clock.now(), &refresh, &BOUNDS);
    assert_eq!(granted, Ok(600));
    assert_eq!(told(&mut subscription, &clock), "3 active;expires=600");
}

#[test]
fn what_has_not_changed_is_not_told_and_not_looked_at_again_at_once() {
    let mut clock = Clock::new();
    let mut subscription = active(&clock, Duration::from_secs(5));
    clock.advance(5000);
    subscription.changed();
    assert!(subscription.is_due(clock.now()));
    subscription.unchanged(clock.now());
    assert!(!subscription.is_due(clock.now()));
    subscription.changed();
    assert_eq!(subscription.next_deadline(), Some(clock.at(5000 + 5000)));
    // What may not wait is told even so.
    subscription.terminate(Reason::NoResource, None);
    subscription.unchanged(clock.now());
    assert_eq!(
        told(&mut subscription, &clock),
        "2 terminated;reason=noresource"
    );
}

#[test]
fn what_is_not_refreshed_ends_in_time() {
    let mut clock = Clock::new();
    let mut subscription = active(&clock, NO_PACE);
    assert_eq!(subscription.next_deadline(), Some(clock.at(3_600_000)));
    clock.advance(3_599_999);
    subscription.on_timer(clock.now());
    assert_eq!(subscription.state(), State::Active);
    clock.advance(1);
    subscription.on_timer(clock.now());
    assert_eq!(
        told(&mut subscription, &clock),
        "2 terminated;reason=timeout"
    );
    assert_eq!(subscription.next_deadline(), None);
    assert!(!subscription.is_over(), "until it is answered");
    ok(&mut subscription, &clock);
    assert!(subscription.is_over());
    subscription.changed();
    assert!(!subscription.is_due(clock.now()));
}

#[test]
fn a_refresh_lengthens_it_and_expires_0_ends_it() {
    let mut clock = Clock::new();
    let mut subscription = active(&clock, NO_PACE);
    clock.advance(1_000_000);
    let refresh = subscribe(2, "Event: xcap-diff\r\nContact: <sip:alice@192.0.2.9>\r\n");
    let twice = subscription.on_subscribe(clock.now(), &refresh, &BOUNDS);
    assert!(
        matches!(twice, Err(Refusal::Malformed(_))),
        "two Contacts: {twice:?}"
    );
    let refresh = subscribe(3, "o: xcap-diff\r\nExpires: 999999\r\n");
    let granted = subscription.on_subscribe(clock.now(), &refresh, &BOUNDS);
    assert_eq!(granted, Ok(7200), "shortened, never lengthened");
    assert_eq!(told(&mut subscription, &clock), "2 active;expires=7200");
    // While that is under way.
    let end = subscribe(4, "Event: xcap-diff\r\nExpires: 0\r\n");
    let granted = subscription.on_subscribe(clock.now(), &end, &BOUNDS);
    assert_eq!(granted, Ok(0));
    ok(&mut subscription, &clock);
    assert!(!subscription.is_over());
    assert_eq!(
        told(&mut subscription, &clock),
        "3 terminated;reason=timeout"
    );
    ok(&mut subscription, &clock);
    assert!(subscription.is_over());
    let late = subscribe(5, "Event: xcap-diff\r\n");
    let late = subscription.on_subscribe(clock.now(), &late, &BOUNDS);
    assert_eq!(late, Err(Refusal::Unknown));
}

#[test]
fn what_does_not_refresh_it_changes_nothing() {
    let clock = Clock::new();
    let mut subscription = active(&clock, NO_PACE);
    for (number, lines, status, field) in [
        (
            2,
            "Event: xcap-diff\r\nExpires: 59\r\n",
            423,
            Some("Min-Expires"),
        ),
        (2, "Event: xcap-diff;id=7\r\n", 481, None),
        (2, "Event: presence\r\n", 481, None),
        (2, "", 481, None),
        (2, "Event: xcap-diff\r\nEvent: xcap-diff\r\n", 400, None),
        (2, "Event: ;\r\n", 400, None),
        (1, "Event: xcap-diff\r\n", 500, None),
    ] {
        let request = subscribe(number, lines);
        let refused = subscription.on_subscribe(clock.now(), &request, &BOUNDS);
        let refused = refused.unwrap_err();
        let found = refused.header_field().map(|(name, _)| name);
        assert_eq!((refused.status(), found), (status, field), "{lines}");
        assert!(!subscription.is_due(clock.now()));
    }
}

#[test]
fn the_first_notify_of_a_poll_is_the_last() {
    let clock = Clock::new();
    let mut subscription = pending(&clock, 0, NO_PACE);
    subscription.activate();
    assert_eq!(
        told(&mut subscription, &clock),
        "1 terminated;reason=timeout"
    );
    ok(&mut subscription, &clock);
    assert!(subscription.is_over());
}

#[test]
fn it_ends_for_its_first_reason() {
    let clock = Clock::new();
    let mut subscription = active(&clock, NO_PACE);
    subscription.terminate(Reason::Probation, Some(30));
    subscription.terminate(Reason::NoResource, None);
    subscription.changed();
    subscription.activate();
    assert_eq!(
        told(&mut subscription, &clock),
        "2 terminated;reason=probation;retry-after=30"
    );
    // Even an answer that would have us try again ends what has ended.
    let busy = answer(503, "Retry-After: 1\r\n");
    let told = subscription.on_answer(clock.now(), Some(&busy));
    assert_eq!(told, Err(Undelivered::Refused(503)));
    assert!(subscription.is_over());
}

#[test]
fn a_notify_that_fails_for_good_ends_it() {
    let clock = Clock::new();
    for (code, ends) in [
        (404, true),
        (405, true),
        (408, true),
        (481, true),
        (489, true),
        (401, true),
        (604, true),
        (400, false),
        (415, false),
        (500, false),
        (503, false),
    ] {
        let mut subscription = active(&clock, NO_PACE);
        subscription.changed();
        let later = clock.now() + Duration::from_millis(1);
        subscription.notify(later, VIA, CONTACT, None).unwrap();
        subscription.changed();
        let refused = subscription.on_answer(later, Some(&answer(code, "")));
        assert_eq!(refused, Err(Undelivered::Refused(code)));
        assert_eq!(subscription.is_over(), ends, "{code}");
        assert_eq!(
            subscription.is_due(later + Duration::from_millis(1)),
            !ends,
            "{code}"
        );
    }
    let mut subscription = active(&clock, NO_PACE);
    subscription.activate();
    subscription.terminate(Reason::Deactivated, None);
    told(&mut subscription, &clock);
    assert_eq!(
        subscription.on_answer(clock.now(), None),
        Err(Undelivered::Silence)
    );
    assert!(subscription.is_over());
}

#[test]
fn a_busy_subscriber_is_told_when_it_wants_to_be() {
    let mut clock = Clock::new();
    let mut subscription = active(&clock, NO_PACE);
    subscription.changed();
    clock.advance(10);
    told(&mut subscription, &clock);
    let busy = answer(503, "Retry-After: 7\r\n");
    let refused = subscription.on_answer(clock.now(), Some(&busy));
    assert_eq!(refused, Err(Undelivered::Refused(503)));
    assert_eq!(subscription.next_deadline(), Some(clock.at(7010)));
    clock.advance(7000);
    assert_eq!(told(&mut subscription, &clock), "3 active;expires=3592");
}

#[test]
fn events_are_read_and_written() {
    let event = |lines: &str| Event::of(&subscribe(1, lines)).unwrap();
    let with_id = event("Event: refer;x=y;id=93809824\r\n").unwrap();
    assert_eq!(with_id.to_string(), "refer;id=93809824");
    assert_ne!(with_id, Event::of_package("refer"));
    assert_eq!(
        event("Event: presence.winfo\r\n"),
        Some(Event::of_package("presence.winfo"))
    );
    assert_eq!(event(""), None);
    for bad in ["Event: a b\r\n", "Event: refer;id=\"a b\"\r\n"] {
        assert!(Event::of(&subscribe(1, bad)).is_err(), "{bad}");
    }
}

#[test]
fn durations_are_bounded() {
    for (lines, granted) in [
        ("", Ok(3600)),
        ("Expires: 60\r\n", Ok(60)),
        ("Expires: 59\r\n", Err(Refusal::TooBrief { least: 60 })),
        ("Expires: 0\r\n", Ok(0)),
        ("Expires: 4294967296\r\n", Ok(7200)),
    ] {
        assert_eq!(BOUNDS.grant(&subscribe(1, lines)), granted, "{lines}");
    }
    // An hour is never too brief (RFC 6665 section 4.2.1.1).
    let long = Bounds {
        least: 4000,
        ..BOUNDS
    };
    assert_eq!(long.grant(&subscribe(1, "Expires: 3600\r\n")), Ok(3600));
}
