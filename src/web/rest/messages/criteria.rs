//! Which messages: the same for the list of them and for deleting them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::search::{self, Term, What};
use crate::web::problem::{INVALID_REQUEST, Problem};
use crate::web::rest::view::too_long;

/// Which messages. What is absent does not restrict; what is there must hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Criteria {
    /// A search, as the parameter `q` of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invoice -from:bob")]
    pub q: Option<String>,
    /// Text that the sender's address or display name contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Text that the subject contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `pager` or `large`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^(pager|large)$")]
    pub mode: Option<String>,
    /// The Content-Type, or its part before the slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "image")]
    pub content_type: Option<String>,
    /// Stored at this instant or after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_after: Option<DateTime<Utc>>,
    /// Stored before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_before: Option<DateTime<Utc>>,
    /// Expires before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_before: Option<DateTime<Utc>>,
    /// The content has at least so many octets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub min_size: Option<i64>,
    /// `waiting`, the one state in which a message can be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^waiting$")]
    pub state: Option<String>,
}

impl Criteria {
    /// What must hold of a message. `pointer` comes before the name of a field that is wrong.
    ///
    /// # Errors
    /// A [`Problem`] that names the field.
    pub fn terms(&self, now: DateTime<Utc>, pointer: &str) -> Result<Vec<Term>, Problem> {
        let wrong = |name: &str, detail: String| {
            Problem::new(INVALID_REQUEST).field(format!("{pointer}{name}"), detail)
        };
        let text = self.q.as_deref().unwrap_or_default();
        let searched = search::parse(text, now).map_err(|error| wrong("q", error.to_string()))?;
        let mut terms: Vec<Term> = searched.into_iter().map(|one| one.term).collect();
        let mut add = |what: What| terms.push(what.into());
        for (name, text, what) in [
            ("from", &self.from, What::From as fn(String) -> What),
            ("subject", &self.subject, What::Subject),
        ] {
            let Some(text) = text else { continue };
            too_long(&format!("{pointer}{name}"), text)?;
            add(what(text.clone()));
        }
        if let Some(mode) = &self.mode {
            let mode = mode
                .parse()
                .map_err(|_| wrong("mode", "expected pager or large".to_owned()))?;
            add(What::Mode(mode));
        }
        if let Some(name) = &self.content_type {
            let name = search::media_type(name);
            let name = name.map_err(|detail| wrong("content_type", detail.to_owned()))?;
            add(What::Type(name));
        }
        for (name, at, what) in [
            (
                "stored_after",
                self.stored_after,
                What::StoredFrom as fn(DateTime<Utc>) -> What,
            ),
            ("stored_before", self.stored_before, What::StoredBefore),
            ("expires_before", self.expires_before, What::ExpiresBefore),
        ] {
            let Some(at) = at else { continue };
            if !search::is_usual(&at) {
                return Err(wrong(name, "expected a year from 0001 to 9999".to_owned()));
            }
            add(what(at));
        }
        match self.min_size {
            Some(octets) if octets < 0 => {
                return Err(wrong("min_size", "expected 0 or more".to_owned()));
            }
            Some(octets) => add(What::Larger(octets - 1)),
            None => {}
        }
        match self.state.as_deref() {
            None | Some("waiting") => Ok(terms),
            Some(_) => Err(wrong("state", "expected waiting".to_owned())),
        }
    }
}
