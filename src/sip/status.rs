//! Reason phrases of status codes (RFC 3261 section 21 and the extensions we use).

/// The usual phrase of a status code; of an unknown one that of its class.
#[must_use]
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        202 => "Accepted", // RFC 6665, RFC 3428
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 | 606 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        412 => "Conditional Request Failed", // RFC 3903
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small", // RFC 4028
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event", // RFC 6665
        491 => "Request Pending",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ => class_phrase(status),
    }
}

/// The phrase of a class of status codes.
fn class_phrase(status: u16) -> &'static str {
    match status {
        100..=199 => "Progress",
        300..=399 => "Redirection",
        400..=499 => "Bad Request",
        500..=599 => "Server Internal Error",
        600..=699 => "Global Failure",
        _ => "OK",
    }
}

#[cfg(test)]
mod tests {
    use super::reason_phrase;

    #[test]
    fn every_code_has_a_phrase() {
        assert_eq!(reason_phrase(202), "Accepted");
        assert_eq!(reason_phrase(400), "Bad Request");
        assert_eq!(reason_phrase(499), "Bad Request");
        assert_eq!(reason_phrase(503), "Service Unavailable");
        assert!((0..=u16::MAX).all(|status| !reason_phrase(status).is_empty()));
    }
}
