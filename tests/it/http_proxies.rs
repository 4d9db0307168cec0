//! Behind proxies: who a request comes from, and whether over TLS, as far as those say it who are trusted.

use reqwest::Method;

use crate::support::xcap::LISTS;
use crate::support::{Answer, Backend, TestApp};

/// Tries to sign in with a wrong password, with these header fields.
async fn attempt(app: &TestApp, fields: &[(&str, &str)]) -> u16 {
    let mut request = app
        .request(Method::POST, "/sign-in")
        .header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let answer = app.send(request.body("name=alice&password=wrong")).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn attempts_are_counted_by_the_address_that_a_trusted_proxy_names() {
    let config = "[http]\n[http.rate_limits]\nsign_in = 3\n";
    let app = TestApp::start(Backend::Sqlite, config).await;
    let forwarded = |n: u32| format!("198.51.100.{n}, 192.0.2.1");
    for n in 0..3 {
        // What a client puts in front of the list does not make it somebody else.
        assert_eq!(
            attempt(&app, &[("x-forwarded-for", &forwarded(n))]).await,
            401
        );
    }
    assert_eq!(
        attempt(&app, &[("x-forwarded-for", &forwarded(9))]).await,
        429
    );
    assert_eq!(attempt(&app, &[("forwarded", "for=192.0.2.1")]).await, 429);
    assert_eq!(
        attempt(&app, &[("x-forwarded-for", "192.0.2.2")]).await,
        401
    );
    assert_eq!(
        attempt(&app, &[("forwarded", "for=\"[2001:db8::1]:99\"")]).await,
        401
    );
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let config = "[http]\ntrusted_proxies = ['192.0.2.0/24']\n[http.rate_limits]\nsign_in = 3\n";
    let app = TestApp::start(Backend::Sqlite, config).await;
    for n in 0..3 {
        let address = format!("192.0.2.{n}");
        assert_eq!(attempt(&app, &[("x-forwarded-for", &address)]).await, 401);
    }
    assert_eq!(
        attempt(&app, &[("x-forwarded-for", "192.0.2.9")]).await,
        429
    );
    assert_eq!(attempt(&app, &[("forwarded", "for=192.0.2.9")]).await, 429);
}

#[tokio::test]
async fn tls_is_what_a_trusted_proxy_says_it_is() {
    let get = async |app: &TestApp, fields: &[(&str, &str)]| -> Answer {
        let mut request = app.request(Method::GET, LISTS);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        app.send(request).await
    };
    // Basic is offered over TLS only, and browsers are told to stay there.
    let is_secure = |answer: &Answer| {
        let offered = answer.headers.get_all("www-authenticate").iter();
        let basic = offered
            .filter(|value| value.as_bytes().starts_with(b"Basic"))
            .count();
        let stays = answer.header("strict-transport-security") == "max-age=31536000";
        assert_eq!(basic == 1, stays);
        stays
    };
    let app = TestApp::start(Backend::Sqlite, "").await;
    for (fields, expected) in [
        (&[][..], false),
        (&[("x-forwarded-proto", "https")], true),
        (&[("x-forwarded-proto", "http")], false),
        (&[("forwarded", "for=192.0.2.1;proto=https")], true),
        (
            &[(
                "forwarded",
                "for=192.0.2.1;proto=https, for=192.0.2.2;proto=http",
            )],
            false,
        ),
        (
            &[
                ("forwarded", "for=192.0.2.1;proto=https"),
                ("x-forwarded-for", "192.0.2.1"),
            ],
            true,
        ),
        // A proxy that sets one lets the other pass.
        (
            &[
                ("forwarded", "for=192.0.2.9;proto=https"),
                ("x-forwarded-for", "192.0.2.1"),
            ],
            false,
        ),
    ] {
        assert_eq!(is_secure(&get(&app, fields).await), expected, "{fields:?}");
    }
    let app = TestApp::start(Backend::Sqlite, "[http]\ntrusted_proxies = []\n").await;
    assert!(!is_secure(
        &get(&app, &[("x-forwarded-proto", "https")]).await
    ));
    assert!(!is_secure(
        &get(&app, &[("forwarded", "for=192.0.2.1;proto=https")]).await
    ));
}
