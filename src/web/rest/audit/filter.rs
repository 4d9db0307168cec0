//! Which entries of the audit are asked for.

use chrono::{DateTime, Datelike, Utc};

use crate::domain::access::{Scope, UnknownName};
use crate::domain::address::Aor;
use crate::mailbox::Mailbox;
use crate::store::audit::Filter;
use crate::web::problem::{INVALID_REQUEST, Problem};

/// The query of an operation on some entries of the audit: what restricts them, and the operation's own parameters.
/// (serde cannot put one structure into another here: in queries numbers are texts.)
macro_rules! query {
    ($(#[$about:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Default, serde::Deserialize, serde::Serialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            /// What was done: `messages.removed`, `message.expiry_changed`, `account.erased`, `report.retried`,
            /// `report.dropped`, `session.sign_in`, `session.sign_out`, `password.changed`, `user.created`, `user.changed`,
            /// `user.removed`, `token.created`, `token.rotated`, `token.revoked`, `setup.used`, `content.opened` or
            /// `content.read`.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[param(example = "messages.removed")]
            action: Option<String>,
            /// How it ended: `done` or `refused`.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[param(pattern = "^(done|refused)$")]
            outcome: Option<String>,
            /// What did it: `system`, `user`, `token`, `owner`, `console` (the command line of a node) or `nobody` (who did not
            /// prove who they are).
            #[serde(skip_serializing_if = "Option::is_none")]
            #[param(pattern = "^(system|user|token|owner|console|nobody)$")]
            actor: Option<String>,
            /// Which one: its number.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[param(example = 3)]
            actor_id: Option<i64>,
            /// To whose account: its address of record.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[param(example = "sip:alice@example.org")]
            account: Option<String>,
            /// The same by its number, which stays when it is erased.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[param(example = 1)]
            account_id: Option<i64>,
            /// At this time or later.
            #[serde(skip_serializing_if = "Option::is_none")]
            since: Option<chrono::DateTime<chrono::Utc>>,
            /// Before this time.
            #[serde(skip_serializing_if = "Option::is_none")]
            until: Option<chrono::DateTime<chrono::Utc>>,
            $($(#[$attribute])* $field: $type,)+
        }

        impl $name {
            /// What the store looks for.
            async fn filter(
                &self,
                mailbox: &$crate::mailbox::Mailbox,
                scope: &$crate::domain::access::Scope,
            ) -> Result<$crate::store::audit::Filter, $crate::web::problem::Problem> {
                $crate::web::rest::audit::filter::Asked {
                    action: self.action.as_deref(),
                    outcome: self.outcome.as_deref(),
                    actor: self.actor.as_deref(),
                    actor_id: self.actor_id,
                    account: self.account.as_deref(),
                    account_id: self.account_id,
                    since: self.since,
                    until: self.until,
                }
                .read(mailbox, scope)
                .await
            }
        }
    };
}
pub(super) use query;

/// Which entries, in the words of a query. What is absent does not restrict.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// What was done.
    pub action: Option<&'a str>,
    /// How it ended.
    pub outcome: Option<&'a str>,
    /// What did it.
    pub actor: Option<&'a str>,
    /// Which one.
    pub actor_id: Option<i64>,
    /// To whose account.
    pub account: Option<&'a str>,
    /// The same by its number.
    pub account_id: Option<i64>,
    /// At this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
}

impl Asked<'_> {
    /// What the store looks for.
    ///
    /// # Errors
    /// A [`Problem`] that names the parameter that cannot be read, or the database fails.
    pub async fn read(self, mailbox: &Mailbox, scope: &Scope) -> Result<Filter, Problem> {
        let asked = self;
        let wrong = |field: &str, why: String| Problem::new(INVALID_REQUEST).field(field, why);
        let unknown = |field| move |error: UnknownName| wrong(field, error.to_string());
        let action = asked.action.map(str::parse).transpose();
        let outcome = asked.outcome.map(str::parse).transpose();
        let actor = asked.actor.map(str::parse).transpose();
        for (name, time) in [("since", asked.since), ("until", asked.until)] {
            if time.is_some_and(|time| !(1..=9999).contains(&time.year())) {
                let why = "expected a year from 0001 to 9999".to_owned();
                return Err(wrong(name, why));
            }
        }
        let aor = asked.account.map(Aor::parse).transpose();
        let aor = aor.map_err(|error| wrong("account", error.to_string()))?;
        let account_id = match aor {
            None => asked.account_id,
            // Nothing was done to an account that is not there.
            Some(aor) => {
                let account = mailbox.find_account(scope, &aor).await?;
                Some(account.map_or(0, |account| account.id))
            }
        };
        Ok(Filter {
            action: action.map_err(unknown("action"))?,
            outcome: outcome.map_err(unknown("outcome"))?,
            actor: actor.map_err(unknown("actor"))?,
            actor_id: asked.actor_id,
            account_id,
            since: asked.since,
            until: asked.until,
        })
    }
}
