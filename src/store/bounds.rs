//! What people and tokens are bound to: accounts and domains, read by one statement, so that they belong together.

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType};

use super::db::StoreError;
use super::entity::{api_token_aor, api_token_domain, principal_aor, principal_domain};
use super::identity::parse;
use crate::domain::address::Aor;
use crate::domain::domain_name::Domain;

/// What somebody is bound to.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// These accounts, in their order.
    pub(super) aors: Vec<Aor>,
    /// These domains, in their order.
    pub(super) domains: Vec<Domain>,
}

/// What a person is bound to.
///
/// # Errors
/// When the database fails.
pub(super) async fn of_person(conn: &impl ConnectionTrait, id: i64) -> Result<Bounds, StoreError> {
    use principal_aor::Column as A;
    use principal_domain::Column as D;
    let aors = Query::select()
        .column(A::Aor)
        .from(principal_aor::Entity)
        .and_where(Expr::col(A::PrincipalId).eq(id))
        .to_owned();
    let domains = Query::select()
        .column(D::Domain)
        .from(principal_domain::Entity)
        .and_where(Expr::col(D::PrincipalId).eq(id))
        .to_owned();
    read(conn, aors, domains).await
}

/// What a token is bound to.
///
/// # Errors
/// When the database fails.
pub(super) async fn of_token(conn: &impl ConnectionTrait, id: i64) -> Result<Bounds, StoreError> {
    use api_token_aor::Column as A;
    use api_token_domain::Column as D;
    let aors = Query::select()
        .column(A::Aor)
        .from(api_token_aor::Entity)
        .and_where(Expr::col(A::TokenId).eq(id))
        .to_owned();
    let domains = Query::select()
        .column(D::Domain)
        .from(api_token_domain::Entity)
        .and_where(Expr::col(D::TokenId).eq(id))
        .to_owned();
    read(conn, aors, domains).await
}

async fn read(
    conn: &impl ConnectionTrait,
    mut aors: SelectStatement,
    mut domains: SelectStatement,
) -> Result<Bounds, StoreError> {
    let domains = domains.expr(Expr::cust("1")).to_owned();
    let both = aors.expr(Expr::cust("0")).union(UnionType::All, domains);
    let mut bounds = Bounds::default();
    for row in conn.query_all(both).await? {
        let text: String = row.try_get_by_index(0)?;
        match row.try_get_by_index::<i32>(1)? {
            0 => bounds.aors.push(parse("aor", &text)?),
            _ => bounds.domains.push(parse("domain", &text)?),
        }
    }
    bounds.aors.sort_unstable();
    bounds.domains.sort_unstable();
    Ok(bounds)
}
