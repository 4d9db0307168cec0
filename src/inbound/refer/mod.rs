//! Deleting by SIP: a REFER (RFC 3515) whose Refer-To is a Message-ID, from the owner of the message; several by the list of
//! RFC 5368.
//!
//! The messages are deleted before the REFER is answered, so that a 2xx means that it is done. What became of it a NOTIFY
//! says, the first and the last of the subscription that a REFER implies: 200 for a message that was there, 404 for one
//! that was not, or is somebody else's: the two look alike. It follows when the answer has been sent. Who wants no
//! subscription (RFC 4488), and who sends a list, learns that what it named is there no longer, by the 200.
//!
//! The answer with a subscription is 202, as RFC 3515 has it and clients in the field expect it. RFC 7647 section 5 would
//! have 200, and both mean the same to whoever gets them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::in_dialog::InDialog;
use super::trust::Owner;
use crate::domain::audit::{Actor, ActorKind};
use crate::mailbox::Mailbox;
use crate::mailbox::delete::Reason;
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::{Answer, Request, Route};
use crate::sip::event::Event;
use crate::sip::places::{Place, Places};
use crate::sip::status::reason_phrase;
use crate::sip::subscription::{self, Body, Subscription};

mod targets;

pub(in crate::inbound) use targets::{LIST, NO_SUBSCRIPTION};
use targets::{Referred, Refused, Target};

/// The event package (RFC 3515 section 3.1).
const PACKAGE: &str = "refer";
/// The type of what its notifications say (RFC 3420).
const FRAGMENT: &str = "message/sipfrag;version=2.0";
/// Seconds that a subscription might last; its first NOTIFY ends it.
const DURATION: u32 = 60;
/// Subscriptions at once; each lives until its NOTIFY is answered.
const MAX_SUBSCRIPTIONS: usize = 8192;
/// Those of one address among them, which may be a proxy with many users behind it.
const MAX_SUBSCRIPTIONS_EACH: usize = 2048;
/// Seconds after which a peer with too many may come again.
const RETRY_AFTER: &str = "5";

/// Deletes by REFER.
#[derive(Clone)]
pub struct Refer {
    mailbox: Mailbox,
    in_dialog: InDialog,
    subscriptions: Places,
}

/// Whoever is to be told.
struct Subscriber {
    dialog: Dialog,
    route: Route,
    /// Held until it has been told.
    place: Place,
}

impl Refer {
    /// Deletes from this mailbox. `in_dialog` sends the notifications.
    #[must_use]
    pub fn new(mailbox: Mailbox, in_dialog: InDialog) -> Self {
        Self {
            mailbox,
            in_dialog,
            subscriptions: Places::new(MAX_SUBSCRIPTIONS, MAX_SUBSCRIPTIONS_EACH),
        }
    }

    /// Answers a REFER. A 2xx means that what its owner has of it is deleted.
    pub async fn answer(&self, request: &Request, owner: &Owner) -> Answer {
        self.take(request, owner)
            .await
            .unwrap_or_else(|refused| refused)
    }

    async fn take(&self, request: &Request, owner: &Owner) -> Result<Answer, Answer> {
        let refuse = |status, why: &str| self.refuse(status, why);
        let basics = request.message.basics();
        let basics = basics.map_err(|error| refuse(error.sip_status(), &error.to_string()))?;
        if basics.to.tag().is_some() {
            // RFC 7647 section 4.
            return Err(refuse(481, "a REFER comes outside of dialogs"));
        }
        let referred = Referred::of(&request.message).map_err(|why| self.refused(&why))?;
        let subscriber = if referred.is_quiet {
            None
        } else {
            Some(self.subscriber(request)?)
        };
        let deleted = self.delete(&referred.targets, owner).await?;
        let contact = self.in_dialog.contact(request);
        let Some(subscriber) = subscriber else {
            let answer = Answer::new(200).header("Contact", contact);
            return Ok(answer.header("Refer-Sub", "false"));
        };
        let (sent, was_sent) = oneshot::channel();
        let outcome = if deleted > 0 { 200 } else { 404 };
        let notifying = self.clone().notify(subscriber, outcome, was_sent);
        tokio::spawn(notifying);
        Ok(Answer::new(202).header("Contact", contact).telling(sent))
    }

    /// Whoever is to be told, if there is room for one more.
    fn subscriber(&self, request: &Request) -> Result<Subscriber, Answer> {
        let over_tls = matches!(request.origin.transport, "TLS" | "WSS");
        let dialog = Dialog::answering(&request.message, &request.tag, over_tls)
            .map_err(|error| self.refuse(error.sip_status(), &error.to_string()))?;
        let peer = request.origin.source.ip().to_canonical();
        let place = self.subscriptions.take(peer).ok_or_else(|| {
            let refused = self.refuse(503, "too many notifications wait for their answers");
            refused.header("Retry-After", RETRY_AFTER)
        })?;
        Ok(Subscriber {
            dialog,
            route: Route::back(request),
            place,
        })
    }

    /// Deletes what the owner has of these, in one transaction for each account; says how many there were.
    async fn delete(&self, targets: &[Target], owner: &Owner) -> Result<usize, Answer> {
        let ids: BTreeSet<i64> = targets.iter().map(|target| target.key.account_id).collect();
        let accounts = self.mailbox.accounts_with_ids(&owner.scope, ids).await;
        let mut deleted = 0;
        for account in accounts.map_err(|error| failed(&error))? {
            let named = targets.iter().filter(|target| {
                target.key.account_id == account.id
                    && target.host.eq_ignore_ascii_case(&account.host)
            });
            let numbers: BTreeSet<i64> = named.map(|target| target.key.number).collect();
            let numbers: Vec<i64> = numbers.into_iter().collect();
            if numbers.is_empty() {
                continue;
            }
            let own = Actor::of(ActorKind::Owner, account.id);
            let by = owner.token.unwrap_or(own);
            let reason = Reason::Requested { by };
            let removed = self.mailbox.delete(account.id, &numbers, reason).await;
            deleted += removed.map_err(|error| failed(&error))?.len();
        }
        Ok(deleted)
    }

    /// Tells a subscriber what became of it, once it has its answer, and is done with it. What it says to that changes
    /// nothing.
    async fn notify(self, subscriber: Subscriber, outcome: u16, was_sent: oneshot::Receiver<()>) {
        if was_sent.await.is_err() {
            return;
        }
        let Subscriber {
            dialog,
            mut route,
            place,
        } = subscriber;
        let event = Event::of_package(PACKAGE);
        let mut subscription =
            Subscription::new(Instant::now(), dialog, event, DURATION, Duration::ZERO);
        subscription.activate();
        subscription.terminate(subscription::Reason::NoResource, None);
        let line = format!("SIP/2.0 {outcome} {}\r\n", reason_phrase(outcome));
        let body = Body {
            content_type: FRAGMENT,
            octets: line.as_bytes(),
        };
        let told = self
            .in_dialog
            .notify(&mut subscription, &mut route, Some(body))
            .await;
        if let Err(why) = told {
            let call_id = subscription.dialog().call_id();
            tracing::info!("whoever sent the REFER {call_id} was not told of {outcome}: {why}");
        }
        drop(place);
    }

    fn refused(&self, why: &Refused) -> Answer {
        let refused = self.refuse(why.status(), &why.to_string());
        match why.header_field() {
            Some((name, value)) => refused.header(name, value),
            None => refused,
        }
    }

    fn refuse(&self, status: u16, why: &str) -> Answer {
        Answer::new(status).warning(&self.mailbox.hostname, why)
    }
}

/// What went wrong inside is for the log alone.
fn failed(error: &impl std::error::Error) -> Answer {
    tracing::error!(error = %error, "what a REFER names could not be deleted: {error}");
    Answer::new(503).header("Retry-After", super::sip::RETRY_STORAGE)
}
