//! What was said in the SIP sessions that brought large messages.

use bytes::Bytes;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::db::{StoreError, WriteTx};
use super::entity::{account, large_session, message};
use crate::domain::message_id::MessageKey;

/// What was said, as received and as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeSession {
    /// The INVITE.
    pub invite: Bytes,
    /// The 200 response to it.
    pub ok: Bytes,
    /// The head of the MSRP SEND request, up to its content.
    pub send_head: Bytes,
    /// The BYE, once it has come.
    pub bye: Option<Bytes>,
}

impl LargeSession {
    /// Octets of all of it.
    #[must_use]
    pub fn octets(&self) -> usize {
        let bye = self.bye.as_ref().map_or(0, Bytes::len);
        self.invite.len() + self.ok.len() + self.send_head.len() + bye
    }
}

/// Inserts sessions, at least one; their messages are there.
pub(super) async fn insert_all(
    tx: &WriteTx,
    sessions: &[(MessageKey, &LargeSession)],
) -> Result<(), StoreError> {
    let rows = sessions
        .iter()
        .map(|(key, session)| large_session::ActiveModel {
            account_id: Set(key.account_id),
            number: Set(key.number),
            invite: Set(session.invite.to_vec()),
            ok: Set(session.ok.to_vec()),
            send_head: Set(session.send_head.to_vec()),
            bye: Set(session.bye.as_ref().map(|bye| bye.to_vec())),
        });
    large_session::Entity::insert_many(rows)
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// The session that brought a message.
///
/// # Errors
/// When the database fails.
pub async fn find(
    conn: &impl ConnectionTrait,
    key: MessageKey,
) -> Result<Option<LargeSession>, StoreError> {
    let row = large_session::Entity::find_by_id((key.account_id, key.number))
        .one(conn)
        .await?;
    Ok(row.map(|row| LargeSession {
        invite: row.invite.into(),
        ok: row.ok.into(),
        send_head: row.send_head.into(),
        bye: row.bye.map(Bytes::from),
    }))
}

/// Adds the BYE to a session that has none, and its octets to those of the message and the account, which the
/// transaction holds. Says whether it did.
///
/// # Errors
/// When the database fails.
pub async fn add_bye(tx: &WriteTx, key: MessageKey, bye: &Bytes) -> Result<bool, StoreError> {
    use large_session::Column as C;
    let done = large_session::Entity::update_many()
        .col_expr(C::Bye, Expr::value(bye.to_vec()))
        .filter(C::AccountId.eq(key.account_id))
        .filter(C::Number.eq(key.number))
        .filter(C::Bye.is_null())
        .exec(&**tx)
        .await?;
    if done.rows_affected == 0 {
        return Ok(false);
    }
    let octets = i64::try_from(bye.len()).unwrap_or(i64::MAX);
    let stored = message::Column::StoredSize;
    message::Entity::update_many()
        .col_expr(stored, Expr::col(stored).add(octets))
        .filter(message::Column::AccountId.eq(key.account_id))
        .filter(message::Column::Number.eq(key.number))
        .exec(&**tx)
        .await?;
    let held = account::Column::ByteCount;
    account::Entity::update_many()
        .col_expr(held, Expr::col(held).add(octets))
        .filter(account::Column::Id.eq(key.account_id))
        .exec(&**tx)
        .await?;
    Ok(true)
}
