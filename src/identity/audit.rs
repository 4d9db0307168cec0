//! What the audit says of people and tokens: numbers, never a name or an address.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Identity, check_name};
use crate::domain::access::Principal;
use crate::domain::audit::{Action, Actor, AuditOutcome, network_of};
use crate::store::audit::{self, NewEntry};
use crate::store::{StoreError, WriteTx, identity as rows};

impl Identity {
    /// The same, for acts of somebody: the audit will say that it was they. Without it, acts are those of whoever runs
    /// commands on this node.
    #[must_use]
    pub fn by(&self, actor: Actor) -> Self {
        Self {
            actor,
            ..self.clone()
        }
    }

    /// Writes an act down, to be kept if the transaction is.
    pub(super) async fn write_down(
        &self,
        tx: &WriteTx,
        action: Action,
        detail: Value,
    ) -> Result<(), StoreError> {
        let entry = NewEntry {
            detail: Some(detail),
            ..NewEntry::of(action, self.actor, self.clock.now())
        };
        audit::insert(tx, entry).await
    }

    /// Writes down that somebody signed in, or failed to as `name`; `way` says where. Of an unknown name nothing is kept,
    /// for people type passwords there; of the address the network.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_sign_in(
        &self,
        name: &str,
        person: Option<&Principal>,
        from: IpAddr,
        way: &'static str,
    ) -> Result<(), StoreError> {
        let network = network_of(from);
        let now = self.clock.now();
        let entry = if let Some(person) = person {
            NewEntry {
                detail: Some(json!({ "way": way, "network": network })),
                ..NewEntry::of(Action::SignIn, person.actor, now)
            }
        } else {
            let known = match check_name(name) {
                Ok(()) => rows::user(self.db.read(), name).await?,
                Err(_) => None,
            };
            let user = known.map_or(json!("unknown"), |user| json!(user.id));
            NewEntry {
                outcome: AuditOutcome::Refused,
                detail: Some(json!({ "way": way, "network": network, "user": user })),
                ..NewEntry::of(Action::SignIn, Actor::NOBODY, now)
            }
        };
        audit::note(&self.db, entry).await
    }

    /// Writes down that a person signed out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_sign_out(&self, person: &Principal) -> Result<(), StoreError> {
        let entry = NewEntry::of(Action::SignOut, person.actor, self.clock.now());
        audit::note(&self.db, entry).await
    }
}
