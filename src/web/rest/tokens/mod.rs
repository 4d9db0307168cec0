//! API tokens: administrators handle all, people their own.

use crate::domain::access::TokenScope;
use crate::web::auth::Caller;
use crate::web::problem::Problem;

pub mod create;
pub mod get;
pub mod list;
pub mod revoke;
pub mod rotate;
pub mod view;

/// Goes on only if the caller may have tokens to handle: programs, but those of administrators, have none.
fn require_handler(caller: &Caller) -> Result<(), Problem> {
    match caller.principal.person_id() {
        Some(_) => Ok(()),
        None => caller.require(TokenScope::Admin),
    }
}
