//! DELETE of a `<history>` element of the metadata document: the deletion of its message.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::read::validator;
use super::target::Target;
use super::{ALLOW_READING, Refusal, Xcap};
use crate::domain::message_id::MessageKey;
use crate::mailbox::delete::Reason;
use crate::mailbox::read::list_etag;
use crate::store::accounts::Account;
use crate::web::problem::{PRECONDITION_FAILED, Problem, internal};
use crate::xcap::conditions::{Method, Verdict};
use crate::xcap::document::Document;
use crate::xcap::edit::{self, EditError};
use crate::xcap::selector::{NodeSelector, Selected};
use crate::xcap::usages::deferred_list::NAMESPACE;

/// What is told of everything but a `<history>` element.
const WHY: &str =
    "the server writes this document itself; DELETE a history element to delete its message";

impl Xcap {
    pub(super) async fn delete_deferred(&self, target: &Target<'_>) -> Result<Response, Refusal> {
        let scope = self.caller.deleting()?;
        let Some(node) = target.node()? else {
            self.deferred_list_account(target, &scope).await?;
            return Err(Refusal::NotAllowed(ALLOW_READING, WHY));
        };
        loop {
            let (account, xml) = self.deferred_list(target, &scope).await?;
            let key = self.chosen(&account, &xml, &node)?;
            let is_conditional = !self.preconditions.is_empty();
            let version = is_conditional.then_some(account.list_version);
            let reason = Reason::Requested {
                by: self.caller.principal.actor,
            };
            // Only from the document that was looked at, if that matters.
            let deleted = self.mailbox.delete_at(key, reason, version).await?;
            if let Some(now) = deleted {
                let etag = list_etag(&Account {
                    list_version: now,
                    ..account
                });
                return Ok((StatusCode::OK, validator(&etag)).into_response());
            }
            // Somebody else has changed the document meanwhile: what is asked for may be gone.
        }
    }

    /// The message whose element is selected, if the preconditions hold.
    fn chosen(
        &self,
        account: &Account,
        xml: &str,
        node: &NodeSelector,
    ) -> Result<MessageKey, Refusal> {
        let document =
            Document::parse(xml.as_bytes(), usize::MAX).map_err(|error| internal(&error))?;
        let selected = node.find(document.tree());
        let history = match selected.map_err(|_| Refusal::not_found())? {
            Selected::Element(node) if node.has_tag_name((NAMESPACE, "history")) => node,
            _ => return Err(Refusal::NotAllowed(ALLOW_READING, WHY)),
        };
        let verdict = self
            .preconditions
            .judge(Method::Delete, Some(&list_etag(account)));
        if verdict != Verdict::Proceed {
            return Err(Problem::new(PRECONDITION_FAILED).into());
        }
        // `history[1]` would select the next one afterwards (RFC 4825 section 7.6).
        if let Err(EditError::Conflict(conflict)) = edit::delete(&document, node, |_| Ok(())) {
            return Err(Refusal::Conflict(conflict));
        }
        let id = history.attribute("history-reference").unwrap_or_default();
        id.parse().map_err(|_| Refusal::not_found())
    }
}
