//! People, for administrators.

use crate::domain::address::Aor;
use crate::domain::domain_name::Domain;
use crate::identity::{IdentityError, PasswordError};
use crate::web::problem::{
    INSUFFICIENT_SCOPE, INVALID_REQUEST, LAST_ADMINISTRATOR, NAME_TAKEN, NOT_FOUND,
    PRECONDITION_FAILED, Problem, internal,
};

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod update;
pub mod view;

/// What a caller is told whose change of people or tokens is refused.
#[must_use]
pub fn refused(error: IdentityError) -> Problem {
    let wrong = |pointer: &str, why: String| Problem::new(INVALID_REQUEST).field(pointer, why);
    let text = error.to_string();
    match error {
        IdentityError::BadName => wrong("/name", text),
        IdentityError::BadField { field, .. } => wrong(&format!("/{field}"), text),
        IdentityError::Password(error) => match error {
            PasswordError::Hash(_) | PasswordError::Entropy(_) | PasswordError::Thread => {
                internal(&error)
            }
            _ => wrong("/password", text),
        },
        IdentityError::BadToken(_) => Problem::new(INVALID_REQUEST).detail(text),
        IdentityError::Excess(_) => Problem::new(INSUFFICIENT_SCOPE).detail(text),
        IdentityError::NameTaken => Problem::new(NAME_TAKEN),
        IdentityError::LastAdmin => Problem::new(LAST_ADMINISTRATOR),
        IdentityError::Changed => Problem::new(PRECONDITION_FAILED),
        IdentityError::UnknownUser | IdentityError::UnknownToken | IdentityError::BadLink => {
            Problem::new(NOT_FOUND)
        }
        IdentityError::Store(error) => error.into(),
        // Nobody is asked for these here.
        IdentityError::WrongPassword | IdentityError::WrongCode => internal(&error),
        IdentityError::Thread(error) => internal(&error),
    }
}

/// The words of a list in a body, each read; a wrong one is named by its place.
///
/// # Errors
/// A [`Problem`] that points at the first wrong word.
pub fn read_all<T>(field: &str, words: &[String]) -> Result<Vec<T>, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let read = |(place, word): (usize, &String)| {
        word.parse().map_err(|error: T::Err| {
            Problem::new(INVALID_REQUEST).field(format!("/{field}/{place}"), error.to_string())
        })
    };
    words.iter().enumerate().map(read).collect()
}

/// The accounts and domains that a body names.
///
/// # Errors
/// A [`Problem`] that points at the first wrong one.
pub fn read_bounds(
    aors: &[String],
    domains: &[String],
) -> Result<(Vec<Aor>, Vec<Domain>), Problem> {
    Ok((read_all("aors", aors)?, read_all("domains", domains)?))
}
