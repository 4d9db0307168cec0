//! Posted forms, whose fields may repeat.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};

use super::page::PageError;
use crate::web::problem::{BODY_TOO_LARGE, INVALID_REQUEST, Problem};

/// The fields of a form in their order.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    #[cfg(test)]
    pub(super) fn of(fields: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(fields.iter().map(own).collect())
    }

    /// The first field of this name, or nothing.
    pub(super) fn get<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    /// All fields of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageError> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                let too_large = rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE;
                Problem::new(if too_large {
                    BODY_TOO_LARGE
                } else {
                    INVALID_REQUEST
                })
            })?;
        Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
    }
}
