//! The caller of a request at the XCAP root: as [`Caller`], or by Digest (RFC 7616), by Basic over TLS (RFC 7617), or on
//! the word of an aggregation proxy.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRef, FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::asserted::asserted;
use super::caller::Caller;
use super::reason::Given;
use super::target::is_signed;
use crate::clock::{self, Clock};
use crate::domain::access::{Principal, Rights, Scope, TokenScope};
use crate::domain::audit::{Actor, ActorKind};
use crate::identity::secret::TOKEN_PREFIX;
use crate::sip::digest::{Algorithm, Challenger, Credentials, Nonce, NonceFault};
use crate::sip::nonce_counts::NonceCounts;
use crate::web::client::Client;
use crate::web::problem::{
    INVALID_REQUEST, Kind, Problem, TOKEN_EXPIRED, UNAUTHENTICATED, internal,
};
use crate::web::state::AppState;

/// How long a nonce is good, in milliseconds.
const NONCE_LIFE: u64 = 5 * 60 * 1000;
/// What nonces are made for. No address: a client may come through another proxy the next time.
const PURPOSE: &str = "xcap";
/// Old clients read the first challenge only, and know MD5 only.
const OFFERED: [Algorithm; 2] = [Algorithm::Md5, Algorithm::Sha256];
/// Base 64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Somebody who proved who they are to the XCAP server.
#[derive(Debug, Clone)]
pub struct XcapCaller {
    /// Who.
    pub principal: Principal,
    given: Given,
}

impl From<XcapCaller> for Caller {
    fn from(caller: XcapCaller) -> Self {
        Self {
            principal: caller.principal,
            given: caller.given,
        }
    }
}

/// What proving oneself at the XCAP root needs beyond the [`AppState`]'s other parts.
#[derive(Clone)]
pub struct XcapAuth {
    challenger: Arc<Challenger>,
    counts: Arc<Mutex<NonceCounts>>,
    clock: Clock,
}

impl XcapAuth {
    /// Nodes with the same key take each other's nonces.
    #[must_use]
    pub fn new(realm: &str, key: &[u8], clock: Clock) -> Self {
        let counts = NonceCounts::new(milliseconds(&clock), NONCE_LIFE);
        Self {
            challenger: Arc::new(Challenger::new(realm, key, &OFFERED, NONCE_LIFE)),
            counts: Arc::new(Mutex::new(counts)),
            clock,
        }
    }

    /// The values of WWW-Authenticate. Basic is offered where it is taken.
    fn challenges(&self, stale: bool, secure: bool) -> Result<Vec<HeaderValue>, Problem> {
        let nonce = Nonce {
            made_at: milliseconds(&self.clock),
            salt: clock::random().map_err(|error| internal(&error))?,
        };
        let mut values = self.challenger.challenges(nonce, PURPOSE, stale);
        let realm = self.challenger.realm();
        if secure {
            values.push(format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
        }
        values.push(format!("Bearer realm=\"{realm}\""));
        let values = values.into_iter().map(HeaderValue::try_from);
        values
            .collect::<Result<_, _>>()
            .map_err(|error| internal(&error))
    }
}

fn milliseconds(clock: &Clock) -> u64 {
    u64::try_from(clock.now().timestamp_millis()).unwrap_or_default()
}

/// Why a request is not let in.
enum Refusal {
    /// 401, with challenges.
    Unproven {
        kind: &'static Kind,
        detail: Option<String>,
        stale: bool,
    },
    /// Something else is wrong.
    Other(Problem),
}

impl Refusal {
    fn unproven(detail: &str) -> Self {
        Self::Unproven {
            kind: UNAUTHENTICATED,
            detail: Some(detail.to_owned()),
            stale: false,
        }
    }

    fn stale() -> Self {
        Self::Unproven {
            kind: UNAUTHENTICATED,
            detail: Some("the nonce is too old or was used: answer the new one".to_owned()),
            stale: true,
        }
    }
}

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        let problem = error.into();
        let kind = problem.kind();
        if *kind == *UNAUTHENTICATED || *kind == *TOKEN_EXPIRED {
            return Self::Unproven {
                kind,
                detail: problem.detail_text().map(str::to_owned),
                stale: false,
            };
        }
        Self::Other(problem)
    }
}

impl<S> FromRequestParts<S> for XcapCaller
where
    S: Send + Sync,
    AppState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let state = AppState::from_ref(state);
        let client = Client::from_request_parts(parts, &state).await?;
        match prove(parts, &state, &client).await {
            Ok(principal) => {
                state.rates.count(&principal, parts)?;
                Ok(Self {
                    principal,
                    given: Given::of(&parts.headers, parts.extensions.get().cloned()),
                })
            }
            Err(Refusal::Other(problem)) => Err(problem),
            Err(Refusal::Unproven {
                kind,
                detail,
                stale,
            }) => {
                let mut problem = Problem::new(kind);
                if let Some(detail) = detail {
                    problem = problem.detail(detail);
                }
                let challenges = state.xcap_auth.challenges(stale, client.is_secure)?;
                let add =
                    |problem: Problem, value| problem.header_value(header::WWW_AUTHENTICATE, value);
                Err(challenges.into_iter().fold(problem, add))
            }
        }
    }
}

/// Who the caller is: the one that a trusted proxy asserts, or else who the request itself proves.
async fn prove(parts: &mut Parts, state: &AppState, client: &Client) -> Result<Principal, Refusal> {
    let proxies = &state.settings.xcap.trusted_proxies;
    if proxies.iter().any(|proxy| proxy.is_at(client.peer)) {
        let said = asserted(&parts.headers);
        let said = said.map_err(|error| Refusal::unproven(&error.to_string()))?;
        if let Some(aors) = said {
            let scope = Scope::Aors(aors.clone());
            let account = match aors.first() {
                Some(aor) => state.mailbox.find_account(&scope, aor).await?,
                None => None,
            };
            return Ok(Principal {
                name: aors.first().map(ToString::to_string).unwrap_or_default(),
                actor: Actor {
                    kind: ActorKind::Owner,
                    id: account.map(|account| account.id),
                },
                aors,
                domains: Vec::new(),
                rights: Rights::Scopes(vec![TokenScope::Read, TokenScope::Delete]),
                expires_at: None,
                mark: String::new(),
            });
        }
    }
    if let Some(credentials) = digest(&parts.headers, state.xcap_auth.challenger.realm())? {
        return by_digest(parts, state, client, &credentials).await;
    }
    if let Some(sent) = scheme(&parts.headers, "basic") {
        return by_basic(sent, state, client).await;
    }
    let has_token = scheme(&parts.headers, "bearer").is_some();
    match Caller::prove(parts, state).await {
        Ok(caller) => Ok(caller.principal),
        Err(problem) if has_token && *problem.kind() == *UNAUTHENTICATED => {
            // Tokens have no names.
            Err(failed(
                state,
                client,
                "",
                problem.detail_text().unwrap_or_default(),
            ))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The Digest credentials for this realm.
fn digest(headers: &HeaderMap, realm: &str) -> Result<Option<Credentials>, Refusal> {
    let mut broken = None;
    for value in headers.get_all(header::AUTHORIZATION) {
        match Credentials::parse(value.as_bytes(), realm) {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(error) => broken = broken.or(Some(error)),
        }
    }
    match broken {
        None => Ok(None),
        Some(error) => Err(Refusal::unproven(&format!(
            "Authorization cannot be read: {error}"
        ))),
    }
}

/// What follows the name of this scheme in Authorization.
fn scheme<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    values.find_map(|value| {
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case(name).then_some(rest.trim())
    })
}

async fn by_digest(
    parts: &Parts,
    state: &AppState,
    client: &Client,
    credentials: &Credentials,
) -> Result<Principal, Refusal> {
    let auth = &state.xcap_auth;
    let now = milliseconds(&auth.clock);
    let nonce = match auth.challenger.check(credentials, now, PURPOSE) {
        Ok(nonce) => nonce,
        Err(NonceFault::Stale) => return Err(Refusal::stale()),
        Err(NonceFault::Unknown) => {
            return Err(Refusal::unproven("the nonce was not made here"));
        }
    };
    let original = parts.extensions.get::<OriginalUri>();
    let target = original
        .map_or(&parts.uri, |original| &original.0)
        .to_string();
    let roots: Vec<&str> = state.settings.xcap.roots().collect();
    if !is_signed(&credentials.uri, &target, &roots) {
        return Err(Refusal::Other(
            Problem::new(INVALID_REQUEST).detail("uri in Authorization is not what is asked for"),
        ));
    }
    let proved = state
        .identity
        .prove_xcap(credentials, parts.method.as_str());
    let Some(principal) = proved.await? else {
        let detail = "the name or the password is wrong";
        return Err(failed(state, client, &credentials.username, detail));
    };
    let mut counts = auth.counts.lock().unwrap_or_else(PoisonError::into_inner);
    match counts.count(nonce, credentials.count(), now) {
        Ok(()) => Ok(principal),
        Err(_) => Err(Refusal::stale()),
    }
}

/// By Basic: the password is that of a person, or the secret of a token, with whatever name.
async fn by_basic(sent: &str, state: &AppState, client: &Client) -> Result<Principal, Refusal> {
    if !client.is_secure {
        return Err(Refusal::unproven("Basic is taken over TLS only"));
    }
    let decoded = BASE64.decode(sent).ok();
    let decoded = decoded.and_then(|octets| String::from_utf8(octets).ok());
    let Some((name, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) else {
        return Err(Refusal::unproven("Authorization cannot be read"));
    };
    if password.starts_with(TOKEN_PREFIX) {
        return match state.identity.token(password).await? {
            Ok(principal) => Ok(principal),
            Err(_) => Err(failed(
                state,
                client,
                name,
                "the name or the password is wrong",
            )),
        };
    }
    if let Some(person) = state.identity.signed_in_lately(name, password).await? {
        return Ok(person);
    }
    // Before the password is hashed, as for people who sign in.
    state.throttle.password(client.address, limited(name))?;
    let identity = &state.identity;
    let person = identity.sign_in_for_a_while(name, password).await?;
    let is_guarded = match &person {
        Some(person) => identity.has_second_factor(person).await?,
        None => false,
    };
    let person = person.filter(|_| !is_guarded);
    let noted = identity.note_sign_in(limited(name), person.as_ref(), client.address, "xcap");
    noted.await?;
    if is_guarded {
        return Err(Refusal::unproven(
            "people with a second factor use a token in place of their password",
        ));
    }
    if let Some(person) = person {
        return Ok(person);
    }
    warn(client, name);
    Err(Refusal::unproven("the name or the password is wrong"))
}

/// The answer to a proof that failed: 401, or 429 to whoever fails often.
fn failed(state: &AppState, client: &Client, name: &str, detail: &str) -> Refusal {
    warn(client, name);
    match state.throttle.password(client.address, limited(name)) {
        Ok(()) => Refusal::unproven(detail),
        Err(too_many) => too_many.into(),
    }
}

fn warn(client: &Client, name: &str) {
    let (name, address) = (limited(name), client.address);
    tracing::warn!(user.name = name, peer = %address, "XCAP credentials refused for {name:?} from {address}");
}

/// The name, if it is not longer than any that there is.
fn limited(name: &str) -> &str {
    if name.len() > crate::domain::address::MAX_AOR_OCTETS {
        ""
    } else {
        name
    }
}
