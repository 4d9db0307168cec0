//! Objects that no row names any more: removed out of the way, so that nobody who deletes, reads or sweeps waits for the
//! place where they lie. What is not done when the server stops is left to the sweep of objects
//! ([`Mailbox::sweep_objects`]).

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use super::Mailbox;
use crate::store::objects::Objects;

/// Objects removed at once.
const AT_ONCE: usize = 16;
/// Objects that wait to be removed; more are left to the sweep.
const WAITING: usize = 10_000;

/// Where objects wait to be removed.
#[derive(Debug, Clone)]
pub(super) struct Discards(mpsc::Sender<String>);

impl Discards {
    /// Starts whoever removes. It ends when nothing can come any more.
    pub(super) fn new(objects: Objects) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let names = stream::unfold(waiting, |mut waiting: mpsc::Receiver<String>| async {
                let name = waiting.recv().await?;
                Some((name, waiting))
            });
            names
                .for_each_concurrent(AT_ONCE, |name| remove(&objects, name))
                .await;
        });
        Self(sender)
    }
}

impl Mailbox {
    /// Has objects removed that no row names any more. What fails is left to the sweep.
    pub(super) fn discard(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            if let Err(error) = self.discards.0.try_send(name) {
                let name = error.into_inner();
                tracing::warn!(
                    object = name,
                    "the object {name} is left to the sweep: too many wait to be removed"
                );
            }
        }
    }
}

/// Removes objects, and waits until that is done.
pub(super) async fn remove_all(objects: &Objects, names: Vec<String>) {
    stream::iter(names)
        .for_each_concurrent(AT_ONCE, |name| remove(objects, name))
        .await;
}

async fn remove(objects: &Objects, name: String) {
    if let Err(error) = objects.delete(&name).await {
        tracing::warn!(
            object = name,
            error = %error,
            "the object {name} could not be removed and is left to the sweep: {error}"
        );
    }
}
