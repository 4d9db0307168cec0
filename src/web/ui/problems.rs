//! What the `type` of an API error leads to.

use axum::http::StatusCode;
use axum::response::Response;

use super::page::{PageError, anonymous, html};
use super::pages::{ProblemIndexPage, ProblemRow, ProblemTypePage};
use crate::web::extract::Path;
use crate::web::problem::{KINDS, NOT_FOUND, Problem};

pub(super) async fn index() -> Response {
    let items = KINDS.iter().map(|kind| ProblemRow {
        slug: kind.slug.to_owned(),
        title: kind.title.to_owned(),
        status: kind.status,
    });
    let page = ProblemIndexPage {
        chrome: anonymous("Problem types"),
        items: items.collect(),
    };
    html(StatusCode::OK, &page)
}

pub(super) async fn show(Path(slug): Path<String>) -> Result<Response, PageError> {
    let kind = KINDS.iter().find(|kind| kind.slug == slug);
    let kind = kind.ok_or_else(|| Problem::new(NOT_FOUND))?;
    let page = ProblemTypePage {
        chrome: anonymous(kind.title),
        slug,
        title: kind.title.to_owned(),
        status: kind.status,
        explanation: kind.explanation.to_owned(),
        remedy: kind.remedy.to_owned(),
    };
    Ok(html(StatusCode::OK, &page))
}
