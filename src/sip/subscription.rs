//! Subscriptions, as the notifier sees them (RFC 6665 section 4.2): how long one lives, when a NOTIFY is owed, and what
//! it says. Sans-IO: the current time goes in with each event, and a NOTIFY comes out as octets to send.
//!
//! It knows nothing of what is subscribed to. Whoever drives it asks [`Subscription::is_due`], works out the state of
//! the resource as it is then, and gives it to [`Subscription::notify`]; changes that come while a NOTIFY is under way
//! so become one NOTIFY. The final answer goes to [`Subscription::on_answer`], the time to [`Subscription::on_timer`].
//!
//! ```text
//!            activate            terminate, expiry, Expires: 0         answer to the last NOTIFY
//!  pending ───────────▶ active ─────────────────────────▶ terminated ─────────────────▶ over
//!     └───────────────────────────────────────────────────────┘ ▲
//!               a NOTIFY that fails for good, or no answer ─────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sip::dialog::Dialog;
use crate::sip::event::{Bounds, Event, Refusal};
use crate::sip::header::parse_retry_after;
use crate::sip::message::{Message, StartLine};
use crate::sip::transaction::{after, earlier};
use crate::sip::write::WriteError;

/// Why a subscription ended, and what the subscriber had better do (section 4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Subscribe again at once: the notifier moves, or stops.
    Deactivated,
    /// Subscribe again later.
    Probation,
    /// It is not allowed any more. Do not subscribe again.
    Rejected,
    /// It was not refreshed in time.
    Timeout,
    /// Nobody could say whether it is allowed. Subscribe again.
    GiveUp,
    /// What it was to exists no longer.
    NoResource,
    /// What it was to will never change again.
    Invariant,
}

impl Reason {
    /// As the parameter has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::GiveUp => "giveup",
            Self::NoResource => "noresource",
            Self::Invariant => "invariant",
        }
    }
}

/// How far a subscription is (section 4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Whether it is allowed is not known yet.
    Pending,
    /// It is allowed.
    Active,
    /// It has ended, or ends with the next NOTIFY.
    Terminated {
        /// Why.
        reason: Reason,
        /// Seconds after which the subscriber may subscribe again.
        retry_after: Option<u32>,
    },
}

/// The state of a resource, for one NOTIFY.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    /// Its media type.
    pub content_type: &'a str,
    /// The document.
    pub octets: &'a [u8],
}

/// Why a NOTIFY did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// There was no answer, or no way to send it.
    #[error("nobody answered")]
    Silence,
    /// It was refused.
    #[error("the answer was {0}")]
    Refused(u16),
}

/// Whether there is something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owed {
    Nothing,
    /// A change, which waits for its turn.
    Change,
    /// What may not wait.
    Now,
}

/// One subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    dialog: Dialog,
    event: Event,
    state: State,
    ends_at: Instant,
    /// The least time between a NOTIFY and one that tells of a change.
    pace: Duration,
    owed: Owed,
    /// When a change may be told.
    not_before: Instant,
    in_flight: bool,
    over: bool,
}

impl Subscription {
    /// The subscription that our 2xx makes, in the dialog that it makes with it ([`Dialog::answering`]). It is
    /// [`State::Pending`] until [`Subscription::activate`], lasts `seconds` from now, and its first NOTIFY is owed. With 0
    /// seconds that one is the last (section 4.4.3).
    ///
    /// Changes are told no more often than once in `pace`, as packages want it (section 5.4.10).
    #[must_use]
    pub fn new(now: Instant, dialog: Dialog, event: Event, seconds: u32, pace: Duration) -> Self {
        let mut subscription = Self {
            dialog,
            event,
            state: State::Pending,
            ends_at: now,
            pace,
            owed: Owed::Now,
            not_before: now,
            in_flight: false,
            over: false,
        };
        subscription.last(now, seconds);
        subscription
    }

    /// The dialog, for its name and for the way that a NOTIFY takes.
    #[must_use]
    pub fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// What it is to.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// How far it is.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether nothing is left to do: it is to be forgotten.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// It is allowed. The subscriber is told.
    pub fn activate(&mut self) {
        if self.state == State::Pending {
            self.state = State::Active;
            self.owed = Owed::Now;
        }
    }

    /// What is subscribed to has changed.
    pub fn changed(&mut self) {
        self.owed = self.owed.max(Owed::Change);
    }

    /// What might have changed has not: there is no NOTIFY to send for it. Whoever looks at each change that is due looks
    /// no more often than it would tell of one.
    pub fn unchanged(&mut self, now: Instant) {
        if self.owed == Owed::Change {
            self.owed = Owed::Nothing;
            self.not_before = after(now, self.pace);
        }
    }

    /// It ends by our own decision. The subscriber is told by a last NOTIFY; `retry_after`, in seconds, goes with
    /// [`Reason::Probation`], [`Reason::Rejected`] and [`Reason::GiveUp`]. What has ended has ended for its first reason.
    pub fn terminate(&mut self, reason: Reason, retry_after: Option<u32>) {
        if !matches!(self.state, State::Terminated { .. }) {
            self.state = State::Terminated {
                reason,
                retry_after,
            };
            self.owed = Owed::Now;
        }
    }

    /// A SUBSCRIBE in the dialog has come: a refresh, or with `Expires: 0` the end. Gives the seconds for Expires of the
    /// 200 to it, after which a NOTIFY is owed (section 4.2.1.2).
    ///
    /// # Errors
    /// The [`Refusal`] to answer with; the subscription is as it was, but for the order of later requests.
    pub fn on_subscribe(
        &mut self,
        now: Instant,
        request: &Message,
        bounds: &Bounds,
    ) -> Result<u32, Refusal> {
        self.on_timer(now);
        let is_this = Event::of(request)?.is_some_and(|event| event == self.event);
        if !is_this || self.over || matches!(self.state, State::Terminated { .. }) {
            return Err(Refusal::Unknown);
        }
        let seconds = bounds.grant(request)?;
        if !self.dialog.accepts_cseq(request) {
            return Err(Refusal::OutOfOrder);
        }
        self.dialog.refresh_target(request)?;
        self.last(now, seconds);
        self.owed = Owed::Now;
        Ok(seconds)
    }

    /// Time has passed.
    pub fn on_timer(&mut self, now: Instant) {
        if now >= self.ends_at {
            self.terminate(Reason::Timeout, None);
        }
    }

    /// When to call [`Subscription::on_timer`] and ask [`Subscription::is_due`] next; nothing is due before by itself.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        let lives = !matches!(self.state, State::Terminated { .. });
        let waits = self.owed == Owed::Change && !self.in_flight;
        earlier(
            lives.then_some(self.ends_at),
            waits.then_some(self.not_before),
        )
    }

    /// Whether a NOTIFY is to be sent now. One is under way at a time, so that they arrive in order.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        !self.over
            && !self.in_flight
            && match self.owed {
                Owed::Nothing => false,
                Owed::Change => now >= self.not_before,
                Owed::Now => true,
            }
    }

    /// Builds the NOTIFY that is due. `via` is the value of its Via, with a new branch; `contact` that of our Contact;
    /// `body` the state of the resource as it is now, where the package has one to tell.
    ///
    /// # Errors
    /// [`WriteError`]; it is due still, and will most likely never be written.
    pub fn notify(
        &mut self,
        now: Instant,
        via: &str,
        contact: &str,
        body: Option<Body<'_>>,
    ) -> Result<Bytes, WriteError> {
        self.on_timer(now);
        let event = self.event.to_string();
        let state = self.state_field(now);
        let mut headers = vec![
            ("Contact", contact),
            ("Event", event.as_str()),
            ("Subscription-State", state.as_str()),
        ];
        if let Some(body) = body {
            headers.push(("Content-Type", body.content_type));
        }
        let octets = body.map_or(&b""[..], |body| body.octets);
        let notify = self.dialog.request("NOTIFY", via, &headers, octets)?;
        self.in_flight = true;
        self.owed = Owed::Nothing;
        self.not_before = after(now, self.pace);
        Ok(notify)
    }

    /// The final answer to the NOTIFY under way has come; `None` if there will be none. That ends the subscription, as do
    /// the answers that RFC 6665 section 4.2.2 names, and those that ask us for what we do not have. After others it goes
    /// on, and what was not told is told again if the answer says when (Retry-After), else with the next change.
    ///
    /// # Errors
    /// [`Undelivered`], for the log; [`Subscription::is_over`] says what follows.
    pub fn on_answer(&mut self, now: Instant, answer: Option<&Message>) -> Result<(), Undelivered> {
        self.in_flight = false;
        // If something is owed still, this was not the last NOTIFY.
        let was_last = matches!(self.state, State::Terminated { .. }) && self.owed == Owed::Nothing;
        self.over |= was_last;
        let Some(answer) = answer else {
            self.over = true;
            return Err(Undelivered::Silence);
        };
        let code = match answer.start() {
            StartLine::Status { code, .. } => *code,
            StartLine::Request { .. } => 500,
        };
        if (200..300).contains(&code) {
            return Ok(());
        }
        self.over |= is_fatal(code);
        let retry = answer.header("Retry-After");
        if let Some(seconds) = retry.and_then(|field| parse_retry_after(field.raw_value())) {
            self.changed();
            self.not_before = after(now, Duration::from_secs(seconds.into()));
        }
        Err(Undelivered::Refused(code))
    }

    /// It lasts so long from now.
    fn last(&mut self, now: Instant, seconds: u32) {
        self.ends_at = after(now, Duration::from_secs(seconds.into()));
        if seconds == 0 {
            self.terminate(Reason::Timeout, None);
        }
    }

    /// The value of Subscription-State.
    fn state_field(&self, now: Instant) -> String {
        let left = self.ends_at.saturating_duration_since(now).as_secs();
        match self.state {
            State::Pending => format!("pending;expires={left}"),
            State::Active => format!("active;expires={left}"),
            State::Terminated {
                reason,
                retry_after,
            } => {
                let reason = reason.as_str();
                match retry_after {
                    Some(seconds) => format!("terminated;reason={reason};retry-after={seconds}"),
                    None => format!("terminated;reason={reason}"),
                }
            }
        }
    }
}

/// Whether an answer to a NOTIFY ends the subscription: those of section 4.2.2, a challenge, which we have nothing to
/// meet with, and 408, by which a proxy says that nobody is there.
fn is_fatal(code: u16) -> bool {
    matches!(
        code,
        401 | 404 | 405 | 407 | 408 | 410 | 416 | 480..=485 | 489 | 501 | 604
    )
}

#[cfg(test)]
#[path = "subscription_tests.rs"]
mod tests;
