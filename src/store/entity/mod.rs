//! The tables as sea-orm sees them. Nothing outside `store` names these types.

pub mod account;
pub mod api_token;
pub mod api_token_aor;
pub mod api_token_domain;
pub mod audit_chain_end;
pub mod audit_event;
pub mod digest_login;
pub mod event;
pub mod idempotency_key;
pub mod large_session;
pub mod message;
pub mod message_content;
pub mod message_text;
pub mod one_time_link;
pub mod principal;
pub mod principal_aor;
pub mod principal_domain;
pub mod recovery_code;
pub mod report;
pub mod retry_key;
pub mod secret;
pub mod session;
pub mod watermark;
pub mod xcap_claim;
pub mod xcap_document;
pub mod xcap_login;
