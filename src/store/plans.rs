//! For tests: how `SQLite` means to find the rows of a query.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::Db;

/// Asserts that a query looks up what it wants in these indexes, and sorts nothing: then its cost does not grow with
/// what it does not give.
pub(super) async fn assert_looks_up(query: &str, indexes: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    let db = Db::connect(&url, 1).await.unwrap();
    db.migrate().await.unwrap();
    let explain = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {query}"));
    let plan = db.read().query_all_raw(explain).await.unwrap();
    let plan: Vec<String> = plan
        .iter()
        .map(|row| row.try_get("", "detail").unwrap())
        .collect();
    for index in indexes {
        assert!(plan.iter().any(|line| line.contains(index)), "{plan:?}");
    }
    let sorts = plan.iter().any(|line| line.contains("FOR ORDER BY"));
    assert!(!sorts, "{plan:?}");
}
