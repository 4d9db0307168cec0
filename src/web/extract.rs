//! axum's extractors with our own error answers: theirs are plain text.

#![expect(clippy::disallowed_types, reason = "these are wrapped here")]

use axum::extract::{FromRequest, FromRequestParts};

use super::problem::Problem;

/// Path parameters.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

/// Query parameters.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

/// A JSON body.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub struct Json<T>(pub T);
