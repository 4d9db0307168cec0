//! When tokens were used: written down once a minute at most, beside the request and not before it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::Identity;
use crate::domain::audit::{Actor, ActorKind};
use crate::store::{StoreError, tokens};

/// How exactly the last use is known.
const EXACT_TO: TimeDelta = TimeDelta::minutes(1);
/// The last uses of so many tokens are remembered.
const MOST: usize = 100_000;

/// When this node has last noted the use of each token.
#[derive(Debug, Default)]
pub(super) struct LastUse(Mutex<HashMap<i64, DateTime<Utc>>>);

impl LastUse {
    /// Whether the use of a token is to be noted now; whoever is told so notes it.
    fn is_due(&self, token: i64, now: DateTime<Utc>) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |at: &DateTime<Utc>| (*at - now).abs() < EXACT_TO;
        if noted.get(&token).is_some_and(is_fresh) {
            return false;
        }
        if noted.len() >= MOST {
            noted.retain(|_, at| is_fresh(at));
        }
        noted.insert(token, now);
        true
    }
}

impl Identity {
    /// Notes that somebody has used a token, if it is one who has.
    pub fn note_use_by(&self, actor: Actor) {
        if let (ActorKind::Token, Some(id)) = (actor.kind, actor.id) {
            self.note_use(id);
        }
    }

    pub(super) fn note_use(&self, token: i64) {
        let now = self.clock.now();
        if !self.last_use.is_due(token, now) {
            return;
        }
        let db = self.db.clone();
        tokio::spawn(async move {
            let noted = async {
                let tx = db.write().await?;
                tokens::touch(&tx, token, now - EXACT_TO, now).await?;
                tx.commit().await
            };
            let noted: Result<(), StoreError> = noted.await;
            if let Err(error) = noted {
                tracing::warn!(error = %error, "the use of token {token} could not be noted: {error}");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let last_use = LastUse::default();
        let at = |seconds| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(seconds);
        assert!(last_use.is_due(1, at(0)));
        assert!(!last_use.is_due(1, at(59)));
        assert!(last_use.is_due(2, at(59)));
        assert!(last_use.is_due(1, at(60)));
        assert!(!last_use.is_due(1, at(61)));
    }
}
