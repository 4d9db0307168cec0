//! The rows of a database as they are, read past the server.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use restante::domain::message_id::MessageKey;
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};
use serde_json::Value;

/// An account and its counters.
#[derive(Debug)]
pub struct AccountRow {
    pub id: i64,
    pub aor: String,
    pub next_number: i64,
    pub message_count: i64,
    pub byte_count: i64,
}

/// What is looked at of a message.
#[derive(Debug)]
pub struct MessageRow {
    pub expires_at: DateTime<Utc>,
    pub stored_size: i64,
    pub is_held: bool,
}

/// Something that happened to a message.
#[derive(Debug)]
pub struct EventRow {
    pub kind: String,
    pub at: DateTime<Utc>,
    pub reason: Option<String>,
    pub until: Option<DateTime<Utc>>,
}

/// Everything there is about messages.
#[derive(Debug)]
pub struct Rows {
    pub accounts: Vec<AccountRow>,
    pub messages: BTreeMap<MessageKey, MessageRow>,
    pub contents: BTreeSet<MessageKey>,
    /// How many keys each message has.
    pub retry_keys: HashMap<MessageKey, usize>,
    /// The events of each message, in order.
    pub events: BTreeMap<MessageKey, Vec<EventRow>>,
    /// The reasons of the reports of each message.
    pub reports: HashMap<MessageKey, Vec<String>>,
    /// The reasons of the removals of each message, by the audit.
    pub audited: HashMap<MessageKey, Vec<String>>,
}

async fn query(db: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_all_raw(statement).await.unwrap()
}

fn key(row: &QueryResult) -> MessageKey {
    MessageKey {
        account_id: row.try_get("", "account_id").unwrap(),
        number: row.try_get("", "number").unwrap(),
    }
}

/// How many messages expire at or before `at`, and how many are out of sight.
pub async fn unsettled(db: &DatabaseConnection, at: DateTime<Utc>) -> i64 {
    let sql = "SELECT count(*) AS n FROM message WHERE remove_at IS NOT NULL OR expires_at <= $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [at.into()]);
    let row = db.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}

impl Rows {
    pub async fn read(db: &DatabaseConnection) -> Self {
        let mut rows = Self {
            accounts: accounts(db).await,
            messages: messages(db).await,
            contents: query(db, "SELECT account_id, number FROM message_content")
                .await
                .iter()
                .map(key)
                .collect(),
            retry_keys: HashMap::new(),
            events: events(db).await,
            reports: HashMap::new(),
            audited: audited(db).await,
        };
        for row in query(db, "SELECT account_id, number FROM retry_key").await {
            *rows.retry_keys.entry(key(&row)).or_default() += 1;
        }
        for row in query(db, "SELECT account_id, number, reason FROM report").await {
            let reason = row.try_get("", "reason").unwrap();
            rows.reports.entry(key(&row)).or_default().push(reason);
        }
        rows
    }
}

async fn accounts(db: &DatabaseConnection) -> Vec<AccountRow> {
    let sql = "SELECT id, aor, next_number, message_count, byte_count FROM account ORDER BY id";
    let account = |row: &QueryResult| AccountRow {
        id: row.try_get("", "id").unwrap(),
        aor: row.try_get("", "aor").unwrap(),
        next_number: row.try_get("", "next_number").unwrap(),
        message_count: row.try_get("", "message_count").unwrap(),
        byte_count: row.try_get("", "byte_count").unwrap(),
    };
    query(db, sql).await.iter().map(account).collect()
}

async fn messages(db: &DatabaseConnection) -> BTreeMap<MessageKey, MessageRow> {
    let sql = "SELECT account_id, number, expires_at, stored_size, remove_at FROM message";
    let message = |row: &QueryResult| MessageRow {
        expires_at: row.try_get("", "expires_at").unwrap(),
        stored_size: row.try_get("", "stored_size").unwrap(),
        is_held: row
            .try_get::<Option<DateTime<Utc>>>("", "remove_at")
            .unwrap()
            .is_some(),
    };
    let rows = query(db, sql).await;
    rows.iter().map(|row| (key(row), message(row))).collect()
}

async fn events(db: &DatabaseConnection) -> BTreeMap<MessageKey, Vec<EventRow>> {
    let sql = "SELECT account_id, number, kind, at, reason, until FROM event WHERE number IS NOT NULL ORDER BY tx, id";
    let mut events: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in query(db, sql).await {
        let event = EventRow {
            kind: row.try_get("", "kind").unwrap(),
            at: row.try_get("", "at").unwrap(),
            reason: row.try_get("", "reason").unwrap(),
            until: row.try_get("", "until").unwrap(),
        };
        events.entry(key(&row)).or_default().push(event);
    }
    events
}

async fn audited(db: &DatabaseConnection) -> HashMap<MessageKey, Vec<String>> {
    let sql = "SELECT detail FROM audit_event WHERE action = 'messages.removed'";
    let mut audited: HashMap<_, Vec<_>> = HashMap::new();
    for row in query(db, sql).await {
        let detail: String = row.try_get("", "detail").unwrap();
        let detail: Value = serde_json::from_str(&detail).unwrap();
        let reason = detail["reason"].as_str().unwrap();
        for id in detail["messages"].as_array().unwrap() {
            let key = id.as_str().unwrap().parse().unwrap();
            audited.entry(key).or_default().push(reason.to_owned());
        }
    }
    audited
}
