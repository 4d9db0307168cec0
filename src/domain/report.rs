//! Delivery reports for deleted messages (OMA SIMPLE IM TS 12.4.2.7, RFC 5438): when one is due, the states it goes
//! through, and how long to wait before it is tried again.

use chrono::TimeDelta;

use super::access::names;
use super::message::Kind;

/// What a sender asks for to be told of a failure (RFC 5438 section 6.2).
pub const NEGATIVE_DELIVERY: &str = "negative-delivery";
/// The host of addresses that lead to nobody (RFC 3323 section 4.1.1.3).
const ANONYMOUS_HOST: &str = "anonymous.invalid";
/// The wait after the first failure.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(5);
/// The longest wait.
pub const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);
/// Doublings after which the longest wait is reached in any case.
const MOST_DOUBLINGS: u32 = 10;

/// When the operator wants reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryReports {
    /// For every message whose sender can be told.
    Always,
    /// For messages that ask for them.
    OnRequest,
    /// Not at all.
    Never,
}

names!(
    DeliveryReports,
    "always, on_request, never",
    Always = "always",
    OnRequest = "on_request",
    Never = "never"
);

/// What a report is about; there is one of a kind for each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// The message went without having been delivered.
    Failed,
}

names!(ReportKind, "failed", Failed = "failed");

/// Who sends reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportRoute {
    /// Connectors that fetch them.
    Connector,
    /// The server, through its outbound proxy.
    Proxy,
    /// The server, to whoever DNS says is responsible.
    Direct,
}

names!(
    ReportRoute,
    "connector, proxy, direct",
    Connector = "connector",
    Proxy = "proxy",
    Direct = "direct"
);

/// Where a report is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits to be sent.
    Pending,
    /// Somebody is sending it.
    Leased,
    /// It has been sent.
    Sent,
    /// It could not be sent in time, or was refused for good; an operator may have it tried again.
    Dead,
}

names!(
    State,
    "pending, leased, sent, dead",
    Pending = "pending",
    Leased = "leased",
    Sent = "sent",
    Dead = "dead"
);

/// What the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    /// What the content is to a reader.
    pub kind: Kind,
    /// Whether it has a message/cpim envelope that can be read.
    pub has_envelope: bool,
    /// The disposition notifications that were asked for.
    pub asked: &'a [String],
    /// The addresses that the message shows as its sender's.
    pub senders: &'a [&'a str],
}

/// Why there is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoReport {
    /// The operator wants none.
    #[error("the policy is to send none")]
    Policy,
    /// A notification is never reported on (RFC 5438 section 7.2.1).
    #[error("it is a disposition notification itself")]
    Notification,
    /// The envelope cannot be read.
    #[error("it is encrypted")]
    Encrypted,
    /// It has no envelope in which to ask.
    #[error("it has no message/cpim envelope")]
    NoEnvelope,
    /// The sender did not ask.
    #[error("it was not asked for")]
    NotAsked,
    /// There is nobody to tell (RFC 5438 section 12.1.1).
    #[error("the sender is anonymous")]
    Anonymous,
}

/// Whether the sender of a message that goes undelivered is told.
///
/// # Errors
/// [`NoReport`] says why not.
pub fn is_due(policy: DeliveryReports, removal: &Removal<'_>) -> Result<(), NoReport> {
    if policy == DeliveryReports::Never {
        return Err(NoReport::Policy);
    }
    if removal.kind == Kind::Notification {
        return Err(NoReport::Notification);
    }
    if removal.kind == Kind::Encrypted && !removal.has_envelope {
        return Err(NoReport::Encrypted);
    }
    if policy == DeliveryReports::OnRequest {
        if !removal.has_envelope {
            return Err(NoReport::NoEnvelope);
        }
        if !removal.asked.iter().any(|asked| asked == NEGATIVE_DELIVERY) {
            return Err(NoReport::NotAsked);
        }
    }
    if removal.senders.iter().any(|sender| is_anonymous(sender)) {
        return Err(NoReport::Anonymous);
    }
    Ok(())
}

/// Whether an address leads to nobody.
fn is_anonymous(address: &str) -> bool {
    let rest = address.split_once(':').map_or(address, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([':', ';', '?']).next().unwrap_or_default();
    host.eq_ignore_ascii_case(ANONYMOUS_HOST)
}

/// How long to wait after the last of `attempts` has failed: twice as long after each, an hour at most, and of that
/// the second half is left to chance, so that many that failed at once do not come back at once. `chance` is random.
#[must_use]
pub fn back_off(attempts: u32, chance: u32) -> TimeDelta {
    let doublings = attempts.saturating_sub(1).min(MOST_DOUBLINGS);
    let whole = (FIRST_WAIT * (1 << doublings)).min(LONGEST_WAIT);
    let half = whole.num_milliseconds() / 2;
    let random = half * i64::from(chance) / i64::from(u32::MAX);
    TimeDelta::milliseconds(half + random)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [DeliveryReports; 3] = [
        DeliveryReports::Always,
        DeliveryReports::OnRequest,
        DeliveryReports::Never,
    ];

    fn asking() -> Vec<String> {
        vec!["display".into(), NEGATIVE_DELIVERY.into()]
    }

    fn decided(removal: &Removal<'_>) -> [Result<(), NoReport>; 3] {
        ALL.map(|policy| is_due(policy, removal))
    }

    #[test]
    fn who_asks_is_told_unless_the_policy_is_never() {
        let asked = asking();
        let removal = Removal {
            kind: Kind::Text,
            has_envelope: true,
            asked: &asked,
            senders: &["im:carol@example.org", "sip:carol@example.org"],
        };
        let never = Err(NoReport::Policy);
        assert_eq!(decided(&removal), [Ok(()), Ok(()), never]);
        // What is inside is nobody's business; the envelope can be read.
        let sealed = Removal {
            kind: Kind::Encrypted,
            ..removal
        };
        assert_eq!(decided(&sealed), [Ok(()), Ok(()), never]);
        for asked in [vec![], vec!["positive-delivery".to_owned()]] {
            let removal = Removal {
                asked: &asked,
                ..removal
            };
            assert_eq!(decided(&removal), [Ok(()), Err(NoReport::NotAsked), never]);
        }
        let plain = Removal {
            has_envelope: false,
            asked: &[],
            ..removal
        };
        assert_eq!(decided(&plain), [Ok(()), Err(NoReport::NoEnvelope), never]);
    }

    #[test]
    fn some_are_never_reported_on() {
        let asked = asking();
        let removal = Removal {
            kind: Kind::Text,
            has_envelope: true,
            asked: &asked,
            senders: &["sip:carol@example.org"],
        };
        let notification = Removal {
            kind: Kind::Notification,
            ..removal
        };
        let encrypted = Removal {
            kind: Kind::Encrypted,
            has_envelope: false,
            ..removal
        };
        for policy in [DeliveryReports::Always, DeliveryReports::OnRequest] {
            assert_eq!(is_due(policy, &notification), Err(NoReport::Notification));
            assert_eq!(is_due(policy, &encrypted), Err(NoReport::Encrypted));
            for sender in [
                "sip:anonymous@anonymous.invalid",
                "sips:Anonymous@Anonymous.INVALID;transport=tls",
                "im:anonymous@anonymous.invalid",
                "sip:anonymous@anonymous.invalid:5060",
                "sip:anonymous.invalid",
            ] {
                let senders = ["sip:carol@example.org", sender];
                let removal = Removal {
                    senders: &senders,
                    ..removal
                };
                assert_eq!(
                    is_due(policy, &removal),
                    Err(NoReport::Anonymous),
                    "{sender}"
                );
            }
        }
    }

    #[test]
    fn waits_double_and_chance_has_the_second_half() {
        let seconds = |attempts, chance| back_off(attempts, chance).as_seconds_f64();
        for (attempts, whole) in [
            (1, 5.0),
            (2, 10.0),
            (5, 80.0),
            (10, 2560.0),
            (11, 3600.0),
            (u32::MAX, 3600.0),
        ] {
            assert!(
                (seconds(attempts, 0) - whole / 2.0).abs() < 0.01,
                "{attempts}"
            );
            assert!(
                (seconds(attempts, u32::MAX) - whole).abs() < 0.01,
                "{attempts}"
            );
            let between = seconds(attempts, u32::MAX / 2);
            assert!(
                (between - whole * 0.75).abs() < 0.01,
                "{attempts}: {between}"
            );
        }
        assert_eq!(back_off(0, 7), back_off(1, 7));
    }
}
