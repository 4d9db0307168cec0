//! What is known of a stored message without opening it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    /// `pager` or `large`.
    pub mode: String,
    pub stored_at: DateTimeUtc,
    /// When the sender says it was sent.
    pub sent_at: Option<DateTimeUtc>,
    pub expires_at: DateTimeUtc,
    /// Octets of the content.
    pub size: i64,
    /// Octets kept: the whole request.
    pub stored_size: i64,
    pub from_uri: String,
    pub from_display: Option<String>,
    pub to_uri: String,
    /// Who the network says sent it.
    pub auth_id: Option<String>,
    pub subject: Option<String>,
    pub content_type: Option<String>,
    /// What the content is to a reader: `text`, `image`, `multipart`, …
    pub kind: String,
    pub preview: String,
    pub has_attachments: bool,
    /// Sender, subject and preview in lower case, for searching: SQLite folds no more than ASCII.
    pub from_folded: String,
    pub subject_folded: String,
    pub preview_folded: String,
    /// JSON of the recipient list of a message to several.
    pub recipients: Option<String>,
    /// The sender's IMDN Message-ID (RFC 5438).
    pub imdn_message_id: Option<String>,
    /// Space-separated Disposition-Notification values.
    pub notifications_asked: String,
    /// When a large message was completely received.
    pub completed_at: Option<DateTimeUtc>,
    /// The name of the object that is its content, where that is not in the database.
    pub object: Option<String>,
    /// Its deletion was asked for and becomes final then; until then it may be taken back.
    pub remove_at: Option<DateTimeUtc>,
    /// What asked for it, and which of them.
    pub remove_by_kind: Option<String>,
    pub remove_by_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
