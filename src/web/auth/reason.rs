//! Why an operator reads what is somebody else's. Operators see envelopes: who wrote, when, how much. Subjects, texts, parts
//! and documents they see for a reason that the audit keeps: programs give it with each request, in `Restante-Reason`;
//! people type it once for an account, whose content is open to their session for a while then.

use axum::http::HeaderMap;
use chrono::{DateTime, TimeDelta, Utc};
use percent_encoding::percent_decode;
use serde::{Deserialize, Serialize};
use tower_sessions::Session;

use super::session::SessionError;
use crate::domain::access::Principal;
use crate::domain::audit::Actor;
use crate::mailbox::Mailbox;
use crate::mailbox::inspect::Inspected;
use crate::store::accounts::Account;
use crate::web::problem::{INVALID_REQUEST, Problem, REASON_REQUIRED};

/// The header field that gives a reason: UTF-8, percent-encoded.
const HEADER: &str = "restante-reason";
/// How many characters a reason has.
pub const CHARS: std::ops::RangeInclusive<usize> = 10..=500;
/// How long an account's content is open, in minutes.
pub const OPEN_MINUTES: i64 = 15;
/// The session key of what is open.
const OPEN: &str = "open";
/// Accounts that may be open to a session at once; the oldest is closed for a new one.
const MOST_OPEN: usize = 20;

/// An account whose content is open to a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Open {
    account: i64,
    reason: String,
    until: DateTime<Utc>,
    /// The numbers of the messages that were read and written down.
    read: Vec<i64>,
}

/// What a request has to say for itself.
#[derive(Debug, Clone, Default)]
pub struct Given {
    header: Option<Vec<u8>>,
    session: Option<Session>,
}

impl Given {
    /// In the header of a request; `session` is that of its person, if it is a person's.
    #[must_use]
    pub fn of(headers: &HeaderMap, session: Option<Session>) -> Self {
        let header = headers.get(HEADER).map(|value| value.as_bytes().to_vec());
        Self { header, session }
    }

    /// By a person who looks at pages.
    #[must_use]
    pub fn in_session(session: &Session) -> Self {
        Self {
            header: None,
            session: Some(session.clone()),
        }
    }

    /// Goes on only if `principal` may see the content of what lies in an account: its owner, or whoever has given a
    /// reason, which is written down first.
    ///
    /// # Errors
    /// A [`Problem`] when a reason is missing or cannot be read, or the database fails.
    pub async fn allow(
        &self,
        mailbox: &Mailbox,
        principal: &Principal,
        account: &Account,
        what: Inspected<'_>,
    ) -> Result<(), Problem> {
        if self.sees(mailbox, principal, account, what).await? {
            return Ok(());
        }
        Err(Problem::new(REASON_REQUIRED))
    }

    /// Whether `principal` may see that content; if it takes a reason, that was written down.
    ///
    /// # Errors
    /// A [`Problem`] when the reason cannot be read, or the database fails.
    pub async fn sees(
        &self,
        mailbox: &Mailbox,
        principal: &Principal,
        account: &Account,
        what: Inspected<'_>,
    ) -> Result<bool, Problem> {
        if principal.aors.contains(&account.aor) {
            return Ok(true);
        }
        let by = principal.actor;
        if let Some(header) = &self.header {
            let reason = decoded(header)?;
            let noted = mailbox.note_inspection(account.id, what, by, &reason);
            noted.await?;
            return Ok(true);
        }
        let Some(session) = &self.session else {
            return Ok(false);
        };
        let mut all = open(session, mailbox.clock.now()).await?;
        let Some(this) = all.iter_mut().find(|open| open.account == account.id) else {
            return Ok(false);
        };
        // A page and its pictures are one reading; that the list is open was written down when it was opened.
        let was_noted = match what {
            Inspected::Message(key) => this.read.contains(&key.number),
            Inspected::List => true,
            Inspected::Document(_) => false,
        };
        if was_noted {
            return Ok(true);
        }
        let noted = mailbox.note_inspection(account.id, what, by, &this.reason);
        noted.await?;
        if let Inspected::Message(key) = what {
            this.read.push(key.number);
            keep(session, &all).await?;
        }
        Ok(true)
    }
}

/// The reason in a header field.
fn decoded(header: &[u8]) -> Result<String, Problem> {
    let wrong = |why: &str| Problem::new(INVALID_REQUEST).field("Restante-Reason", why);
    let text = percent_decode(header).decode_utf8();
    let text = text.map_err(|_| wrong("expected UTF-8, percent-encoded"))?;
    checked(&text).map_err(wrong)
}

/// A reason without white space round it, if it is one.
///
/// # Errors
/// What is wrong with it.
pub fn checked(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err("a reason is one line");
    }
    if !CHARS.contains(&text.chars().count()) {
        return Err("a reason has 10 to 500 characters");
    }
    Ok(text.to_owned())
}

/// Opens the content of an account to this session for a while, and writes that down.
///
/// # Errors
/// A [`Problem`] when the database fails.
pub async fn open_account(
    mailbox: &Mailbox,
    session: &Session,
    by: Actor,
    account: &Account,
    reason: String,
) -> Result<(), Problem> {
    let now = mailbox.clock.now();
    let noted = mailbox.note_opening(account.id, by, &reason, OPEN_MINUTES);
    noted.await?;
    let mut all = open(session, now).await?;
    all.retain(|open| open.account != account.id);
    if all.len() == MOST_OPEN {
        all.remove(0);
    }
    all.push(Open {
        account: account.id,
        reason,
        until: now + TimeDelta::minutes(OPEN_MINUTES),
        read: Vec::new(),
    });
    Ok(keep(session, &all).await?)
}

/// What is open to a session.
async fn open(session: &Session, now: DateTime<Utc>) -> Result<Vec<Open>, SessionError> {
    let mut all: Vec<Open> = session.get(OPEN).await?.unwrap_or_default();
    all.retain(|open| open.until > now);
    Ok(all)
}

async fn keep(session: &Session, all: &[Open]) -> Result<(), SessionError> {
    Ok(session.insert(OPEN, all).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_line_of_some_length() {
        let long = "x".repeat(501);
        for bad in [
            "",
            "  short  ",
            "123456789",
            "two\nlines of text",
            "nul\0 in the text",
            &long,
        ] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
        assert_eq!(checked("  Störung 4711 \n").unwrap(), "Störung 4711");
        assert!(checked(&long[1..]).is_ok());
        assert_eq!(decoded(b"St%C3%B6rung%204711").unwrap(), "Störung 4711");
        assert_eq!(decoded(b"Ticket 4711, 100%").unwrap(), "Ticket 4711, 100%");
        assert!(decoded(b"ticket %FF%FF%FF").is_err());
        assert!(decoded(b"St\xf6rung 4711 in Latin-1").is_err());
    }
}
