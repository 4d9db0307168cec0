//! What all pages share: who visits, the frame round the page, and errors as pages.

use askama::Template;
use axum::extract::{FromRequestParts, OriginalUri, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use tower_sessions::Session;

use super::pages::{Chrome, Flash, FlashKind, ProblemPage, UserBadge};
use super::undo;
use crate::domain::access::{Principal, Rights, Scope};
use crate::mailbox::Mailbox;
use crate::mailbox::inspect::Inspected;
use crate::store::accounts::Account;
use crate::web::auth::reason::Given;
use crate::web::auth::{caller, session};
use crate::web::problem::{INTERNAL, NOT_FOUND, Problem, internal};
use crate::web::state::AppState;

/// Changes with every change of a static file, so that browsers may keep them for ever.
const ASSET_VERSION: &str = env!("ASSET_VERSION");
/// The session keys of a sentence to show once: one that tells what was done, one that tells what was not.
const FLASH: &str = "flash";
const FLASH_ERROR: &str = "flash_error";

/// Somebody signed in who looks at a page. Others are sent to sign in.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) principal: Principal,
    pub(super) session: Session,
    mailbox: Mailbox,
    demo: bool,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let session = session(parts)?;
        if let Some(principal) = caller::person(&session, &state.identity).await? {
            state.rates.count(&principal, parts)?;
            return Ok(Self {
                principal,
                session,
                mailbox: state.mailbox.clone(),
                demo: state.demo.0,
            });
        }
        let uri = OriginalUri::from_request_parts(parts, state).await;
        let next = uri
            .ok()
            .map(|OriginalUri(uri)| uri.to_string())
            .unwrap_or_default();
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        Err(PageError::SignIn(format!("/sign-in?next={next}")))
    }
}

impl Visitor {
    /// The accounts within reach.
    pub(super) fn scope(&self) -> Scope {
        self.principal.scope()
    }

    /// Goes on only if the form was on a page of this session.
    pub(super) async fn prove_own_page(&self, csrf: &str) -> Result<(), PageError> {
        Ok(caller::prove_own_page(&self.session, csrf).await?)
    }

    /// Whether the visitor sees what the messages of an account say: its owner, or an operator who gave a reason.
    pub(super) async fn sees(
        &self,
        account: &Account,
        what: Inspected<'_>,
    ) -> Result<bool, PageError> {
        let given = Given::in_session(&self.session);
        let sees = given.sees(&self.mailbox, &self.principal, account, what);
        Ok(sees.await?)
    }

    /// The accounts that an operator handles; for others there is no such page.
    pub(super) fn operating(&self) -> Result<Scope, PageError> {
        if self.principal.is_operator() {
            return Ok(self.principal.operating());
        }
        Err(Problem::new(NOT_FOUND).into())
    }

    /// Says once, on the next page, what was done.
    pub(super) async fn flash(&self, text: &str) -> Result<(), PageError> {
        let kept = self.session.insert(FLASH, text).await;
        Ok(kept.map_err(session::SessionError::from)?)
    }

    /// Says once, on the next page, what could not be done.
    pub(super) async fn flash_error(&self, text: &str) -> Result<(), PageError> {
        let kept = self.session.insert(FLASH_ERROR, text).await;
        Ok(kept.map_err(session::SessionError::from)?)
    }

    /// What is to be said once.
    async fn said(&self) -> Result<Option<Flash>, session::SessionError> {
        for (key, kind) in [(FLASH_ERROR, FlashKind::Error), (FLASH, FlashKind::Ok)] {
            if let Some(text) = self.session.get(key).await? {
                self.session.remove::<String>(key).await?;
                return Ok(Some(Flash { kind, text }));
            }
        }
        Ok(None)
    }

    /// The frame of a page for this visitor.
    pub(super) async fn chrome(&self, title: impl Into<String>) -> Result<Chrome, PageError> {
        let now = self.mailbox.clock.now();
        let role = match &self.principal.rights {
            Rights::Role(role) => role.to_string(),
            Rights::Scopes(_) => String::new(),
        };
        let several = self.principal.is_operator() || self.principal.aors.len() > 1;
        Ok(Chrome {
            user: Some(UserBadge {
                name: self.principal.name.clone(),
                role,
            }),
            csrf: session::csrf(&self.session).await?,
            flash: self.said().await?,
            undo: undo::bar(&self.session, &self.mailbox.policy, now).await?,
            demo: self.demo,
            accounts_link: several,
            reports_link: self.principal.is_operator(),
            ..anonymous(title)
        })
    }
}

/// The session of a request, which the session layer put there.
pub(super) fn session(parts: &Parts) -> Result<Session, Problem> {
    parts
        .extensions
        .get::<Session>()
        .cloned()
        .ok_or_else(|| Problem::new(INTERNAL))
}

/// The frame of a page for nobody in particular.
pub(super) fn anonymous(title: impl Into<String>) -> Chrome {
    Chrome {
        title: title.into(),
        user: None,
        csrf: String::new(),
        flash: None,
        undo: None,
        asset_version: ASSET_VERSION.to_owned(),
        demo: false,
        accounts_link: false,
        reports_link: false,
    }
}

/// A page as an answer.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            let private = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (status, private, Html(text)).into_response()
        }
        Err(error) => internal(&error).into_response(),
    }
}

/// Why a page cannot be shown.
#[derive(Debug)]
pub(super) enum PageError {
    /// Somebody has to sign in first, at this address.
    SignIn(String),
    /// Something is wrong.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(place) => Redirect::to(&place).into_response(),
            Self::Problem(problem) => for_people(problem),
        }
    }
}

/// A problem that [`show_problems`] makes a page of, which knows who is signed in.
#[derive(Clone)]
struct ForPeople(Problem);

/// The answer to somebody who looks at pages.
#[must_use]
pub fn for_people(problem: Problem) -> Response {
    let mut response = problem.clone().into_response();
    response.extensions_mut().insert(ForPeople(problem));
    response
}

/// Middleware: shows the problems that are for people as pages.
pub async fn show_problems(
    State(state): State<AppState>,
    session: Session,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let Some(ForPeople(problem)) = response.extensions_mut().remove() else {
        return response;
    };
    let title = problem.kind().title;
    let visitor = caller::person(&session, &state.identity)
        .await
        .ok()
        .flatten();
    let chrome = match visitor {
        Some(principal) => Visitor {
            principal,
            session,
            mailbox: state.mailbox.clone(),
            demo: state.demo.0,
        }
        .chrome(title)
        .await
        .ok(),
        None => None,
    };
    error_page(problem, chrome.unwrap_or_else(|| anonymous(title)))
}

fn error_page(problem: Problem, chrome: Chrome) -> Response {
    let kind = problem.kind();
    let status = StatusCode::from_u16(kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let detail = match problem.detail_text() {
        Some(detail) => {
            format!(
                "{}: {detail}. {}",
                kind.explanation.trim_end_matches('.'),
                kind.remedy
            )
        }
        None => format!("{} {}", kind.explanation, kind.remedy),
    };
    let page = ProblemPage {
        chrome,
        status: kind.status,
        title: kind.title.to_owned(),
        detail,
        back_href: "/".to_owned(),
    };
    let mut response = html(status, &page);
    response.headers_mut().extend(problem.into_headers());
    response
}
