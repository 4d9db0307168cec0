//! What the SIP listener answers: MESSAGE is stored, INVITE and what follows it is for [`super::large`], REFER for
//! [`super::refer`], SUBSCRIBE for [`super::subscribe`], OPTIONS says what is taken, all else is refused as RFC 3261 section
//! 8.2 says.

use super::large::LargeMode;
use super::pager::{self, HandOver, Refusal};
use super::refer::{LIST, NO_SUBSCRIPTION, Refer};
use super::subscribe::Subscribe;
use super::trust::Trust;
use crate::domain::access::{Scope, TokenScope};
use crate::mailbox::Mailbox;
use crate::mailbox::store::StoreRefusal;
use crate::sip::dialog::DialogId;
use crate::sip::endpoint::{Agent, Answer, Fate, Request};
use crate::sip::inspect::{self, Capabilities};
use crate::sip::message::Message;
use crate::sip::session_timer;
use crate::sip::trust::Origin;

/// What is answered, in the order for Allow.
pub(super) const METHODS: &[&str] = &[
    "MESSAGE",
    "OPTIONS",
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "UPDATE",
    "REFER",
    "SUBSCRIBE",
];
/// Seconds after which a refused client may come again: a full account empties slowly, a database
/// is back soon.
const RETRY_FULL: &str = "3600";
pub(super) const RETRY_STORAGE: &str = "5";

/// A user agent server in front of the mailbox.
pub struct UserAgent {
    mailbox: Mailbox,
    large: LargeMode,
    refer: Refer,
    subscribe: Subscribe,
    trust: Trust,
    domains: Vec<String>,
    capabilities: Capabilities,
}

impl UserAgent {
    /// Takes messages for users of `domains`; of any domain if there are none.
    #[must_use]
    pub fn new(
        mailbox: Mailbox,
        large: LargeMode,
        refer: Refer,
        subscribe: Subscribe,
        trust: Trust,
        domains: &[String],
    ) -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let capabilities = Capabilities {
            methods: words(METHODS),
            schemes: words(&["sip", "sips", "tel"]),
            // What a request may require of whoever takes the message: the user's client, later.
            extensions: words(&[
                "recipient-list-message",
                "pref",
                session_timer::TIMER,
                NO_SUBSCRIPTION,
                LIST,
            ]),
            accept: words(&["*/*"]),
        };
        Self {
            mailbox,
            large,
            refer,
            subscribe,
            trust,
            domains: domains
                .iter()
                .map(|domain| domain.to_ascii_lowercase())
                .collect(),
            capabilities,
        }
    }

    fn capabilities(&self) -> Answer {
        self.capabilities
            .header_fields()
            .into_iter()
            .fold(Answer::new(200), |answer, (name, value)| {
                answer.header(name, value)
            })
            .header("Allow-Events", Subscribe::events())
    }

    fn inspected(&self, refusal: &inspect::Refusal) -> Answer {
        let fields = refusal.header_fields(&self.mailbox.hostname);
        let answer = Answer::new(refusal.status());
        fields
            .into_iter()
            .fold(answer, |answer, (name, value)| answer.header(name, value))
    }

    async fn store(&self, message: &Message, scope: &Scope, trusted: bool) -> Answer {
        let hand_over = HandOver {
            aor: None,
            scope,
            domains: &self.domains,
            trusted,
        };
        match pager::accept(&self.mailbox, message, hand_over).await {
            Ok(_) => Answer::new(202),
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Answer {
        let answer = |status| self.refuse(status, &refusal.to_string());
        match refusal {
            Refusal::Sip(error) => answer(error.sip_status()),
            Refusal::Response | Refusal::UriTooLong(_) => answer(400),
            Refusal::Method(_) => answer(405),
            Refusal::ServedUser { .. }
            | Refusal::Domain(_)
            | Refusal::Store(StoreRefusal::NotServed(_)) => answer(404),
            Refusal::OutOfScope(_) => answer(403),
            Refusal::Store(StoreRefusal::Expired(_)) => answer(480),
            Refusal::Store(StoreRefusal::QuotaExceeded { .. }) => {
                answer(480).header("Retry-After", RETRY_FULL)
            }
            Refusal::Store(StoreRefusal::TooOften(too_often)) => {
                answer(480).header("Retry-After", too_often.seconds().to_string())
            }
            Refusal::Store(StoreRefusal::Store(error)) => {
                tracing::error!(error = %error, "a message could not be stored: {error}");
                // What went wrong inside is for the log alone.
                Answer::new(503).header("Retry-After", RETRY_STORAGE)
            }
        }
    }

    fn refuse(&self, status: u16, why: &str) -> Answer {
        Answer::new(status).warning(&self.mailbox.hostname, why)
    }
}

impl Agent for UserAgent {
    fn admit(&self, request: &Message, origin: &Origin) -> Result<bool, Answer> {
        self.trust.admit(request, origin)
    }

    /// Answers one request. A 202 means that the message is on disk.
    async fn answer(&self, request: Request) -> Answer {
        let message = &request.message;
        let proved = if request.trusted {
            None
        } else {
            match self.trust.prove(message, &request.origin).await {
                Ok(principal) => Some(principal),
                Err(answer) => return answer,
            }
        };
        let proved = proved.as_ref();
        // A request that comes again on another way is not refused as merged (482): it is answered
        // like the first time, which lets gateways fail over.
        if let Err(refusal) = self.capabilities.inspect(message, false, |_, _| true) {
            return self.inspected(&refusal);
        }
        match message.method() {
            Some("OPTIONS") => return self.capabilities(),
            Some("REFER") => {
                return match self.trust.owner(message, proved, TokenScope::Delete) {
                    Ok(owner) => self.refer.answer(&request, &owner).await,
                    Err(answer) => answer,
                };
            }
            Some("SUBSCRIBE") => {
                return self.subscribe.answer(&request, proved, &self.trust).await;
            }
            _ => {}
        }
        let scope = match self.trust.storing(proved) {
            Ok(scope) => scope,
            Err(answer) => return answer,
        };
        match message.method() {
            Some("INVITE") => match self.large.invite(&request, &scope, &self.domains).await {
                Ok(answer) => answer,
                Err(refusal) => self.refused(&refusal),
            },
            Some("BYE" | "UPDATE") => self.large.in_dialog(&request).await,
            _ => self.store(message, &scope, request.trusted).await,
        }
    }
    fn on_fate(&self, dialog: &DialogId, fate: Fate) {
        self.large.on_fate(dialog, fate);
    }
}
