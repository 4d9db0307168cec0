//! PUT and DELETE (RFC 4825 sections 7.1 to 7.6, 8).

use axum::body::{Body, to_bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::read::validator;
use super::target::{Target, What};
use super::{ALLOW_READING, Refusal, Xcap};
use crate::mailbox::xdms::{Change, ChangeError, ChangeRequest, Changed};
use crate::web::problem::{BODY_TOO_LARGE, Problem, UNSUPPORTED_MEDIA_TYPE};
use crate::xcap::conflict::Condition;
use crate::xcap::selector::NodeSelector;
use crate::xcap::usages::{ServerWritten, Usage};

/// What clients say that mean no type at all: it is their library's.
const FORM: &str = "application/x-www-form-urlencoded";

impl Xcap {
    pub(super) async fn put(&self, body: Body) -> Result<Response, Refusal> {
        let target = self.target()?;
        let What::Kept(usage) = target.what else {
            return Err(self.not_written_by_users(&target).await);
        };
        self.caller.deleting()?;
        let node = target.node()?;
        let media_type = match &node {
            Some(node) => node.kind().media_type(),
            None => target.media_type,
        };
        self.check_media_type(media_type)?;
        let body = self.read(body, usage).await?;
        let document = &target.uri.document;
        if !usage.accepts_name(document.home.tree(), &document.name) {
            let phrase = "No document of this usage has this name.";
            return Err(Refusal::Conflict(
                Condition::ConstraintFailure.because(phrase),
            ));
        }
        let place = self.place_to_write(&target, node.is_none()).await?;
        let change = match &node {
            Some(node) => Change::PutNode(node, &body),
            None => Change::Put(&body),
        };
        self.change(&target, usage, place, change).await
    }

    pub(super) async fn delete(&self) -> Result<Response, Refusal> {
        let target = self.target()?;
        let usage = match target.what {
            What::Kept(usage) => usage,
            What::Written(ServerWritten::DeferredList) => {
                return self.delete_deferred(&target).await;
            }
            What::Written(_) => return Err(self.not_written_by_users(&target).await),
        };
        let place = self.place_to_write(&target, false).await?;
        let node: Option<NodeSelector> = target.node()?;
        let change = node.as_ref().map_or(Change::Delete, Change::DeleteNode);
        self.change(&target, usage, place, change).await
    }

    async fn change(
        &self,
        target: &Target<'_>,
        usage: &dyn Usage,
        place: i64,
        change: Change<'_>,
    ) -> Result<Response, Refusal> {
        let key = target.key(place);
        let request = ChangeRequest {
            key: &key,
            usage,
            tree: target.uri.document.home.tree(),
            root: &self.root,
            change,
            preconditions: &self.preconditions,
        };
        let changed = self.mailbox.change_document(request).await;
        let Changed { created, etag } = changed.map_err(|error| match error {
            ChangeError::Conflict(conflict) => self.absolute(conflict),
            error => error.into(),
        })?;
        let status = if created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let headers = etag.map(|etag| validator(&etag)).unwrap_or_default();
        Ok((status, headers).into_response())
    }

    /// Why nobody writes a document that the server writes, if the caller may know that there is one.
    async fn not_written_by_users(&self, target: &Target<'_>) -> Refusal {
        let known = match &target.what {
            What::Written(ServerWritten::Capabilities) => self.caller.reading().map(|_| ()),
            _ => match self.caller.reading() {
                Ok(scope) => match self.account(target, &scope).await {
                    Ok(_) => Ok(()),
                    Err(refusal) => return refusal,
                },
                Err(problem) => Err(problem),
            },
        };
        match known {
            Err(problem) => problem.into(),
            Ok(()) => Refusal::NotAllowed(
                ALLOW_READING,
                "the server writes this document itself; nobody can put anything into it",
            ),
        }
    }

    /// A Content-Type is wanted, and none but this. Parameters do no harm.
    fn check_media_type(&self, expected: &str) -> Result<(), Refusal> {
        let sent = self.headers.get(header::CONTENT_TYPE);
        let sent = sent.map(|value| value.to_str().unwrap_or_default());
        let sent = sent.map(|value| value.split(';').next().unwrap_or_default().trim());
        let fits = match sent {
            Some(sent) if sent.eq_ignore_ascii_case(expected) => true,
            Some(sent) if !sent.eq_ignore_ascii_case(FORM) => false,
            _ => self.settings.xcap.lenient_content_type,
        };
        if fits {
            return Ok(());
        }
        let detail = format!("expected Content-Type: {expected}");
        Err(Problem::new(UNSUPPORTED_MEDIA_TYPE).detail(detail).into())
    }

    async fn read(&self, body: Body, usage: &dyn Usage) -> Result<Bytes, Refusal> {
        let limit = usage
            .max_document_bytes()
            .unwrap_or(self.mailbox.policy.max_document_bytes);
        let read = to_bytes(body, limit).await;
        read.map_err(|_| {
            let detail = format!("expected {limit} octets at most");
            Problem::new(BODY_TOO_LARGE).detail(detail).into()
        })
    }
}
