//! Session timers: how long a session lives without a sign of life, and who gives it (RFC 4028). Sans-IO: the
//! current time goes in with each event.
//!
//! [`negotiate`] says what to answer to an INVITE or UPDATE; a [`SessionTimer`] then says when to give a sign of
//! life, a re-INVITE or UPDATE, or when to give the session up with a BYE ([`crate::sip::dialog`]).

use std::time::{Duration, Instant};

use crate::sip::basics::in_field;
use crate::sip::error::{ParseError, ValueError};
use crate::sip::header::parse_delta_seconds;
use crate::sip::inspect::{contains, list};
use crate::sip::message::Message;
use crate::sip::scan::{Scanner, param_value};
use crate::sip::transaction::after;

/// The option tag (section 13).
pub const TIMER: &str = "timer";
/// No interval is shorter, in seconds (section 4).
pub const LEAST: u32 = 90;
/// The interval that the RFC recommends, in seconds (section 4).
pub const RECOMMENDED: u32 = 1800;
/// How long before its end a session is given up at most (section 10).
const MARGIN: Duration = Duration::from_secs(32);

/// Who gives signs of life: a side of the transaction that agreed on them, not of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answered it.
    Uas,
}

impl Refresher {
    /// As the parameter has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}

/// The value of Session-Expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes, if that is said. A word that is neither `uac` nor `uas` counts as nothing said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads that field of a message, in its long or its compact form `x`.
    ///
    /// # Errors
    /// [`ParseError`] if it is malformed or there are several.
    pub fn of(message: &Message) -> Result<Option<Self>, ParseError> {
        let Some((seconds, params)) = seconds(message, "Session-Expires")? else {
            return Ok(None);
        };
        let refresher = match param_value(&params, "refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Ok(Some(Self { seconds, refresher }))
    }
}

/// Min-SE of a message, in seconds; at least [`LEAST`], which counts when the field is absent, too.
///
/// # Errors
/// [`ParseError`] if the field is malformed or there are several.
pub fn min_se(message: &Message) -> Result<u32, ParseError> {
    let found = seconds(message, "Min-SE")?;
    Ok(found.map_or(LEAST, |(seconds, _)| seconds.max(LEAST)))
}

/// Whether the sender of a request knows session timers.
#[must_use]
pub fn is_supported(request: &Message) -> bool {
    ["Supported", "Require"]
        .iter()
        .any(|name| contains(&list(request, name), TIMER))
}

type Seconds = (u32, Vec<(String, Option<String>)>);

/// A field of the form `delta-seconds *(SEMI generic-param)`.
fn seconds(message: &Message, name: &'static str) -> Result<Option<Seconds>, ParseError> {
    let Some(field) = message.at_most_one(name)? else {
        return Ok(None);
    };
    let read = || -> Result<Seconds, ValueError> {
        let mut scanner = Scanner::new(field.raw_value());
        scanner.space();
        let digits = scanner.take_while(|b| b.is_ascii_digit());
        let Some(seconds) = parse_delta_seconds(digits) else {
            return scanner.fail("a number of seconds");
        };
        let params = scanner.params()?;
        scanner.finish()?;
        Ok((seconds, params))
    };
    read().map(Some).map_err(in_field(name))
}

/// What we want of session timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The shortest interval taken, in seconds. Less than [`LEAST`] counts as that.
    pub min: u32,
    /// The interval asked for where the peer knows timers and names none, and the longest taken; in seconds.
    pub interval: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            min: LEAST,
            interval: RECOMMENDED,
        }
    }
}

/// What is agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes.
    pub refresher: Refresher,
    /// Whether the peer knows timers, and so is told to heed the answer.
    pub required: bool,
}

impl Agreed {
    /// The header fields that the 2xx says it with.
    #[must_use]
    pub fn header_fields(&self) -> Vec<(&'static str, String)> {
        let expires = format!("{};refresher={}", self.seconds, self.refresher.name());
        let mut fields = vec![("Session-Expires", expires)];
        if self.required {
            fields.push(("Require", TIMER.to_owned()));
        }
        fields
    }

    /// What the 2xx to a request of ours says; `None` if the session has no timer (section 7.2). An interval
    /// that is too short to be lawful counts as [`LEAST`], lest the peer have us refresh without pause.
    ///
    /// # Errors
    /// [`ParseError`] if its Session-Expires is malformed.
    pub fn of_response(response: &Message) -> Result<Option<Self>, ParseError> {
        Ok(SessionExpires::of(response)?.map(|expires| Self {
            seconds: expires.seconds.max(LEAST),
            // The parameter has to be there. Who is not told must not rely on the other side.
            refresher: expires.refresher.unwrap_or(Refresher::Uac),
            required: true,
        }))
    }
}

/// What to answer to an INVITE or UPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: the session has no timer.
    None,
    /// A timer, to be named in the 2xx by [`Agreed::header_fields`].
    Timer(Agreed),
    /// 422 (Session Interval Too Small).
    TooSmall {
        /// For Min-SE, in seconds.
        min_se: u32,
    },
}

/// What to answer to an INVITE or UPDATE (section 9).
///
/// A peer that knows timers is asked for one even where it did not ask, and for the refreshes unless it chose
/// otherwise: so nobody's session outlives its caller for long. Where only a proxy asked, we refresh.
///
/// # Errors
/// [`ParseError`]: Session-Expires or Min-SE is malformed; the request deserves 400.
pub fn negotiate(request: &Message, policy: &Policy) -> Result<Outcome, ParseError> {
    let supported = is_supported(request);
    let floor = min_se(request)?;
    let min = policy.min.max(LEAST);
    let wanted = policy.interval.max(min).max(floor);
    let (seconds, refresher) = match SessionExpires::of(request)? {
        None if supported => (wanted, Refresher::Uac),
        None => return Ok(Outcome::None),
        // A peer that does not know 422 gets it only for an interval that nobody may ask for.
        Some(SessionExpires { seconds, .. }) if seconds < LEAST || (supported && seconds < min) => {
            return Ok(Outcome::TooSmall { min_se: min });
        }
        Some(SessionExpires { seconds, refresher }) => {
            let refresher = match refresher {
                _ if !supported => Refresher::Uas,
                None => Refresher::Uac,
                Some(chosen) => chosen,
            };
            (seconds.min(wanted), refresher)
        }
    };
    Ok(Outcome::Timer(Agreed {
        seconds,
        refresher,
        required: supported,
    }))
}

/// What time brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Give a sign of life: it is our turn, and half of the interval has passed.
    Refresh,
    /// No sign of life came, or ours had no effect: send BYE.
    End,
}

/// The timer of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimer {
    /// `None` where the peer refreshes, or once we are told to.
    refresh: Option<Instant>,
    end: Option<Instant>,
    agreed: Agreed,
    we_refresh: bool,
}

impl SessionTimer {
    /// Begins when the 2xx that agreed on it is sent or received, anew at each further one. `us` is our side in
    /// that transaction.
    #[must_use]
    pub fn start(now: Instant, agreed: Agreed, us: Refresher) -> Self {
        let interval = Duration::from_secs(agreed.seconds.max(LEAST).into());
        let we_refresh = agreed.refresher == us;
        let margin = MARGIN.min(interval / 3);
        Self {
            refresh: we_refresh.then(|| after(now, interval / 2)),
            end: Some(after(now, interval.saturating_sub(margin))),
            agreed,
            we_refresh,
        }
    }

    /// What was agreed on.
    #[must_use]
    pub fn agreed(&self) -> Agreed {
        self.agreed
    }

    /// Session-Expires for our next re-INVITE or UPDATE: as it is, with the roles as they are (section 7.4).
    #[must_use]
    pub fn to_ask(&self, min_se: u32) -> String {
        let refresher = if self.we_refresh {
            Refresher::Uac
        } else {
            Refresher::Uas
        };
        let seconds = self.agreed.seconds.max(min_se);
        format!("{seconds};refresher={}", refresher.name())
    }

    /// Time has passed. Each thing is said once.
    pub fn on_timer(&mut self, now: Instant) -> Option<Due> {
        if self.end.is_some_and(|end| end <= now) {
            self.end = None;
            self.refresh = None;
            return Some(Due::End);
        }
        if self.refresh.is_some_and(|refresh| refresh <= now) {
            self.refresh = None;
            return Some(Due::Refresh);
        }
        None
    }

    /// When to call [`SessionTimer::on_timer`] next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.refresh.or(self.end)
    }
}

#[cfg(test)]
#[path = "session_timer_tests.rs"]
mod tests;
