//! Pages about people's own sign-in.

use askama::Template;

use super::{Chrome, Moment};

/// `GET /sign-in/code`: the second factor, after the password; its form posts `code`.
#[derive(Debug, Template)]
#[template(path = "sign_in_code.html")]
pub struct SignInCodePage {
    pub chrome: Chrome,
    pub error: Option<String>,
}

/// `GET /welcome?token=…`: a person chooses a password by a link that an operator made.
#[derive(Debug, Template)]
#[template(path = "welcome.html")]
pub struct WelcomePage {
    pub chrome: Chrome,
    pub name: String,
    /// It is the first password.
    pub is_new: bool,
    /// The secret of the link.
    pub token: String,
    pub error: Option<String>,
    /// Shortest password accepted, in characters.
    pub password_min: u32,
}

/// One of one's own sessions.
#[derive(Debug, Clone)]
pub struct OwnSessionRow {
    /// What the form that ends it posts as `session`.
    pub key: String,
    /// "Firefox on Linux".
    pub agent: String,
    pub address: String,
    pub begun: Option<Moment>,
    pub used: Option<Moment>,
    /// The one that looks at the page.
    pub is_this: bool,
}

/// One of one's own tokens.
#[derive(Debug, Clone)]
pub struct OwnTokenRow {
    pub name: String,
    /// "read, delete".
    pub scopes: String,
    pub aors: String,
    pub made: Moment,
    pub expires: Option<Moment>,
    pub used: Option<Moment>,
    /// It has expired.
    pub is_over: bool,
    pub revoke_href: String,
}

/// `GET /me`: one's own account.
#[derive(Debug, Template)]
#[template(path = "me.html")]
pub struct MePage {
    pub chrome: Chrome,
    pub name: String,
    pub role: String,
    /// One's own addresses: those a token may be bound to.
    pub aors: Vec<String>,
    /// Shortest password accepted, in characters.
    pub password_min: u32,
    pub has_second_factor: bool,
    /// Recovery codes that were not used.
    pub codes_left: u64,
    pub sessions: Vec<OwnSessionRow>,
    pub tokens: Vec<OwnTokenRow>,
}

/// A QR code.
#[derive(Debug)]
pub struct QrPicture {
    /// Modules of a side, with the white ones round it.
    pub width: usize,
    /// The dark modules, as the `d` of an SVG path.
    pub path: String,
}

/// `GET /me/second-factor`: the secret for an authenticator app; its form posts `code` and `password`.
#[derive(Debug, Template)]
#[template(path = "second_factor.html")]
pub struct SecondFactorPage {
    pub chrome: Chrome,
    pub qr: QrPicture,
    /// The secret for typing.
    pub groups: String,
    /// The `otpauth:` address that opens the app on the same device.
    pub uri: String,
}

/// Recovery codes, shown once.
#[derive(Debug, Template)]
#[template(path = "recovery_codes.html")]
pub struct RecoveryCodesPage {
    pub chrome: Chrome,
    pub codes: Vec<String>,
}

/// The secret of a new token, shown once.
#[derive(Debug, Template)]
#[template(path = "token_made.html")]
pub struct TokenMadePage {
    pub chrome: Chrome,
    pub name: String,
    pub secret: String,
    /// A user name for clients that know passwords only.
    pub digest_name: String,
}
