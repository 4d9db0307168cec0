//! Who reaches what, and for how long: domains that operators and gateways are bound to, people who may not sign in for
//! now, tokens that people have made for themselves, their last use, and the secret that one had before.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, string, string_null, timestamp_with_time_zone_null,
};
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, then) in [("account", "aor"), ("report", "id")] {
            add_domain(manager, table).await?;
            let index = Index::create()
                .name(format!("{table}_domain"))
                .table(table)
                .col("domain")
                .col(then)
                .to_owned();
            manager.create_index(index).await?;
        }
        for (table, owner_id, owner) in [
            ("principal_domain", "principal_id", "principal"),
            ("api_token_domain", "token_id", "api_token"),
        ] {
            let bound = bound_domains(table, owner_id, owner);
            manager.create_table(bound).await?;
        }
        // One statement for each column: SQLite adds no more at once.
        for (table, column) in [
            ("principal", timestamp_with_time_zone_null("disabled_at")),
            ("principal", timestamp_with_time_zone_null("enabled_at")),
            ("api_token", big_integer_null("owner_id")),
            ("api_token", timestamp_with_time_zone_null("last_used_at")),
            ("api_token", string_null("previous_hash")),
            ("api_token", timestamp_with_time_zone_null("previous_until")),
        ] {
            let add = Table::alter().table(table).add_column(column).to_owned();
            manager.alter_table(add).await?;
        }
        for (name, column) in [
            ("api_token_owner", "owner_id"),
            ("api_token_previous", "previous_hash"),
        ] {
            let index = Index::create()
                .name(name)
                .table("api_token")
                .col(column)
                .and_where(Expr::col(column).is_not_null())
                .to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// The domain of the address in `aor`, made by the database: so the rows that there are have theirs at once, and those
/// that a node of the release before writes have theirs too. Telephone numbers have none.
async fn add_domain(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
    // SQLite adds no column that it would have to store, and works it out when it writes the index.
    let (find, kept) = if is_postgres {
        ("strpos", "STORED")
    } else {
        ("instr", "VIRTUAL")
    };
    // No address has a second `@`; a port may follow, and an IPv6 address has brackets round it.
    let host = format!("substr(aor, {find}(aor, '@') + 1)");
    let domain = format!(
        "CASE WHEN substr(aor, 1, 4) <> 'sip:' THEN NULL \
         WHEN substr({host}, 1, 1) = '[' THEN substr({host}, 1, {find}({host}, ']')) \
         WHEN {find}({host}, ':') > 0 THEN substr({host}, 1, {find}({host}, ':') - 1) \
         ELSE {host} END"
    );
    let add =
        format!("ALTER TABLE {table} ADD COLUMN domain text GENERATED ALWAYS AS ({domain}) {kept}");
    manager.get_connection().execute_unprepared(&add).await?;
    Ok(())
}

/// Which domains the rows of `owner` are bound to.
fn bound_domains(
    table: &'static str,
    owner_id: &'static str,
    owner: &'static str,
) -> TableCreateStatement {
    Table::create()
        .table(table)
        .col(big_integer(owner_id))
        .col(string("domain"))
        .primary_key(Index::create().col(owner_id).col("domain"))
        .foreign_key(
            ForeignKey::create()
                .from(table, owner_id)
                .to(owner, "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
