//! Requests of ours inside dialogs that peers began: BYE, UPDATE, NOTIFY.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::clock;
use crate::domain::hex::hex;
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::{Request, Route, Unanswered, Ways};
use crate::sip::message::{Message, StartLine};
use crate::sip::subscription::{Body, Subscription, Undelivered};
use crate::sip::transaction::key::MAGIC_COOKIE;

/// Sends requests in dialogs.
#[derive(Debug, Clone)]
pub struct InDialog {
    ways: Ways,
    /// What the branches of our requests begin with.
    branch: Arc<str>,
    hostname: Arc<str>,
}

impl InDialog {
    /// `secret` is one of this process, by which it knows its own requests; `hostname` our name where we listen on every
    /// address.
    #[must_use]
    pub fn new(ways: Ways, secret: [u8; 8], hostname: Arc<str>) -> Self {
        Self {
            ways,
            branch: format!("{MAGIC_COOKIE}{}", hex(&secret)).into(),
            hostname,
        }
    }

    /// What the branches of our own requests begin with.
    #[must_use]
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The way that the next request takes, if there is one; see [`Ways::follow`].
    pub async fn reach(&self, dialog: &Dialog, route: Route) -> Option<Route> {
        self.ways.follow(dialog, route).await
    }

    /// Sends a request and waits for its final response.
    ///
    /// # Errors
    /// [`Unanswered`] says why there is none.
    pub async fn ask(&self, request: Bytes, route: Route) -> Result<Message, Unanswered> {
        self.ways.outgoing().ask(request, route).await
    }

    /// Sends the NOTIFY that is due in a subscription, and takes the answer. `route` is how the subscriber was last
    /// reached.
    ///
    /// # Errors
    /// [`Undelivered`], for the log; [`Subscription::is_over`] says what follows.
    pub async fn notify(
        &self,
        subscription: &mut Subscription,
        route: &mut Route,
        body: Option<Body<'_>>,
    ) -> Result<(), Undelivered> {
        let notify = self.write_notify(subscription, route, body).await?;
        let answer = self.ask(notify, route.clone()).await;
        subscription.on_answer(Instant::now(), answer.as_ref().ok())
    }

    /// Writes the NOTIFY that is due in a subscription. `route` becomes the way that it takes.
    ///
    /// # Errors
    /// [`Undelivered`] if it can go nowhere: the subscription is to be given up.
    pub async fn write_notify(
        &self,
        subscription: &mut Subscription,
        route: &mut Route,
        body: Option<Body<'_>>,
    ) -> Result<Bytes, Undelivered> {
        let found = self.reach(subscription.dialog(), route.clone()).await;
        *route = found.ok_or(Undelivered::Silence)?;
        let contact = self.contact_at(route, subscription.dialog().is_secure());
        let via = self.via(route).ok_or(Undelivered::Silence)?;
        let written = subscription.notify(Instant::now(), &via, &contact, body);
        written.map_err(|error| {
            tracing::warn!("a NOTIFY cannot be written: {error}");
            Undelivered::Silence
        })
    }

    /// The Via of a request on this way, with a new branch; `None` if the system has no randomness to give.
    #[must_use]
    pub fn via(&self, route: &Route) -> Option<String> {
        let branch = hex(&clock::random::<8>().ok()?);
        let (transport, sent_by) = (route.transport, self.sent_by(route));
        let own = &self.branch;
        Some(format!(
            "SIP/2.0/{transport} {sent_by};rport;branch={own}{branch}"
        ))
    }

    /// Our Contact, for requests that come the way this one came; with the brackets.
    #[must_use]
    pub fn contact(&self, request: &Request) -> String {
        let StartLine::Request { uri, .. } = request.message.start() else {
            return self.contact_at(&Route::back(request), false);
        };
        let scheme = uri.split(':').next().unwrap_or_default();
        let secure = matches!(request.origin.transport, "TLS" | "WSS")
            && scheme.eq_ignore_ascii_case("sips");
        self.contact_at(&Route::back(request), secure)
    }

    /// Our Contact, for a peer on this way; a SIPS URI if every hop has to be TLS (RFC 3261 section 12.1.1).
    fn contact_at(&self, route: &Route, secure: bool) -> String {
        if secure {
            return format!("<sips:{}>", self.sent_by(route));
        }
        let transport = match route.transport {
            "UDP" => String::new(),
            other => format!(";transport={}", other.to_ascii_lowercase()),
        };
        format!("<sip:{}{transport}>", self.sent_by(route))
    }

    fn sent_by(&self, route: &Route) -> String {
        let local = route.local;
        if local.ip().is_unspecified() {
            format!("{}:{}", self.hostname, local.port())
        } else {
            local.to_string()
        }
    }
}
