//! A browser without a screen: forms, pages, the cookie.

use reqwest::Method;

use super::{Answer, PASSWORD, TestApp};

/// Sends a form.
pub async fn post(app: &TestApp, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = app
        .request(Method::POST, path)
        .header("cookie", cookie)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    app.send(request).await
}

/// A page, for whoever has this cookie.
pub async fn page(app: &TestApp, path: &str, cookie: &str) -> Answer {
    app.send(app.request(Method::GET, path).header("cookie", cookie))
        .await
}

/// The cookie that an answer sets.
pub fn cookie(answer: &Answer) -> String {
    answer
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

/// The cookie of somebody who signs in.
pub async fn sign_in(app: &TestApp, name: &str) -> String {
    let answer = post(
        app,
        "/sign-in",
        "",
        &[("name", name), ("password", PASSWORD)],
    )
    .await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    cookie(&answer)
}

/// What a page's forms prove their origin with.
pub fn csrf(page: &Answer) -> String {
    let text = page.text();
    let after = text.split("name=\"csrf\" value=\"").nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}
