//! Delivery reports for deleted messages (OMA SIMPLE IM TS 12.4.2.7): drafted from what is stored of a message
//! before it goes, and queued by the transaction that removes it ([`super::delete`]).

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::Mailbox;
use super::delete::Reason;
use super::read::message_id;
use crate::clock;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::event::Cause;
use crate::domain::hex::hex;
use crate::domain::message::{Facts, Kind, Mode, Summary};
use crate::domain::message_id::MessageKey;
use crate::domain::report::{
    DeliveryReports, NEGATIVE_DELIVERY, NoReport, Removal, ReportKind, is_due,
};
use crate::mime::cpim::{CPIM_NAMESPACE, Cpim, CpimAddress};
use crate::mime::imdn::ImdnHeaders;
use crate::mime::imdn_write::{FailedDelivery, time};
use crate::mime::original::Original;
use crate::store::StoreError;
use crate::store::accounts::{self, Account};
use crate::store::large;
use crate::store::removal;
use crate::store::reports::NewReport;

/// How many contents are in memory at a time.
const CONTENTS_PER_BATCH: usize = 16;
/// The longest id of a message that is quoted, in octets.
const MAX_MESSAGE_ID: usize = 1024;
/// The longest address that is written to, in octets.
const MAX_ADDRESS: usize = 2048;
/// The most places a report goes along.
const MAX_ROUTES: usize = 16;
/// Random octets in the id of a report (RFC 5438 section 6.3 asks for 4).
const ID_OCTETS: usize = 16;

/// Why a report that is due cannot be written.
#[derive(Debug, thiserror::Error)]
enum DraftError {
    /// What is stored is no message.
    #[error("what is stored cannot be read as a message")]
    Unreadable,
    /// It has neither a Message-ID nor a Call-ID to quote, or one that is too long.
    #[error("the message has no id that can be quoted")]
    NoId,
    /// An address, or the way to it, is longer than is written to.
    #[error("the way to the sender is too long")]
    Address,
}

/// Reports that are due if their messages go.
#[derive(Debug, Default)]
pub(super) struct Drafts(HashMap<MessageKey, Result<NewReport, DraftError>>);

impl Drafts {
    /// The report for a message that has gone. Where there should be one and cannot, the log says why.
    pub(super) fn take(&mut self, key: MessageKey) -> Option<NewReport> {
        match self.0.remove(&key)? {
            Ok(report) => Some(report),
            Err(error) => {
                tracing::warn!(
                    message.id = %key,
                    error = %error,
                    "the sender of message {key} cannot be told that it is gone: {error}"
                );
                None
            }
        }
    }
}

impl Mailbox {
    /// Drafts the reports for those of these messages whose senders are to be told. All that is needed of a content lies in
    /// the database, also if the rest does not.
    ///
    /// # Errors
    /// When the database fails. What cannot be read as a message is no error: it goes without a report.
    pub(super) async fn draft_reports(
        &self,
        keys: &[MessageKey],
        reason: Reason,
    ) -> Result<Drafts, StoreError> {
        let mut drafts = Drafts::default();
        if reason == Reason::Delivered {
            return Ok(drafts);
        }
        let asked = match self.policy.delivery_reports {
            DeliveryReports::Never => return Ok(drafts),
            DeliveryReports::OnRequest => Some(NEGATIVE_DELIVERY),
            DeliveryReports::Always => None,
        };
        let db = self.db.read();
        let asking = removal::asking(db, keys, asked).await?;
        if asking.is_empty() {
            return Ok(drafts);
        }
        let ids = asking.iter().map(|message| message.key.account_id);
        let ids: BTreeSet<i64> = ids.collect();
        let accounts = accounts::with_ids(db, &Scope::All, ids).await?;
        let accounts: HashMap<i64, Account> = accounts.into_iter().map(|a| (a.id, a)).collect();
        for batch in asking.chunks(CONTENTS_PER_BATCH) {
            let keys: Vec<MessageKey> = batch.iter().map(|message| message.key).collect();
            let raws = removal::raws(db, &keys).await?;
            let mut raws: HashMap<MessageKey, Vec<u8>> = raws.into_iter().collect();
            for message in batch {
                // Nothing lies there any more if somebody else has just removed it.
                let raw = raws.remove(&message.key);
                let account = accounts.get(&message.key.account_id);
                let Some((raw, account)) = raw.zip(account) else {
                    continue;
                };
                let writer = Writer {
                    account,
                    policy: self.policy.delivery_reports,
                    cause: reason.cause(),
                    now: self.clock.now(),
                    give_up_after: self.policy.reports_give_up_after,
                };
                let original = self.original(message, raw.into()).await?;
                let draft = match original {
                    Ok(original) => writer.draft(&message.facts, message, &original)?,
                    Err(error) => Some(Err(error)),
                };
                drafts.0.extend(draft.map(|draft| (message.key, draft)));
            }
        }
        Ok(drafts)
    }

    /// What a report needs of a message of which `raw` lies in the database.
    async fn original(
        &self,
        message: &Summary,
        raw: Bytes,
    ) -> Result<Result<Original, DraftError>, StoreError> {
        if message.facts.kind == Kind::Notification {
            // It is not looked into: there is no report on it.
            return Ok(Ok(Original::default()));
        }
        if message.facts.mode == Mode::Pager {
            return Ok(Original::of_pager(raw).ok_or(DraftError::Unreadable));
        }
        let Some(session) = large::find(self.db.read(), message.key).await? else {
            return Ok(Err(DraftError::Unreadable));
        };
        let media_type = message.facts.content_type.as_deref();
        let original = Original::of_large(session.invite, media_type, &raw);
        Ok(original.ok_or(DraftError::Unreadable))
    }
}

/// What the drafts of one removal have in common.
struct Writer<'a> {
    account: &'a Account,
    policy: DeliveryReports,
    cause: Cause,
    now: DateTime<Utc>,
    give_up_after: chrono::TimeDelta,
}

impl Writer<'_> {
    /// The report on a message, if its sender is to be told.
    fn draft(
        &self,
        facts: &Facts,
        message: &Summary,
        original: &Original,
    ) -> Result<Option<Result<NewReport, DraftError>>, StoreError> {
        let cpim = original.cpim.as_ref();
        let sender = sender(facts, cpim);
        let removal = Removal {
            kind: facts.kind,
            has_envelope: cpim.is_some(),
            asked: &facts.notifications_asked,
            senders: &[&facts.from_uri, &sender.uri],
        };
        match is_due(self.policy, &removal) {
            Ok(()) => {}
            // The row says that it was asked for in an envelope, so there is one further on.
            Err(NoReport::NoEnvelope) => return Ok(Some(Err(DraftError::Unreadable))),
            Err(_) => return Ok(None),
        }
        let imdn = cpim.map(ImdnHeaders::read).unwrap_or_default();
        let id = imdn.message_id.as_ref().or(original.call_id.as_ref());
        let Some(id) = id.filter(|id| id.len() <= MAX_MESSAGE_ID) else {
            return Ok(Some(Err(DraftError::NoId)));
        };
        let routes = &imdn.record_routes;
        let target = routes.first().map_or(&facts.from_uri, |route| &route.uri);
        let all = routes.iter().chain([&sender]);
        if routes.len() > MAX_ROUTES || all.into_iter().any(is_too_long) {
            return Ok(Some(Err(DraftError::Address)));
        }
        let report_id = hex(&clock::random::<ID_OCTETS>()?);
        let recipient = recipient(cpim, &self.account.aor);
        let body = FailedDelivery {
            recipient: &recipient,
            sender: &sender,
            routes,
            report_id: &report_id,
            made_at: self.now,
            message_id: id,
            datetime: &datetime(facts, cpim),
            original_recipient: original_recipient(&imdn, cpim, &recipient),
            reason: self.cause.as_str(),
        }
        .write();
        Ok(Some(Ok(NewReport {
            message_id: message_id(self.account, message.key),
            aor: self.account.aor.clone(),
            kind: ReportKind::Failed,
            sender_key: sender_key(&facts.from_uri, target),
            target: target.clone(),
            cause: self.cause,
            imdn_message_id: report_id,
            body: body?,
            created_at: self.now,
            give_up_at: self.now + self.give_up_after,
        })))
    }
}

/// What reports have in common that go one after another: whom they are for and where they are sent. Anybody can write
/// anybody's address into From, and a way that leads nowhere beside it: that holds up nothing else.
fn sender_key(from: &str, target: &str) -> String {
    let sender = Aor::parse(from).map_or_else(|_| from.to_owned(), |aor| aor.to_string());
    format!("{sender} {target}")
}

/// Whom the report is for: From of the envelope, else of the request.
fn sender(facts: &Facts, cpim: Option<&Cpim>) -> CpimAddress {
    let from = cpim.and_then(|cpim| cpim.from.clone());
    from.unwrap_or_else(|| CpimAddress {
        name: facts.from_display.clone(),
        uri: facts.from_uri.clone(),
    })
}

/// Who the report is from: the owner of the account, as the envelope writes it if it does.
fn recipient(cpim: Option<&Cpim>, aor: &Aor) -> CpimAddress {
    let to = cpim.map_or(&[][..], |cpim| &cpim.to);
    let own = to.iter().find(|to| is_at(&to.uri, aor) && !is_too_long(to));
    own.cloned().unwrap_or_else(|| CpimAddress {
        name: None,
        uri: aor.to_string(),
    })
}

/// Whether a URI names the owner of an account; `im:` and `pres:` (RFC 3860, RFC 3859) name who `sip:` does.
fn is_at(uri: &str, aor: &Aor) -> bool {
    let scheme_and_rest = uri.split_once(':');
    let sip = scheme_and_rest
        .filter(|(scheme, _)| {
            ["im", "pres"]
                .iter()
                .any(|s| s.eq_ignore_ascii_case(scheme))
        })
        .map(|(_, rest)| format!("sip:{rest}"));
    Aor::parse(sip.as_deref().unwrap_or(uri)).is_ok_and(|named| named == *aor)
}

/// Whom the sender wrote to: Original-To, else the recipient as it stands in To, else the only address in To.
fn original_recipient<'a>(
    imdn: &'a ImdnHeaders,
    cpim: Option<&'a Cpim>,
    recipient: &'a CpimAddress,
) -> &'a str {
    let to = cpim.map_or(&[][..], |cpim| &cpim.to);
    let chosen = match (&imdn.original_to, to) {
        (Some(original), _) => original,
        (None, [only]) => only,
        (None, _) => recipient,
    };
    if is_too_long(chosen) {
        return &recipient.uri;
    }
    &chosen.uri
}

/// When the message was sent, as its envelope writes it; else as the request says; else when it came.
fn datetime(facts: &Facts, cpim: Option<&Cpim>) -> String {
    let written = cpim
        .filter(|cpim| cpim.date_time.is_some())
        .and_then(|cpim| cpim.value(CPIM_NAMESPACE, "DateTime"));
    written.map_or_else(
        || time(facts.sent_at.unwrap_or(facts.stored_at)),
        |text| text.trim().to_owned(),
    )
}

fn is_too_long(address: &CpimAddress) -> bool {
    let name = address.name.as_ref().map_or(0, String::len);
    address.uri.len() > MAX_ADDRESS || name > MAX_ADDRESS
}
