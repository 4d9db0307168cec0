//! The pages about people's own sign-in, rendered with samples.

use super::tests::{has, render};
use super::*;

#[test]
fn code() {
    let page = |error: Option<&str>| SignInCodePage {
        chrome: Chrome::anonymous("Sign in"),
        error: error.map(str::to_owned),
    };
    let html = render("sign-in-code", &page(None));
    has(
        &html,
        &["autocomplete=\"one-time-code\"", "action=\"/sign-in/code\""],
    );
    has(
        &render("sign-in-code-error", &page(Some("No."))),
        &["role=\"alert\"", "aria-invalid"],
    );
}

#[test]
fn welcome() {
    let page = |is_new| WelcomePage {
        chrome: Chrome::anonymous("Welcome"),
        name: "<b>alice</b>".into(),
        is_new,
        token: "one-time-token".into(),
        error: None,
        password_min: 12,
    };
    let html = render("welcome", &page(true));
    has(
        &html,
        &[
            "minlength=\"12\"",
            "value=\"one-time-token\"",
            "&#60;b&#62;alice",
        ],
    );
    has(
        &render("welcome-again", &page(false)),
        &["another password"],
    );
}

fn account() -> MePage {
    let at = super::samples::at;
    MePage {
        chrome: Chrome::sample("Your account"),
        name: "alice".into(),
        role: "user".into(),
        aors: vec!["sip:alice@example.org".into()],
        password_min: 12,
        has_second_factor: false,
        codes_left: 0,
        sessions: vec![
            OwnSessionRow {
                key: "k1".into(),
                agent: "Firefox on Linux".into(),
                address: "192.0.2.7".into(),
                begun: Some(at(23, 9, 5)),
                used: Some(at(23, 9, 15)),
                is_this: true,
            },
            OwnSessionRow {
                key: "k2".into(),
                agent: "Safari on iPhone".into(),
                address: "2001:db8::7".into(),
                begun: None,
                used: None,
                is_this: false,
            },
        ],
        tokens: vec![OwnTokenRow {
            name: "<i>phone</i>".into(),
            scopes: "read, delete".into(),
            aors: "sip:alice@example.org".into(),
            made: at(20, 8, 0),
            expires: Some(at(21, 8, 0)),
            used: None,
            is_over: true,
            revoke_href: "/me/tokens/7/revoke".into(),
        }],
    }
}

#[test]
fn ones_own_account() {
    let html = render("me", &account());
    has(
        &html,
        &[
            "This one",
            "value=\"k2\"",
            "&#60;i&#62;phone",
            "Expired",
            "never used",
            "href=\"/me/second-factor\"",
            "aria-current=\"page\"><span class=\"vh\">Your account",
        ],
    );
    assert!(
        !html.contains("value=\"k1\""),
        "this session is not ended here"
    );
    let guarded = MePage {
        has_second_factor: true,
        codes_left: 9,
        aors: Vec::new(),
        tokens: Vec::new(),
        ..account()
    };
    let html = render("me-guarded", &guarded);
    has(&html, &["9 recovery codes", "You own no address"]);
    assert!(!html.contains("name=\"aor\""));
}

#[test]
fn secrets_shown_once() {
    let page = SecondFactorPage {
        chrome: Chrome::sample("Add a second factor"),
        qr: QrPicture {
            width: 29,
            path: "M4 4h1v1h-1z".into(),
        },
        groups: "JBSW Y3DP".into(),
        uri: "otpauth://totp/Restante:alice?secret=JBSWY3DP&issuer=Restante".into(),
    };
    let html = render("second-factor", &page);
    has(
        &html,
        &["viewBox=\"0 0 29 29\"", "M4 4h1v1h-1z", "JBSW Y3DP"],
    );
    let page = RecoveryCodesPage {
        chrome: Chrome::sample("Recovery codes"),
        codes: vec!["aaaa-bbbb-cccc-dddd".into(), "eeee-ffff-gggg-hhhh".into()],
    };
    has(
        &render("recovery-codes", &page),
        &["aaaa-bbbb-cccc-dddd\neeee"],
    );
    let page = TokenMadePage {
        chrome: Chrome::sample("New token"),
        name: "phone".into(),
        secret: "rst_secret".into(),
        digest_name: "sip:alice@example.org".into(),
    };
    has(
        &render("token-made", &page),
        &["rst_secret", "not shown again"],
    );
}
