//! How often a caller may ask: a rate for each class of requests, counted by principal, and told in `RateLimit` and
//! `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11). Refused is with 429 and `Retry-After`.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::problem::{Problem, RATE_LIMITED};
use crate::config::RateLimitSettings;
use crate::domain::access::Principal;
use crate::rate::{Rate, Standing, TooOften};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What a request is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Api,
    Search,
    Export,
    Gateway,
}

impl Class {
    fn of(uri: &Uri) -> Self {
        let path = uri.path();
        let query = uri.query().unwrap_or_default();
        let searches = || {
            form_urlencoded::parse(query.as_bytes())
                .any(|(name, text)| matches!(&*name, "q" | "from" | "subject") && !text.is_empty())
        };
        if path.starts_with("/gateway/") {
            Self::Gateway
        } else if path.ends_with("/export") {
            Self::Export
        } else if searches() {
            Self::Search
        } else {
            Self::Api
        }
    }

    /// What the class is called in header fields.
    fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Search => "search",
            Self::Export => "export",
            Self::Gateway => "gateway",
        }
    }
}

/// The rates of all classes.
pub struct Rates {
    api: Rate,
    search: Rate,
    export: Rate,
    gateway: Rate,
    refused: Rate,
}

impl Rates {
    /// As the settings have it.
    #[must_use]
    pub fn new(limits: &RateLimitSettings) -> Self {
        Self {
            api: Rate::per_minute(limits.api),
            search: Rate::per_minute(limits.search),
            export: Rate::per_minute(limits.export),
            gateway: Rate::per_minute(limits.gateway),
            refused: Rate::per_minute(limits.refused),
        }
    }

    /// Counts this request of a caller, and notes for the answer how it stands.
    pub(super) fn count(&self, principal: &Principal, parts: &Parts) -> Result<(), Problem> {
        let class = Class::of(&parts.uri);
        let rate = match class {
            Class::Api => &self.api,
            Class::Search => &self.search,
            Class::Export => &self.export,
            Class::Gateway => &self.gateway,
        };
        let counted = rate.check(&(principal.actor, principal.name.as_str()));
        note(&parts.extensions, class, counted);
        counted.map(|_| ()).map_err(Problem::from)
    }

    /// Counts a request whose proof is no good, by the address it comes from.
    pub(super) fn count_refused(&self, address: IpAddr) -> Result<(), Problem> {
        self.refused
            .check(&address)
            .map(|_| ())
            .map_err(Problem::from)
    }

    /// Forgets those who have not asked for a while, so that memory stays bounded.
    pub fn tidy(&self) {
        for rate in [
            &self.api,
            &self.search,
            &self.export,
            &self.gateway,
            &self.refused,
        ] {
            rate.tidy();
        }
    }
}

impl From<TooOften> for Problem {
    fn from(refused: TooOften) -> Self {
        Self::new(RATE_LIMITED)
            .detail(refused.to_string())
            .header_value(header::RETRY_AFTER, refused.seconds().into())
    }
}

/// How the caller of a request stands, for whoever writes the answer's header fields.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Option<Count>>>);

/// What a request was counted as, and what came of it.
type Count = (Class, Result<Standing, TooOften>);

fn note(extensions: &Extensions, class: Class, counted: Result<Option<Standing>, TooOften>) {
    if let Some(noted) = extensions.get::<Noted>()
        && let Some(counted) = counted.transpose()
    {
        *noted.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((class, counted));
    }
}

/// Middleware: says on the answer how its caller stands.
pub(super) async fn told(mut request: Request, next: Next) -> Response {
    let noted = Noted::default();
    request.extensions_mut().insert(noted.clone());
    let mut response = next.run(request).await;
    let noted = *noted.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((class, counted)) = noted {
        let [policy, standing] = fields(class, counted);
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, standing)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}

/// The values of `RateLimit-Policy` and `RateLimit`. `t` is when all that was used is there again.
fn fields(class: Class, counted: Result<Standing, TooOften>) -> [String; 2] {
    let name = class.name();
    let (most, window, left, time) = match counted {
        Ok(standing) => {
            let used = standing.most.saturating_sub(standing.left);
            let time = standing.window / standing.most.max(1) * used;
            (
                standing.most,
                standing.window,
                standing.left,
                time.as_secs().max(1),
            )
        }
        Err(refused) => (refused.most, refused.window, 0, refused.seconds()),
    };
    let window = window.as_secs();
    [
        format!("\"{name}\";q={most};w={window}"),
        format!("\"{name}\";r={left};t={time}"),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_request_is_counted_as_what_it_is() {
        for (uri, class) in [
            ("/api/v1/accounts", Class::Api),
            ("/api/v1/accounts/a/messages?limit=5&q=", Class::Api),
            ("/api/v1/accounts/a/messages?limit=5&q=x", Class::Search),
            ("/accounts/a?q=x", Class::Search),
            ("/api/v1/accounts/a/messages?from=carol", Class::Search),
            ("/api/v1/audit/export", Class::Export),
            ("/gateway/v1/messages?aor=x", Class::Gateway),
            ("/xcap-root/a/users/b/c", Class::Api),
        ] {
            assert_eq!(Class::of(&uri.parse().unwrap()), class, "{uri}");
        }
    }

    #[test]
    fn fields_are_structured_as_the_draft_has_it() {
        let window = Duration::from_mins(1);
        let standing = Standing {
            most: 120,
            window,
            left: 90,
        };
        assert_eq!(
            fields(Class::Search, Ok(standing)),
            ["\"search\";q=120;w=60", "\"search\";r=90;t=15"]
        );
        let wait = Duration::from_millis(1500);
        assert_eq!(
            fields(
                Class::Api,
                Err(TooOften {
                    most: 5,
                    window,
                    wait
                })
            ),
            ["\"api\";q=5;w=60", "\"api\";r=0;t=2"]
        );
    }
}
