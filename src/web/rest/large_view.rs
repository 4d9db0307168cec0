//! What the REST API and the pages show of the session that brought a large message (OMA SIMPLE IM TS 12.4.2.3).

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::msrp::stream::read_head;
use crate::sip::Message;
use crate::web::letter::Letter;

/// The session that brought a large message.
#[derive(Debug, Serialize, ToSchema)]
pub struct LargeView {
    /// When the message was completely received.
    pub completed_at: Option<DateTime<Utc>>,
    /// The Message-ID of the MSRP message, which is not ours.
    #[schema(example = "87652491")]
    pub message_id: Option<String>,
    /// Success-Report of the SEND request: whether its sender wanted to hear that all has come.
    pub success_report: bool,
    /// Failure-Report of the SEND request: `yes`, `partial` or `no`.
    #[schema(example = "yes")]
    pub failure_report: String,
    /// Of the INVITE that opened the session.
    pub invite: SessionFields,
    /// Of the 200 response to it.
    pub ok: SessionFields,
    /// Of the BYE; null as long as there is none.
    pub bye: Option<SessionFields>,
}

/// The relevant header fields of a SIP message, as received.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionFields {
    /// From.
    #[schema(example = "\"Carol\" <sip:carol@example.org>;tag=49583")]
    pub from: Option<String>,
    /// To.
    #[schema(example = "<sip:alice@example.org>;tag=17")]
    pub to: Option<String>,
    /// P-Asserted-Identity; several fields are joined by commas.
    pub asserted_identity: Option<String>,
    /// Subject.
    pub subject: Option<String>,
    /// Date.
    #[schema(example = "Thu, 01 Oct 2026 08:15:29 GMT")]
    pub date: Option<String>,
}

impl LargeView {
    /// Shows the session of a message; `None` of a pager message.
    #[must_use]
    pub fn new(letter: &Letter) -> Option<Self> {
        let session = letter.session.as_ref()?;
        let send = read_head(&session.send_head);
        let send = send.as_ref();
        Some(Self {
            completed_at: letter.summary.facts.completed_at,
            message_id: send
                .and_then(|head| head.message_id.as_ref())
                .map(ToString::to_string),
            success_report: send.is_some_and(|head| head.success_report),
            failure_report: send
                .map(|head| head.failure_report)
                .unwrap_or_default()
                .to_string(),
            invite: SessionFields::of(&letter.request),
            ok: SessionFields::read(&session.ok),
            bye: session.bye.as_ref().map(SessionFields::read),
        })
    }
}

impl SessionFields {
    fn read(raw: &Bytes) -> Self {
        Message::parse_head_only(raw.clone())
            .map_or_else(Self::nothing, |message| Self::of(&message))
    }

    fn of(message: &Message) -> Self {
        let text = |name: &str| {
            let values: Vec<String> = message.headers(name).map(|field| field.text()).collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        Self {
            from: text("From"),
            to: text("To"),
            asserted_identity: text("P-Asserted-Identity"),
            subject: text("Subject"),
            date: text("Date"),
        }
    }

    fn nothing() -> Self {
        Self {
            from: None,
            to: None,
            asserted_identity: None,
            subject: None,
            date: None,
        }
    }

    /// The fields that are there, by name.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, &str)> {
        let fields = [
            ("From", &self.from),
            ("To", &self.to),
            ("P-Asserted-Identity", &self.asserted_identity),
            ("Subject", &self.subject),
            ("Date", &self.date),
        ];
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .collect()
    }
}
