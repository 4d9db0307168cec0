//! Who may do what: the table. `tests/it/tenants.rs` tries each row with each caller, and finds the routes without one.

/// The answers to, in this order: nobody; a stranger, who owns another account in another domain; Alice's own token that
/// only reads; one that has expired; one that was revoked; an operator of another domain; an operator of Alice's domain;
/// a gateway; an administrator. On pages the strangers, operators and administrators are people who have signed in, and
/// whoever is sent to sign in counts as 401; tokens open no page.
pub type Answers = [u16; 9];

/// What reads Alice's account.
pub const READS: Answers = [401, 404, 200, 401, 401, 404, 200, 403, 200];
/// What changes something of it, and what is done without an answer.
pub const CHANGES: Answers = [401, 404, 403, 401, 401, 404, 200, 403, 200];
pub const ENDS: Answers = [401, 404, 403, 401, 401, 404, 204, 403, 204];
/// What everybody has something of.
pub const LISTS: Answers = [401, 200, 200, 401, 401, 200, 200, 403, 200];
/// What operators have.
pub const OPERATES: Answers = [401, 403, 403, 401, 401, 200, 200, 403, 200];
/// What hands over.
pub const HANDS_OVER: Answers = [401, 403, 403, 401, 401, 403, 403, 201, 403];
/// What is for everybody.
pub const OPEN: Answers = [200; 9];
/// A page of Alice's account, a form on one, and pages that are for operators and for administrators.
pub const PAGE: Answers = [401, 404, 401, 401, 401, 404, 200, 401, 200];
pub const FORM: Answers = [401, 404, 401, 401, 401, 404, 303, 401, 303];
pub const OPERATORS_PAGE: Answers = [401, 404, 401, 401, 401, 200, 200, 401, 200];
pub const NO_PAGE: Answers = [401, 404, 401, 401, 401, 404, 404, 401, 404];
/// What is done to oneself, where it leads back to.
pub const ANYBODYS_FORM: Answers = [401, 303, 401, 401, 401, 303, 303, 401, 303];
pub const ANYBODYS_PAGE: Answers = [401, 200, 401, 401, 401, 200, 200, 401, 200];

/// What only administrators do.
pub const fn administers(status: u16) -> Answers {
    [401, 403, 403, 401, 401, 403, 403, 403, status]
}

/// What connectors do.
pub const fn connects(status: u16) -> Answers {
    [401, 403, 403, 401, 401, 403, 403, status, 403]
}

pub const MESSAGE: &str = "/api/v1/accounts/{aor}/messages/{id}";

/// Operations of the API.
pub const API: &[(&str, &str, Answers)] = &[
    ("GET", "/healthz", OPEN),
    ("GET", "/readyz", OPEN),
    ("POST", "/gateway/v1/messages", HANDS_OVER),
    ("POST", "/gateway/v1/large-messages", HANDS_OVER),
    ("GET", "/gateway/v1/reports", connects(200)),
    ("POST", "/gateway/v1/reports/{id}/ack", connects(204)),
    ("POST", "/gateway/v1/reports/{id}/nack", connects(204)),
    (
        "GET",
        "/api/v1/me",
        [401, 200, 200, 401, 401, 200, 200, 200, 200],
    ),
    ("GET", "/api/v1/accounts", LISTS),
    ("GET", "/api/v1/accounts/{aor}", READS),
    // A program deletes its owner's messages, not its owner.
    (
        "DELETE",
        "/api/v1/accounts/{aor}",
        [401, 403, 403, 401, 401, 404, 200, 403, 200],
    ),
    ("GET", "/api/v1/accounts/{aor}/messages", READS),
    ("POST", "/api/v1/accounts/{aor}/messages/delete", CHANGES),
    ("GET", MESSAGE, READS),
    ("PATCH", MESSAGE, CHANGES),
    ("DELETE", MESSAGE, ENDS),
    ("GET", "/api/v1/accounts/{aor}/messages/{id}/raw", READS),
    ("GET", "/api/v1/accounts/{aor}/messages/{id}/content", READS),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages/{id}/session/{part}",
        READS,
    ),
    ("GET", "/api/v1/accounts/{aor}/messages/{id}/preview", READS),
    ("GET", "/api/v1/accounts/{aor}/export", READS),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages/{id}/parts/{n}",
        READS,
    ),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages/{id}/timeline",
        READS,
    ),
    ("GET", "/api/v1/events", LISTS),
    ("GET", "/api/v1/audit", OPERATES),
    // The chain is of all accounts.
    ("GET", "/api/v1/audit/export", administers(200)),
    ("GET", "/api/v1/audit/verification", administers(200)),
    ("GET", "/api/v1/reports", OPERATES),
    // Somebody is sending it.
    (
        "POST",
        "/api/v1/reports/{id}/retry",
        [401, 403, 403, 401, 401, 404, 409, 403, 409],
    ),
    (
        "DELETE",
        "/api/v1/reports/{id}",
        [401, 403, 403, 401, 401, 404, 204, 403, 204],
    ),
    ("GET", "/api/v1/users", administers(200)),
    ("POST", "/api/v1/users", administers(201)),
    ("GET", "/api/v1/users/{id}", administers(200)),
    ("PATCH", "/api/v1/users/{id}", administers(200)),
    ("DELETE", "/api/v1/users/{id}", administers(204)),
    ("GET", "/api/v1/tokens", administers(200)),
    ("POST", "/api/v1/tokens", administers(201)),
    ("GET", "/api/v1/tokens/{id}", administers(200)),
    ("POST", "/api/v1/tokens/{id}/rotate", administers(200)),
    ("DELETE", "/api/v1/tokens/{id}", administers(204)),
];

/// Pages, and where their forms go.
pub const PAGES: &[(&str, &str, Answers)] = &[
    ("GET", "/", [401, 303, 401, 401, 401, 303, 303, 401, 303]),
    ("GET", "/sign-in", OPEN),
    // Nobody's name and password.
    ("POST", "/sign-in", [401; 9]),
    ("GET", "/setup", [404; 9]),
    ("POST", "/setup", [404; 9]),
    ("GET", "/accounts", ANYBODYS_PAGE),
    ("GET", "/accounts/{aor}", PAGE),
    ("POST", "/accounts/{aor}/delete", FORM),
    ("POST", "/accounts/{aor}/undo", FORM),
    ("GET", "/accounts/{aor}/erase", PAGE),
    // Without its address typed again.
    (
        "POST",
        "/accounts/{aor}/erase",
        [401, 404, 401, 401, 401, 404, 422, 401, 422],
    ),
    // It leads operators to where they say why.
    (
        "GET",
        "/accounts/{aor}/metadata",
        [401, 404, 401, 401, 401, 404, 303, 401, 303],
    ),
    ("GET", "/accounts/{aor}/reason", PAGE),
    // Without a reason.
    (
        "POST",
        "/accounts/{aor}/reason",
        [401, 404, 401, 401, 401, 404, 422, 401, 422],
    ),
    ("GET", "/audit", OPERATORS_PAGE),
    // Nobody is half signed in, and nobody was invited.
    ("GET", "/sign-in/code", [401; 9]),
    ("POST", "/sign-in/code", [401; 9]),
    ("GET", "/welcome", [404; 9]),
    ("POST", "/welcome", [404; 9]),
    // Of the demo alone.
    ("POST", "/accounts/{aor}/test-message", NO_PAGE),
    ("GET", "/accounts/{aor}/messages/{id}", PAGE),
    // It leads to the message, which asks who is there.
    ("GET", "/accounts/{aor}/messages/{id}/extend", [303; 9]),
    ("POST", "/accounts/{aor}/messages/{id}/extend", FORM),
    ("GET", "/reports", OPERATORS_PAGE),
    // One that is not there says so on the next page.
    (
        "POST",
        "/reports/{id}/retry",
        [401, 404, 401, 401, 401, 303, 303, 401, 303],
    ),
    (
        "POST",
        "/reports/{id}/drop",
        [401, 404, 401, 401, 401, 303, 303, 401, 303],
    ),
    ("GET", "/problems", OPEN),
    ("GET", "/problems/{slug}", OPEN),
    ("GET", "/me", ANYBODYS_PAGE),
    ("POST", "/me/password", ANYBODYS_FORM),
    ("POST", "/me/sessions/end", ANYBODYS_FORM),
    ("POST", "/me/tokens", ANYBODYS_FORM),
    ("POST", "/me/tokens/{id}/revoke", ANYBODYS_FORM),
    ("GET", "/me/second-factor", ANYBODYS_PAGE),
    ("POST", "/me/second-factor", ANYBODYS_FORM),
    ("POST", "/me/second-factor/codes", ANYBODYS_FORM),
    ("POST", "/me/second-factor/remove", ANYBODYS_FORM),
    ("POST", "/me/sessions/end-others", ANYBODYS_FORM),
    // It ends the session, so it comes last; those that have none are sent to where it leads.
    ("POST", "/sign-out", [401; 9]),
];

pub const LIST: &str = "/xcap-root/resource-lists/users/{aor}/index";

/// Requests to the XCAP root.
pub const XCAP: &[(&str, &str, Answers)] = &[
    ("PUT", LIST, CHANGES),
    ("GET", LIST, READS),
    ("DELETE", LIST, CHANGES),
    (
        "GET",
        "/xcap-root/org.openmobilealliance.deferred-list/users/{aor}/deferred-list",
        READS,
    ),
    (
        "GET",
        "/xcap-root/org.openmobilealliance.xcap-directory/users/{aor}/directory.xml",
        READS,
    ),
    ("GET", "/xcap-root/xcap-caps/global/index", LISTS),
    (
        "PUT",
        "/xcap-root/resource-lists/global/index",
        [401, 403, 403, 401, 401, 403, 403, 403, 200],
    ),
    ("GET", "/xcap-root/resource-lists/global/index", LISTS),
];
