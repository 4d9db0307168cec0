//! What a list shows of a message: everything that is known without opening it, the fields that were asked for, or more.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::message::Summary;
use crate::mailbox::Mailbox;
use crate::store::accounts::Account;
use crate::web::letter::Letter;
use crate::web::problem::{INVALID_REQUEST, Problem};
use crate::web::rest::view::{HeaderView, MessageView, PartView, message_path};

/// The fields that `fields` may name.
const FIELDS: [&str; 22] = [
    "id",
    "message_id",
    "account",
    "mode",
    "kind",
    "from",
    "to",
    "asserted_identity",
    "sealed",
    "subject",
    "preview",
    "content_type",
    "size",
    "stored_size",
    "has_attachments",
    "completed_at",
    "sent_at",
    "stored_at",
    "expires_at",
    "recipients",
    "imdn_message_id",
    "notifications_asked",
];
/// The most messages that are opened for one page.
pub const MOST_OPENED: u64 = 100;

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessagePage {
    /// The messages, in the order that was asked for.
    pub items: Vec<ListedMessage>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
    /// How many there are on all pages; only with `include=total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Total>,
}

/// How many messages there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Total {
    /// Their number.
    #[schema(example = 12)]
    pub count: u64,
    /// Whether that is all of them; else there are at least so many.
    pub is_exact: bool,
}

impl Total {
    /// Counting ends here.
    pub const MOST: u64 = 10_000;

    /// What was counted up to one more than [`Self::MOST`].
    #[must_use]
    pub fn of(counted: u64) -> Self {
        Self {
            count: counted.min(Self::MOST),
            is_exact: counted <= Self::MOST,
        }
    }
}

/// A message in a list.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ListedMessage {
    /// All that is known without opening it.
    Whole(Box<MessageView>),
    /// What was asked for.
    Chosen(Map<String, Value>),
}

impl PartialSchema for ListedMessage {
    /// The schema of a message of which only the id is always there.
    fn schema() -> RefOr<Schema> {
        let mut schema = MessageView::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.required = vec!["id".to_owned()];
            object.description = Some(
                "A message in a list: all its fields, or those that `fields` names; with `include` also `headers` and `parts`."
                    .to_owned(),
            );
            for (name, of) in [("headers", HeaderView::name()), ("parts", PartView::name())] {
                let array = ArrayBuilder::new().items(Ref::from_schema_name(of));
                object
                    .properties
                    .insert(name.to_owned(), RefOr::T(array.build().into()));
            }
        }
        schema
    }
}

impl ToSchema for ListedMessage {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ListedMessage")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        MessageView::schemas(schemas);
        for (name, schema) in [
            (HeaderView::name(), HeaderView::schema()),
            (PartView::name(), PartView::schema()),
        ] {
            schemas.push((name.into_owned(), schema));
        }
    }
}

/// What is shown of each message, and besides.
#[derive(Debug, Default)]
pub struct Shown {
    fields: Option<Vec<String>>,
    headers: bool,
    parts: bool,
    /// How many there are.
    pub total: bool,
}

impl Shown {
    /// Reads the parameters `fields` and `include`.
    ///
    /// # Errors
    /// A [`Problem`] that names what is not known.
    pub fn read(fields: Option<&str>, include: Option<&str>) -> Result<Self, Problem> {
        let mut shown = Self::default();
        for word in include.into_iter().flat_map(|words| words.split(',')) {
            match word {
                "headers" => shown.headers = true,
                "parts" => shown.parts = true,
                "total" => shown.total = true,
                _ => return Err(unknown("include", word, &["headers", "parts", "total"])),
            }
        }
        if let Some(fields) = fields {
            let names: Vec<String> = fields.split(',').map(str::to_owned).collect();
            if let Some(name) = names.iter().find(|name| !FIELDS.contains(&name.as_str())) {
                return Err(unknown("fields", name, &FIELDS));
            }
            shown.fields = Some(names);
        }
        Ok(shown)
    }

    /// Whether messages have to be opened.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.headers || self.parts
    }

    /// Shows messages of an account, without what they say if they are `sealed`. One that goes meanwhile is left as it was
    /// listed.
    ///
    /// # Errors
    /// A [`Problem`] when the database fails.
    pub async fn show(
        &self,
        mailbox: &Mailbox,
        account: &Account,
        messages: &[Summary],
        sealed: bool,
    ) -> Result<Vec<ListedMessage>, Problem> {
        let mut items = Vec::with_capacity(messages.len());
        for message in messages {
            items.push(self.show_one(mailbox, account, message, sealed).await?);
        }
        Ok(items)
    }

    async fn show_one(
        &self,
        mailbox: &Mailbox,
        account: &Account,
        message: &Summary,
        sealed: bool,
    ) -> Result<ListedMessage, Problem> {
        let view = MessageView::new(account, message, sealed);
        if !self.opens() && self.fields.is_none() {
            return Ok(ListedMessage::Whole(Box::new(view)));
        }
        let mut chosen = match serde_json::to_value(view) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        if let Some(fields) = &self.fields {
            chosen.retain(|name, _| name == "id" || fields.contains(name));
        }
        if self.opens() {
            self.open(mailbox, account, message, &mut chosen).await?;
        }
        Ok(ListedMessage::Chosen(chosen))
    }

    async fn open(
        &self,
        mailbox: &Mailbox,
        account: &Account,
        message: &Summary,
        chosen: &mut Map<String, Value>,
    ) -> Result<(), Problem> {
        let Some(opened) = mailbox.open(account, message.key).await? else {
            return Ok(());
        };
        let letter = Letter::open(mailbox, opened).await?;
        if self.headers {
            let headers: Vec<HeaderView> = letter.headers().map(HeaderView::from).collect();
            chosen.insert("headers".to_owned(), json(&headers));
        }
        if self.parts {
            let path = message_path(account, Some(&message.key.to_string()));
            let parts = letter.parts().iter();
            let parts: Vec<PartView> = parts.map(|part| PartView::new(part, &path)).collect();
            chosen.insert("parts".to_owned(), json(&parts));
        }
        Ok(())
    }
}

/// It has nothing that cannot be written as JSON.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn unknown(parameter: &str, word: &str, known: &[&str]) -> Problem {
    let detail = format!("unknown: {word:?}; expected some of {}", known.join(", "));
    Problem::new(INVALID_REQUEST).field(parameter, detail)
}
