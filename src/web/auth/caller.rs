//! The caller of a request: a program by `Authorization: Bearer`, a person by session, or a gateway by its certificate.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use tower_sessions::Session;

use super::certificate;
use super::reason::Given;
use super::session::{self, SessionError};
use crate::domain::access::{Principal, Scope, TokenScope};
use crate::identity::{Identity, TokenRefusal};
use crate::web::client::Client;
use crate::web::problem::{
    FORGED_REQUEST, INSUFFICIENT_SCOPE, Problem, STORAGE_UNAVAILABLE, TOKEN_EXPIRED,
    UNAUTHENTICATED, chain,
};
use crate::web::state::AppState;

/// Carries the session's secret on requests of scripts.
const CSRF_HEADER: &str = "x-csrf-token";

/// Somebody who proved who they are. A handler that takes one cannot be reached otherwise.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// Why, for operators who read what is somebody else's.
    pub given: Given,
}

impl Caller {
    /// Goes on only if the caller may do what `scope` stands for.
    ///
    /// # Errors
    /// A [`Problem`] that names the scope.
    pub fn require(&self, scope: TokenScope) -> Result<(), Problem> {
        if self.principal.may(scope) {
            return Ok(());
        }
        Err(Problem::new(INSUFFICIENT_SCOPE).detail(format!("this needs the scope {scope}")))
    }

    /// The accounts the caller may read.
    ///
    /// # Errors
    /// A [`Problem`] when it may read none.
    pub fn reading(&self) -> Result<Scope, Problem> {
        self.require(TokenScope::Read)?;
        Ok(self.principal.scope())
    }

    /// The accounts the caller may delete from.
    ///
    /// # Errors
    /// A [`Problem`] when it may delete nowhere.
    pub fn deleting(&self) -> Result<Scope, Problem> {
        self.require(TokenScope::Delete)?;
        Ok(self.principal.scope())
    }

    /// Goes on only if the caller is an operator of all domains.
    ///
    /// # Errors
    /// A [`Problem`] when it is not.
    pub fn operating_everywhere(&self) -> Result<Scope, Problem> {
        match self.operating()? {
            Scope::All => Ok(Scope::All),
            _ => Err(Problem::new(INSUFFICIENT_SCOPE)
                .detail("this is for operators who are bound to no domain")),
        }
    }

    /// The accounts that the caller handles as an operator.
    ///
    /// # Errors
    /// A [`Problem`] when it is none.
    pub fn operating(&self) -> Result<Scope, Problem> {
        self.require(TokenScope::Operator)?;
        Ok(self.principal.operating())
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let caller = Self::prove(parts, state).await?;
        state.rates.count(&caller.principal, parts)?;
        Ok(caller)
    }
}

impl Caller {
    /// Who it is, not counted yet.
    pub(super) async fn prove(parts: &Parts, state: &AppState) -> Result<Self, Problem> {
        let identity = &state.identity;
        if let Some(token) = bearer(&parts.headers) {
            let refusal = match identity.token(token).await? {
                Ok(principal) => {
                    return Ok(Self {
                        principal,
                        given: Given::of(&parts.headers, None),
                    });
                }
                Err(refusal) => refusal,
            };
            if let Some(client) = Client::of(&parts.extensions) {
                state.rates.count_refused(client.address)?;
            }
            return Err(match refusal {
                TokenRefusal::Unknown => {
                    challenge(UNAUTHENTICATED).detail("the token is not known here")
                }
                TokenRefusal::Expired => challenge(TOKEN_EXPIRED),
            });
        }
        let session = parts.extensions.get::<Session>();
        let person = match session {
            Some(session) => person(session, identity).await?,
            None => None,
        };
        let (Some(session), Some(principal)) = (session, person) else {
            let gateway = certificate::gateway(parts, &state.settings.http);
            let principal = gateway.ok_or_else(|| challenge(UNAUTHENTICATED))?;
            return Ok(Self {
                principal,
                given: Given::default(),
            });
        };
        if !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            let sent = parts
                .headers
                .get(CSRF_HEADER)
                .and_then(|value| value.to_str().ok());
            prove_own_page(session, sent.unwrap_or_default()).await?;
        }
        Ok(Self {
            principal,
            given: Given::of(&parts.headers, Some(session.clone())),
        })
    }
}

/// The person whose session this is, with today's rights.
///
/// # Errors
/// A [`Problem`] when the database fails.
pub async fn person(session: &Session, identity: &Identity) -> Result<Option<Principal>, Problem> {
    let Some(id) = session::person(session).await? else {
        return Ok(None);
    };
    let Some(person) = identity.person_with_id(id).await? else {
        return Ok(None);
    };
    Ok(session::is_current(session, &person)
        .await?
        .then_some(person))
}

/// Goes on only if `sent` is the session's secret, which pages of other sites cannot know.
///
/// # Errors
/// A [`Problem`] when it is not, or the database fails.
pub async fn prove_own_page(session: &Session, sent: &str) -> Result<(), Problem> {
    if session::is_csrf(session, sent).await? {
        return Ok(());
    }
    Err(Problem::new(FORGED_REQUEST))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn challenge(kind: &'static crate::web::problem::Kind) -> Problem {
    Problem::new(kind).header(header::WWW_AUTHENTICATE, "Bearer realm=\"restante\"")
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        tracing::error!("the session store failed: {}", chain(&error));
        Self::new(STORAGE_UNAVAILABLE).header(header::RETRY_AFTER, "5")
    }
}
