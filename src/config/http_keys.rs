//! The configuration keys of the HTTP listener.

use super::keys::{Key, key};

/// `http.*`
pub(super) const KEYS: &[Key] = &[
    key(
        "http.listen",
        "127.0.0.1:8080",
        "Addresses to serve HTTP on; port 0 takes a free one.",
    ),
    key(
        "http.tls_listen",
        "",
        "Addresses to serve HTTP over TLS on. Absent: none.",
    ),
    key(
        "http.tls_certificate",
        "",
        "PEM file with the certificate chain for HTTP over TLS; read again on SIGHUP.",
    ),
    key("http.tls_key", "", "PEM file with its private key."),
    key(
        "http.tls_client_authorities",
        "",
        "PEM file with authorities. Clients are asked for a certificate of one of them, by which gateways are known (`http.gateways`). Absent: none is asked.",
    ),
    key(
        "http.gateways",
        "",
        "Gateways that need no token: tables `[[http.gateways]]` with `name`, `certificate_name`, `aors` and `domains`; see docs/http.md.",
    ),
    key(
        "http.public_url",
        "",
        "How browsers reach this server, if not by the listening address. With `https:`, or without it over TLS, cookies are marked secure.",
    ),
    key(
        "http.trusted_proxies",
        "127.0.0.0/8,::1/128",
        "Networks of proxies that are believed on where a request comes from (`X-Forwarded-For` or `Forwarded`) and on TLS (`X-Forwarded-Proto: https`). XCAP takes Basic credentials only from clients that came over TLS. They must set these header fields, whatever their clients send.",
    ),
    key(
        "http.cors_origins",
        "",
        "Origins, as in `https://app.example.org`, of pages whose scripts may call the API, XCAP and the gateway with a token (CORS). Cookies are never taken from them. Absent: none.",
    ),
    key(
        "http.request_timeout",
        "30s",
        "A request not answered within this time is given up.",
    ),
    key(
        "http.header_timeout",
        "10s",
        "The head of a request must be there within this time of its first octet, and of a TLS handshake all; else 408.",
    ),
    key(
        "http.body_timeout",
        "10s",
        "A body of which nothing comes for so long, or that comes slower than 4 KiB a second after it, is given up: 408. A client that reads nothing of its answer for so long is given up as well.",
    ),
    key(
        "http.idle_timeout",
        "75s",
        "A connection on which no request comes for so long is closed.",
    ),
    key(
        "http.max_header_bytes",
        "65536",
        "The largest head of a request, in octets; at most 100 header fields are taken. Larger ones get 431.",
    ),
    key(
        "http.max_connections",
        "4096",
        "The most HTTP connections at once.",
    ),
    key(
        "http.max_connections_per_peer",
        "2048",
        "The most of them from one address. A proxy is one address.",
    ),
    key(
        "http.session_idle_timeout",
        "2h",
        "Whoever is signed in and does nothing for so long signs in again.",
    ),
    key(
        "http.session_total_timeout",
        "12h",
        "So does whoever signed in so long ago.",
    ),
    key(
        "http.rate_limits.sign_in",
        "10",
        "Attempts a minute to sign in with one name from one address (of IPv6, from one /64). As for all rates: so many at once if need be, 0 is any number, each node counts for itself, and more get 429.",
    ),
    key(
        "http.rate_limits.sign_in_per_address",
        "60",
        "Attempts a minute to sign in from one address.",
    ),
    key(
        "http.rate_limits.refused",
        "600",
        "Requests a minute from one address with a token that is no good.",
    ),
    key(
        "http.rate_limits.api",
        "1200",
        "Requests a minute of one person or token, to the API, XCAP and pages.",
    ),
    key(
        "http.rate_limits.search",
        "120",
        "Searches a minute of one person or token.",
    ),
    key(
        "http.rate_limits.export",
        "10",
        "Exports a minute of one person or token.",
    ),
    key(
        "http.rate_limits.gateway",
        "1200000",
        "Requests a minute of one gateway.",
    ),
];

/// Those of them that are lists.
pub(super) const LISTS: &[&str] = &[
    "http.listen",
    "http.tls_listen",
    "http.trusted_proxies",
    "http.cors_origins",
];
