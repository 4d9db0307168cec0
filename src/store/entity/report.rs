//! A delivery report in the outbox.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "report")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The message it is about, which is gone; the account may be, too.
    pub account_id: i64,
    pub number: i64,
    /// `failed`.
    pub kind: String,
    /// Whose the message was.
    pub aor: String,
    /// The domain of that address, which the database makes of it.
    pub domain: Option<String>,
    /// Host part of its Message-ID.
    pub host: String,
    /// Reports of one sender to one target go one after another.
    pub sender_key: String,
    /// The URI it has to be sent to.
    pub target: String,
    /// Why the message went.
    pub reason: String,
    /// The report's own IMDN Message-ID, the same at every attempt.
    pub imdn_message_id: String,
    /// The message/cpim entity.
    pub body: Vec<u8>,
    /// `pending`, `leased`, `sent` or `dead`.
    pub state: String,
    /// How often it was handed out.
    pub attempts: i32,
    /// When it may be handed out next: after its lease, if it has one. None once it has ended.
    pub next_attempt_at: Option<DateTimeUtc>,
    pub lease_until: Option<DateTimeUtc>,
    /// What the last attempt came to.
    pub last_error: Option<String>,
    pub created_at: DateTimeUtc,
    /// When it is given up.
    pub give_up_at: DateTimeUtc,
    /// When it was sent or given up.
    pub ended_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
