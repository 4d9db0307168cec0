//! Delivery reports on their way: the outbox. A report outlives its message and may outlive the account, so nothing
//! here refers to either.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, blob, integer, string, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(report()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn report() -> TableCreateStatement {
    Table::create()
        .table("report")
        .col(big_pk_auto("id"))
        .col(big_integer("account_id"))
        .col(big_integer("number"))
        .col(string("kind"))
        .col(string("aor"))
        .col(string("host"))
        .col(text("sender_key"))
        .col(text("target"))
        .col(string("reason"))
        .col(string("imdn_message_id"))
        .col(blob("body"))
        .col(string("state"))
        .col(integer("attempts"))
        .col(timestamp_with_time_zone_null("next_attempt_at"))
        .col(timestamp_with_time_zone_null("lease_until"))
        .col(text_null("last_error"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("give_up_at"))
        .col(timestamp_with_time_zone_null("ended_at"))
        .to_owned()
}

/// Most reports have ended: what is asked for all the time looks only at the others, which have a next attempt.
fn indexes() -> [IndexCreateStatement; 5] {
    let open = || Expr::col("next_attempt_at").is_not_null();
    [
        Index::create()
            .name("report_once")
            .table("report")
            .col("account_id")
            .col("number")
            .col("kind")
            .unique()
            .to_owned(),
        Index::create()
            .name("report_due")
            .table("report")
            .col("next_attempt_at")
            .col("id")
            .and_where(open())
            .to_owned(),
        Index::create()
            .name("report_order")
            .table("report")
            .col("sender_key")
            .col("id")
            .and_where(open())
            .to_owned(),
        Index::create()
            .name("report_state")
            .table("report")
            .col("state")
            .col("id")
            .to_owned(),
        Index::create()
            .name("report_ended")
            .table("report")
            .col("ended_at")
            .and_where(Expr::col("ended_at").is_not_null())
            .to_owned(),
    ]
}
