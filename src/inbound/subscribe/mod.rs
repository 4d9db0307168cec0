//! Notification by SIP (SUBSCRIBE, RFC 6665): of XCAP documents that change (`xcap-diff`, RFC 5875), of the metadata
//! document itself (`ua-profile`, `sip-profile`), and of how many messages wait (`message-summary`, RFC 3842).
//!
//! | module | what |
//! | --- | --- |
//! | `subject` | the event packages: what is subscribed to, and what is told of it |
//! | `live` | one subscription: a task |
//! | `table` | all of them, by dialog and by whose changes they wait for |
//!
//! What there is of the resources of an `xcap-diff` subscription [`crate::mailbox::watch`] finds out.
//!
//! Documents are told by their entity tags (`no-patching`), which a notifier may do whatever the subscriber would like
//! (RFC 5875 section 4.7). What is told is worked out when it is sent, from what is stored then, so that it makes no
//! difference which node made a change, and changes meanwhile become one NOTIFY.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::time::timeout;

use super::in_dialog::InDialog;
use super::trust::Trust;
use crate::domain::access::{Principal, Scope, TokenScope};
use crate::domain::address::Aor;
use crate::mailbox::Mailbox;
use crate::mailbox::feed::{Feed, Listener};
use crate::mailbox::watch::{Desk, Interest, Reader, Resource};
use crate::mime::resource_lists::RecipientList;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::endpoint::{Answer, Request, Route};
use crate::sip::event::{Bounds, Event, Refusal};
use crate::sip::inspect;
use crate::sip::message::{Message, StartLine};
use crate::sip::places::Places;
use crate::sip::subscription::Subscription;
use crate::xcap::usages::Registry;

mod live;
mod subject;
mod table;

use live::{Again, Begun, Control, Live};
use subject::{Package, Subject};
use table::{Entry, Seat, Table};

/// The type of a list of resources.
const LIST: &str = "application/resource-lists+xml";
/// Resources of one subscription.
const MAX_RESOURCES: usize = 100;
/// Subscriptions of one user.
const MAX_OF_OWNER: usize = 50;
/// What waits for one subscription.
const CONTROLS_WAITING: usize = 4;
/// Seconds after which whoever found no room may come again.
const RETRY_AFTER: &str = "60";
/// How long it is listened for news after the last subscription has ended.
const IDLE: Duration = Duration::from_secs(30);

/// Bounds of subscriptions.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long each may last.
    pub bounds: Bounds,
    /// The least time between a NOTIFY and one that tells of a change.
    pub pace: Duration,
    /// All of them, and each peer's share.
    pub places: Places,
    /// The absolute URI of the XCAP root.
    pub root: String,
    /// The paths of the XCAP root and of its aliases.
    pub roots: Vec<String>,
}

/// Takes subscriptions.
#[derive(Clone)]
pub struct Subscribe {
    desk: Arc<Desk>,
    feed: Feed,
    in_dialog: InDialog,
    settings: Arc<Settings>,
    table: Table,
    /// Whether a task listens for news. Held while that is being changed.
    listening: Arc<Mutex<bool>>,
    stopping: Arc<AtomicBool>,
}

impl Subscribe {
    /// Tells of what is in this mailbox, and of what `feed` says. `in_dialog` sends the notifications.
    #[must_use]
    pub fn new(
        mailbox: Mailbox,
        usages: Arc<Registry>,
        feed: Feed,
        in_dialog: InDialog,
        settings: Settings,
    ) -> Self {
        let desk = Desk {
            mailbox,
            usages,
            root: format!("{}/", settings.root),
            roots: settings.roots.clone(),
        };
        Self {
            desk: Arc::new(desk),
            feed,
            in_dialog,
            settings: Arc::new(settings),
            table: Table::default(),
            listening: Arc::default(),
            stopping: Arc::default(),
        }
    }

    /// The value of Allow-Events: the event packages that can be subscribed to.
    #[must_use]
    pub fn events() -> String {
        Package::names()
    }

    /// Ends all subscriptions, so that their subscribers come again; waits for them no longer than `patience`.
    pub async fn stop(&self, patience: Duration) {
        self.stopping.store(true, Ordering::Relaxed);
        let controls = self.table.controls();
        let ended = async {
            for control in &controls {
                // One that is over does not hear it.
                let _ = control.send(Control::Stop).await;
            }
            for control in &controls {
                control.closed().await;
            }
        };
        if timeout(patience, ended).await.is_err() {
            tracing::warn!("stopping with subscribers that do not answer");
        }
    }

    /// Answers a SUBSCRIBE of whoever `trust` says it is.
    pub async fn answer(
        &self,
        request: &Request,
        proved: Option<&Principal>,
        trust: &Trust,
    ) -> Answer {
        self.take(request, proved, trust)
            .await
            .unwrap_or_else(|refused| refused)
    }

    async fn take(
        &self,
        request: &Request,
        proved: Option<&Principal>,
        trust: &Trust,
    ) -> Result<Answer, Answer> {
        let message = &request.message;
        let basics = message.basics();
        let basics = basics.map_err(|error| self.refuse(error.sip_status(), &error.to_string()))?;
        let event = Event::of(message);
        let event = event.map_err(|error| self.refuse(error.sip_status(), &error.to_string()))?;
        let package = event.as_ref().and_then(|event| Package::of(&event.package));
        let (Some(event), Some(package)) = (event, package) else {
            let refused = self.refuse(489, "there is no such event here");
            return Err(refused.header("Allow-Events", Self::events()));
        };
        let media_type = package.media_type();
        if !inspect::accepts(message, media_type).unwrap_or(package.is_by_default()) {
            let refused = self.refuse(406, &format!("what is told is {media_type}"));
            return Err(refused.header("Accept", media_type));
        }
        if basics.to.tag().is_some() {
            return self.again(request, package, proved, trust).await;
        }
        let owner = trust.owner(message, proved, TokenScope::Read)?;
        let own = match &owner.scope {
            Scope::Aors(own) | Scope::Domains { aors: own, .. } => own.clone(),
            Scope::All => proved.map_or_else(Vec::new, |proved| proved.aors.clone()),
        };
        let scope = owner.scope;
        let subject = self.subject(package, message, Reader { scope, own })?;
        self.begin(request, event, subject).await
    }

    /// What a SUBSCRIBE is to.
    fn subject(
        &self,
        package: Package,
        message: &Message,
        reader: Reader,
    ) -> Result<(Subject, Reader), Answer> {
        if package == Package::XcapDiff {
            let resources = self.resources(message)?;
            let resources =
                resources.ok_or_else(|| self.refuse(400, "a list of resources is needed"))?;
            return Ok((Subject::Resources(resources, None), reader));
        }
        // The Request-URI may name the server, or a number that people call for their messages.
        let named = match message.start() {
            StartLine::Request { uri, .. } => Aor::parse(uri).ok(),
            StartLine::Status { .. } => None,
        };
        let named = named.filter(|named| reader.scope.covers(named));
        let aor = named.or_else(|| reader.own.first().cloned());
        let aor = aor.ok_or_else(|| self.refuse(404, "no mailbox is named"))?;
        let subject = match package {
            Package::MessageSummary => Subject::Count(aor, None),
            Package::Profile | Package::XcapDiff => Subject::List(aor, None),
        };
        Ok((subject, reader))
    }

    /// The list of resources in a SUBSCRIBE, if it has one.
    fn resources(&self, message: &Message) -> Result<Option<Vec<Resource>>, Answer> {
        let body = message.body();
        if body.is_empty() {
            return Ok(None);
        }
        let is_list = message
            .content_type()
            .is_ok_and(|found| found.is_some_and(|found| found.essence() == LIST));
        if !is_list {
            let refused = self.refuse(415, "a list of resources is needed");
            return Err(refused.header("Accept", LIST));
        }
        let list = RecipientList::parse(&body, false);
        let list = list.map_err(|error| self.refuse(400, &error.to_string()))?;
        if list.truncated || list.recipients.len() > MAX_RESOURCES {
            let why = format!("a subscription is to {MAX_RESOURCES} resources at most");
            return Err(self.refuse(413, &why));
        }
        let uris = list.recipients.iter().map(|entry| &entry.uri);
        let read = uris.filter_map(|uri| Resource::read(uri, &self.desk));
        Ok(Some(read.collect()))
    }

    async fn begin(
        &self,
        request: &Request,
        event: Event,
        (subject, reader): (Subject, Reader),
    ) -> Result<Answer, Answer> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(self.unavailable("the server is stopping"));
        }
        let bounds = self.settings.bounds;
        let seconds = bounds.grant(&request.message);
        let seconds = seconds.map_err(|why| self.refused(&why))?;
        let over_tls = matches!(request.origin.transport, "TLS" | "WSS");
        let dialog = Dialog::answering(&request.message, &request.tag, over_tls)
            .map_err(|error| self.refuse(error.sip_status(), &error.to_string()))?;
        let owner = reader.own.first().cloned();
        let has_many = |owner| self.table.count(owner) >= MAX_OF_OWNER;
        let peer = request.origin.source.ip().to_canonical();
        let place = self.settings.places.take(peer);
        let place = place.filter(|_| !owner.as_ref().is_some_and(has_many));
        let place = place.ok_or_else(|| self.unavailable("there are too many subscriptions"))?;
        let (control, controls) = mpsc::channel(CONTROLS_WAITING);
        let news = Arc::new(Notify::new());
        let seat = Seat {
            control,
            news: Arc::clone(&news),
            package: subject.package(),
            reader: reader.clone(),
            owner,
        };
        let interest = subject.interest(&reader);
        let entry = self.enter(dialog.id().clone(), seat, interest).await;
        let now = Instant::now();
        let begun = Begun {
            bounds,
            reader,
            subject,
            subscription: Subscription::new(now, dialog, event, seconds, self.settings.pace),
            route: Route::back(request),
            entry: entry?,
            place,
        };
        let live = Live::new(Arc::clone(&self.desk), self.in_dialog.clone(), begun);
        let (answered, was_answered) = oneshot::channel();
        tokio::spawn(live.run(was_answered, controls, news));
        Ok(Answer::new(200)
            .header("Expires", seconds.to_string())
            .header("Contact", self.in_dialog.contact(request))
            .telling(answered))
    }

    /// Answers a SUBSCRIBE in the dialog of a subscription.
    async fn again(
        &self,
        request: &Request,
        package: Package,
        proved: Option<&Principal>,
        trust: &Trust,
    ) -> Result<Answer, Answer> {
        let message = &request.message;
        let dialog = DialogId::of_request(message);
        let dialog = dialog.map_err(|error| self.refuse(error.sip_status(), &error.to_string()))?;
        let over = || self.refused(&Refusal::Unknown);
        let seat = self.table.seat(&dialog).ok_or_else(over)?;
        // Proxies need not assert anybody in a dialog, whose name nobody else can guess.
        let is_silent = request.trusted && message.header("P-Asserted-Identity").is_none();
        if !is_silent {
            let owner = trust.owner(message, proved, TokenScope::Read)?;
            if !is_same(&seat.reader.scope, &owner.scope) {
                return Err(self.refuse(403, "this subscription is somebody else's"));
            }
        }
        if seat.package != package {
            return Err(over());
        }
        let resources = match package {
            Package::XcapDiff => self.resources(message)?,
            Package::Profile | Package::MessageSummary => None,
        };
        let again = Again {
            message: message.clone(),
            route: Route::back(request),
            contact: self.in_dialog.contact(request),
            resources,
        };
        let (reply, replied) = oneshot::channel();
        let control = Control::Subscribe(Box::new(again), reply);
        seat.control.send(control).await.map_err(|_| over())?;
        let answer = replied.await.map_err(|_| over())?;
        answer.map_err(|why| self.refused(&why))
    }

    /// Takes a subscription up, and sees to it that news are listened for: what happens from now on is heard.
    async fn enter(
        &self,
        dialog: DialogId,
        seat: Seat,
        interest: Interest,
    ) -> Result<Entry, Answer> {
        let mut is_listening = self.listening.lock().await;
        if !*is_listening {
            let listener = self.feed.listen().await;
            let listener = listener.map_err(|error| {
                // What went wrong inside is for the log alone.
                tracing::error!(error = %error, "a subscription could not begin: {error}");
                self.unavailable("news cannot be had now")
            })?;
            let listener = listener.ok_or_else(|| self.unavailable("the server is stopping"))?;
            tokio::spawn(self.clone().listen(listener));
            *is_listening = true;
        }
        Ok(self.table.insert(dialog, seat, interest))
    }

    /// Wakes subscriptions as long as there are any.
    async fn listen(self, mut listener: Listener) {
        loop {
            match timeout(IDLE, listener.news.recv()).await {
                Ok(Ok(news)) => self.table.wake(&news),
                Ok(Err(RecvError::Lagged(_))) => self.table.wake_all(),
                Ok(Err(RecvError::Closed)) => break,
                Err(_) => {
                    let mut is_listening = self.listening.lock().await;
                    if self.table.is_empty() {
                        *is_listening = false;
                        return;
                    }
                }
            }
        }
        *self.listening.lock().await = false;
    }

    fn refused(&self, why: &Refusal) -> Answer {
        let refused = self.refuse(why.status(), &why.to_string());
        match why.header_field() {
            Some((name, value)) => refused.header(name, value),
            None => refused,
        }
    }

    fn unavailable(&self, why: &str) -> Answer {
        self.refuse(503, why).header("Retry-After", RETRY_AFTER)
    }

    fn refuse(&self, status: u16, why: &str) -> Answer {
        Answer::new(status).warning(&self.desk.mailbox.hostname, why)
    }
}

/// Whether two scopes may be one subscriber's: a proxy may assert only some of its addresses.
fn is_same(one: &Scope, other: &Scope) -> bool {
    match (one, other) {
        (Scope::All, Scope::All) => true,
        (Scope::Aors(one), Scope::Aors(other)) => one.iter().any(|aor| other.contains(aor)),
        (Scope::Domains { domains: one, .. }, Scope::Domains { domains: other, .. }) => {
            one == other
        }
        _ => false,
    }
}
