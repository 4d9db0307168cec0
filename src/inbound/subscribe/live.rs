//! One subscription that lives: a task that owns it, tells the subscriber of what changes, and ends with it.

use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::sleep_until;

use super::subject::{Subject, Told};
use super::table::Entry;
use crate::inbound::in_dialog::InDialog;
use crate::mailbox::watch::{Desk, Reader, Resource};
use crate::sip::endpoint::{Answer, Route};
use crate::sip::event::{Bounds, Refusal};
use crate::sip::message::Message;
use crate::sip::places::Place;
use crate::sip::subscription::{Body, Reason, State, Subscription};

/// Octets that fit a datagram, besides the head.
const DATAGRAM: usize = 60_000;
/// Seconds after which to subscribe again when the state cannot be read.
const RETRY_AFTER: u32 = 60;

/// What a subscription is told from outside.
#[derive(Debug)]
pub(super) enum Control {
    /// A SUBSCRIBE has come in its dialog, from whom it may.
    Subscribe(Box<Again>, oneshot::Sender<Result<Answer, Refusal>>),
    /// The server stops.
    Stop,
}

/// A SUBSCRIBE in the dialog.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) message: Message,
    pub(super) route: Route,
    /// Our Contact for its answer.
    pub(super) contact: String,
    /// What it is to from now on, if it says so.
    pub(super) resources: Option<Vec<Resource>>,
}

/// What the next NOTIFY says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tell {
    Nothing,
    Change,
    All,
}

/// A NOTIFY under way, what it says and what the subscriber knows by it.
struct Sent {
    answer: Pin<Box<dyn Future<Output = Option<Message>> + Send>>,
    tell: Tell,
    told: Option<Told>,
}

/// The subscription.
pub(super) struct Live {
    desk: Arc<Desk>,
    in_dialog: InDialog,
    bounds: Bounds,
    reader: Reader,
    subject: Subject,
    subscription: Subscription,
    route: Route,
    tell: Tell,
    sent: Option<Sent>,
    entry: Entry,
    /// Held until it ends.
    _place: Place,
}

/// What it begins with.
pub(super) struct Begun {
    pub(super) bounds: Bounds,
    pub(super) reader: Reader,
    pub(super) subject: Subject,
    pub(super) subscription: Subscription,
    pub(super) route: Route,
    pub(super) entry: Entry,
    pub(super) place: Place,
}

impl Live {
    pub(super) fn new(desk: Arc<Desk>, in_dialog: InDialog, begun: Begun) -> Self {
        let mut subscription = begun.subscription;
        // Who may read is known by now.
        subscription.activate();
        Self {
            desk,
            in_dialog,
            subscription,
            bounds: begun.bounds,
            reader: begun.reader,
            subject: begun.subject,
            route: begun.route,
            tell: Tell::All,
            sent: None,
            entry: begun.entry,
            _place: begun.place,
        }
    }

    /// Lives until it is over. It begins when the SUBSCRIBE has been answered.
    pub(super) async fn run(
        mut self,
        was_answered: oneshot::Receiver<()>,
        mut controls: mpsc::Receiver<Control>,
        news: Arc<Notify>,
    ) {
        if was_answered.await.is_err() {
            return;
        }
        loop {
            let now = Instant::now();
            self.subscription.on_timer(now);
            if self.subscription.is_over() {
                return;
            }
            if self.subscription.is_due(now) {
                if !self.notify().await {
                    return;
                }
                continue;
            }
            let deadline = self.subscription.next_deadline();
            tokio::select! {
                answer = answered(self.sent.as_mut()) => self.on_answer(answer.as_ref()),
                control = controls.recv() => match control {
                    Some(Control::Subscribe(again, reply)) => self.on_subscribe(*again, reply).await,
                    Some(Control::Stop) | None => self.subscription.terminate(Reason::Deactivated, None),
                },
                () = news.notified() => {
                    self.tell = self.tell.max(Tell::Change);
                    self.subscription.changed();
                }
                () = until(deadline) => {}
            }
        }
    }

    /// Sends the NOTIFY that is due, unless there is nothing to say. False if it can go nowhere.
    async fn notify(&mut self) -> bool {
        let mut tell = std::mem::replace(&mut self.tell, Tell::Nothing);
        if matches!(self.subscription.state(), State::Terminated { .. }) && tell != Tell::All {
            tell = Tell::Nothing;
        }
        let is_datagram = self.route.transport == "UDP";
        let mut found = None;
        if tell != Tell::Nothing {
            let (desk, reader) = (&self.desk, &self.reader);
            let most = is_datagram.then_some(DATAGRAM);
            let news = self.subject.news(desk, reader, tell == Tell::All, most);
            match news.await {
                Ok(Some(news)) => found = Some(news),
                Ok(None) => {
                    self.subscription.unchanged(Instant::now());
                    return true;
                }
                Err(error) => {
                    tracing::error!(error = %error, "what a subscription is to could not be read: {error}");
                    let retry_after = Some(RETRY_AFTER);
                    self.subscription.terminate(Reason::Probation, retry_after);
                }
            }
        }
        // What no datagram can carry the subscriber has to fetch.
        let octets = found.as_ref().map(|news| news.octets.as_slice());
        let octets = octets.filter(|octets| !is_datagram || octets.len() <= DATAGRAM);
        let body = octets.map(|octets| Body {
            content_type: self.subject.package().media_type(),
            octets,
        });
        let (subscription, route) = (&mut self.subscription, &mut self.route);
        match self.in_dialog.write_notify(subscription, route, body).await {
            Ok(notify) => {
                let (in_dialog, route) = (self.in_dialog.clone(), self.route.clone());
                self.sent = Some(Sent {
                    answer: Box::pin(async move { in_dialog.ask(notify, route).await.ok() }),
                    tell,
                    told: found.map(|news| news.told),
                });
                true
            }
            Err(why) => {
                tracing::info!("the subscription {} ends: {why}", self.call_id());
                false
            }
        }
    }

    /// The NOTIFY under way has been answered, or never will be.
    fn on_answer(&mut self, answer: Option<&Message>) {
        let Some(sent) = self.sent.take() else {
            return;
        };
        match self.subscription.on_answer(Instant::now(), answer) {
            Ok(()) => {
                if let Some(told) = sent.told {
                    self.subject.told(told);
                }
            }
            Err(why) => {
                // It has not been told.
                self.tell = self.tell.max(sent.tell);
                tracing::info!("a NOTIFY of {} did not arrive: {why}", self.call_id());
            }
        }
    }

    async fn on_subscribe(
        &mut self,
        again: Again,
        reply: oneshot::Sender<Result<Answer, Refusal>>,
    ) {
        let now = Instant::now();
        let granted = self
            .subscription
            .on_subscribe(now, &again.message, &self.bounds);
        let seconds = match granted {
            Ok(seconds) => seconds,
            Err(refusal) => {
                // Whoever asked may be gone.
                let _ = reply.send(Err(refusal));
                return;
            }
        };
        self.route = again.route;
        self.tell = Tell::All;
        if let Some(resources) = again.resources {
            self.subject = Subject::Resources(resources, None);
            self.entry.wait_for(self.subject.interest(&self.reader));
        }
        let (sent, was_sent) = oneshot::channel();
        let answer = Answer::new(200)
            .header("Expires", seconds.to_string())
            .header("Contact", again.contact);
        let _ = reply.send(Ok(answer.telling(sent)));
        let _ = was_sent.await;
    }

    fn call_id(&self) -> &str {
        self.subscription.dialog().call_id()
    }
}

/// The answer to the NOTIFY under way; never, if there is none.
async fn answered(sent: Option<&mut Sent>) -> Option<Message> {
    match sent {
        Some(sent) => sent.answer.as_mut().await,
        None => future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => future::pending().await,
    }
}
