//! Tests of [`super`], by the rules and table 2 of RFC 4028 section 9.

use super::*;
use crate::sip::transaction::testing::{Clock, message};
use proptest::prelude::*;

fn invite(lines: &[&str]) -> Message {
    let lines: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
    message(&format!("INVITE sip:b@x SIP/2.0\r\n{lines}\r\n"))
}

fn outcome(lines: &[&str]) -> Outcome {
    negotiate(&invite(lines), &Policy::default()).unwrap()
}

fn timer(seconds: u32, refresher: Refresher, required: bool) -> Outcome {
    Outcome::Timer(Agreed {
        seconds,
        refresher,
        required,
    })
}

#[test]
fn the_field_is_read_in_both_forms() {
    let read = |line| SessionExpires::of(&invite(&[line]));
    let expires = |seconds, refresher| Ok(Some(SessionExpires { seconds, refresher }));
    assert_eq!(
        read("Session-Expires: 4000;refresher=uac"),
        expires(4000, Some(Refresher::Uac))
    );
    assert_eq!(
        read("x: 1800 ; a=b; Refresher = UAS"),
        expires(1800, Some(Refresher::Uas))
    );
    assert_eq!(read("x:\r\n 99999999999"), expires(u32::MAX, None));
    assert_eq!(read("x: 90;refresher=me"), expires(90, None));
    assert_eq!(read("Subject: none"), Ok(None));
    for bad in [
        "x: ",
        "x: soon",
        "x: 90 s",
        "x: 90;;",
        "x: -1",
        "x: 1;refresher=",
    ] {
        assert_eq!(read(bad).unwrap_err().sip_status(), 400, "{bad}");
    }
    assert_eq!(
        SessionExpires::of(&invite(&["x: 90", "Session-Expires: 90"])),
        Err(ParseError::Repeated("Session-Expires"))
    );
    assert_eq!(min_se(&invite(&["Min-SE: 120;x"])), Ok(120));
    assert_eq!(min_se(&invite(&["Min-SE: 10"])), Ok(90));
    assert!(negotiate(&invite(&["Min-SE: x"]), &Policy::default()).is_err());
}

#[test]
fn the_refresher_is_that_of_table_2() {
    use Refresher::{Uac, Uas};
    let yes = "k: 100rel, timer";
    assert_eq!(outcome(&["x: 1800"]), timer(1800, Uas, false));
    assert_eq!(outcome(&["x: 1800;refresher=uac"]), timer(1800, Uas, false));
    assert_eq!(outcome(&[yes, "x: 1800"]), timer(1800, Uac, true));
    assert_eq!(
        outcome(&[yes, "x: 1800;refresher=uac"]),
        timer(1800, Uac, true)
    );
    assert_eq!(
        outcome(&["Require: Timer", "x: 1800;refresher=uas"]),
        timer(1800, Uas, true)
    );
}

#[test]
fn nothing_is_said_to_those_who_do_not_ask_and_do_not_know() {
    assert_eq!(outcome(&[]), Outcome::None);
    assert_eq!(outcome(&["Supported: path", "Min-SE: 120"]), Outcome::None);
    assert_eq!(
        outcome(&["Supported: timer"]),
        timer(1800, Refresher::Uac, true)
    );
    assert_eq!(
        outcome(&["Supported: timer", "Min-SE: 3600"]),
        timer(3600, Refresher::Uac, true)
    );
}

#[test]
fn a_small_interval_is_refused_and_a_long_one_is_cut() {
    let policy = Policy {
        min: 300,
        interval: 1800,
    };
    let answer = |lines: &[&str]| negotiate(&invite(lines), &policy).unwrap();
    let too_small = Outcome::TooSmall { min_se: 300 };
    assert_eq!(answer(&["Supported: timer", "x: 299"]), too_small);
    assert_eq!(
        answer(&["Supported: timer", "x: 300"]),
        timer(300, Refresher::Uac, true)
    );
    // The 422 means nothing to who does not know timers; below 90 nobody may ask.
    assert_eq!(answer(&["x: 299"]), timer(299, Refresher::Uas, false));
    assert_eq!(answer(&["x: 89"]), too_small);
    assert_eq!(answer(&["x: 0"]), too_small);
    assert_eq!(answer(&["x: 86400"]), timer(1800, Refresher::Uas, false));
    assert_eq!(
        answer(&["x: 86400", "Min-SE: 7200"]),
        timer(7200, Refresher::Uas, false)
    );
    let careless = Policy {
        min: 5,
        interval: 1800,
    };
    assert_eq!(
        negotiate(&invite(&["Supported: timer", "x: 60"]), &careless),
        Ok(Outcome::TooSmall { min_se: 90 })
    );
}

#[test]
fn the_answer_says_what_is_agreed() {
    let Outcome::Timer(agreed) = outcome(&["Supported: timer", "x: 600"]) else {
        panic!("no timer");
    };
    assert_eq!(
        agreed.header_fields(),
        [
            ("Session-Expires", "600;refresher=uac".to_owned()),
            ("Require", "timer".to_owned())
        ]
    );
    let Outcome::Timer(agreed) = outcome(&["x: 600"]) else {
        panic!("no timer");
    };
    assert_eq!(
        agreed.header_fields(),
        [("Session-Expires", "600;refresher=uas".to_owned())]
    );
}

fn agreed(seconds: u32, refresher: Refresher) -> Agreed {
    Agreed {
        seconds,
        refresher,
        required: true,
    }
}

#[test]
fn who_waits_gives_up_shortly_before_the_end() {
    // 32 s before it, or a third of the interval if that is less.
    for (seconds, millis) in [(1800, 1_768_000), (96, 64_000), (90, 60_000)] {
        let clock = Clock::new();
        let mut timer =
            SessionTimer::start(clock.now(), agreed(seconds, Refresher::Uac), Refresher::Uas);
        assert_eq!(timer.next_deadline(), Some(clock.at(millis)));
        assert_eq!(timer.on_timer(clock.at(millis - 1)), None);
        assert_eq!(timer.on_timer(clock.at(millis)), Some(Due::End));
        assert_eq!(timer.on_timer(clock.at(millis + 1)), None);
        assert_eq!(timer.next_deadline(), None);
    }
}

#[test]
fn who_refreshes_does_so_at_half_time() {
    let clock = Clock::new();
    let mut timer = SessionTimer::start(clock.now(), agreed(600, Refresher::Uac), Refresher::Uac);
    assert_eq!(timer.next_deadline(), Some(clock.at(300_000)));
    assert_eq!(timer.on_timer(clock.at(299_999)), None);
    assert_eq!(timer.on_timer(clock.at(300_000)), Some(Due::Refresh));
    assert_eq!(timer.next_deadline(), Some(clock.at(568_000)));
    assert_eq!(timer.to_ask(90), "600;refresher=uac");
    assert_eq!(timer.to_ask(900), "900;refresher=uac");
    // The refresh succeeds: it all begins again.
    let mut renewed = SessionTimer::start(clock.at(301_000), timer.agreed(), Refresher::Uac);
    assert_eq!(renewed.on_timer(clock.at(568_000)), None);
    assert_eq!(renewed.next_deadline(), Some(clock.at(601_000)));
    // It does not.
    assert_eq!(timer.on_timer(clock.at(568_000)), Some(Due::End));
}

#[test]
fn the_roles_stay_when_the_other_side_asks() {
    let clock = Clock::new();
    let waiting = SessionTimer::start(clock.now(), agreed(600, Refresher::Uac), Refresher::Uas);
    assert_eq!(waiting.to_ask(0), "600;refresher=uas");
}

#[test]
fn an_answer_to_us_is_taken_as_it_is_unless_it_is_unlawful() {
    let response = |line: &str| {
        let message = message(&format!("SIP/2.0 200 OK\r\n{line}\r\n\r\n"));
        Agreed::of_response(&message)
    };
    assert_eq!(response("Subject: x"), Ok(None));
    assert_eq!(
        response("x: 600;refresher=uas"),
        Ok(Some(agreed(600, Refresher::Uas)))
    );
    assert_eq!(response("x: 1"), Ok(Some(agreed(90, Refresher::Uac))));
    assert!(response("x: y").is_err());
}

proptest! {
    #[test]
    fn the_rules_hold_whatever_is_asked(
        asked in proptest::option::of(any::<u32>()), min_se in proptest::option::of(any::<u32>()),
        supported in any::<bool>(), min in any::<u32>(), interval in any::<u32>(),
    ) {
        let lines = [
            asked.map(|n| format!("x: {n}")),
            min_se.map(|n| format!("Min-SE: {n}")),
            supported.then(|| "Supported: timer".to_owned()),
        ];
        let lines: Vec<&str> = lines.iter().flatten().map(String::as_str).collect();
        match negotiate(&invite(&lines), &Policy { min, interval }).unwrap() {
            Outcome::Timer(agreed) => {
                prop_assert!(asked.is_none_or(|asked| agreed.seconds <= asked));
                prop_assert!(agreed.seconds >= 90);
                // Where the request breaks its own minimum, nothing can be right.
                if asked.is_none_or(|asked| min_se.is_none_or(|min| asked >= min)) {
                    prop_assert!(min_se.is_none_or(|min| agreed.seconds >= min));
                }
                let clock = Clock::new();
                let timer = SessionTimer::start(clock.now(), agreed, Refresher::Uas);
                prop_assert!(timer.next_deadline().unwrap() > clock.now());
            }
            Outcome::TooSmall { min_se } => prop_assert!(asked.unwrap() < min_se && min_se >= 90),
            Outcome::None => prop_assert!(!supported && asked.is_none()),
        }
    }
}
