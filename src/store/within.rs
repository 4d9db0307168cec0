//! A caller's [`Scope`] as a condition of a query.

use sea_orm::Condition;
use sea_orm::sea_query::{Expr, ExprTrait};

use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::domain_name::Domain;

/// Only rows whose address lies within `scope`. `aor` and `domain` are the columns of the address and of its domain:
/// the database works the latter out, so that both are looked up in an index.
pub(super) fn within(scope: &Scope, aor: Expr, domain: Expr) -> Condition {
    let is_among = |aors: &[Aor]| aor.is_in(aors.iter().map(Aor::as_str));
    match scope {
        Scope::All => Condition::all(),
        Scope::Aors(aors) => Condition::all().add(is_among(aors)),
        Scope::Domains { domains, aors } => {
            let inside = domain.is_in(domains.iter().map(Domain::as_str));
            let inside = Condition::any().add(inside);
            if aors.is_empty() {
                return inside;
            }
            inside.add(is_among(aors))
        }
    }
}
