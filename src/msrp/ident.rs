//! Identifiers: transaction identifiers and Message-IDs (RFC 4975 section 9, `ident`).
//!
//! A transaction identifier also frames its request, see [`crate::msrp::boundary`].

use std::fmt;
use std::str::FromStr;

/// The fewest characters of an identifier.
pub const MIN_IDENT: usize = 4;
/// The most characters of an identifier.
pub const MAX_IDENT: usize = 32;

/// 4 to 32 of `A-Z a-z 0-9 . - + % =`, the first a letter or digit. Compared with regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ident(String);

/// What was read is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an identifier has 4 to 32 letters, digits and . - + % =, and begins with a letter or digit"
)]
pub struct IdentError;

impl Ident {
    /// Reads an identifier.
    ///
    /// # Errors
    /// [`IdentError`].
    pub fn parse(octets: &[u8]) -> Result<Self, IdentError> {
        let first_fits = octets.first().is_some_and(u8::is_ascii_alphanumeric);
        if !first_fits || !(MIN_IDENT..=MAX_IDENT).contains(&octets.len()) {
            return Err(IdentError);
        }
        if !octets.iter().copied().all(is_ident_char) {
            return Err(IdentError);
        }
        String::from_utf8(octets.to_vec())
            .map(Self)
            .map_err(|_| IdentError)
    }

    /// An identifier out of 96 random bits, as 24 hexadecimal digits. RFC 4975 section 7.1 asks for at least
    /// 64 bits in a transaction identifier.
    #[must_use]
    pub fn from_random(random: [u8; 12]) -> Self {
        let digits = random
            .iter()
            .flat_map(|octet| [octet >> 4, octet & 15])
            .filter_map(|digit| char::from_digit(u32::from(digit), 16));
        Self(digits.collect())
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Ident {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        Self::parse(text.as_bytes())
    }
}

/// `ident-char`.
pub(super) fn is_ident_char(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b".-+%=".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_characters() {
        for good in ["6aef", "d93kswow", "a.-+%=", &"x".repeat(32)] {
            assert_eq!(Ident::parse(good.as_bytes()).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "abc",
            ".abcd",
            "-abcd",
            "ab cd",
            "ab/cd",
            "äbcd",
            &"x".repeat(33),
        ] {
            assert_eq!(Ident::parse(bad.as_bytes()), Err(IdentError), "{bad}");
        }
    }

    #[test]
    fn random_ones_are_identifiers() {
        let ident = Ident::from_random([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xab, 0xff]);
        assert_eq!(ident.as_str(), "00010203040506070809abff");
        assert_eq!(Ident::parse(ident.as_str().as_bytes()), Ok(ident));
    }
}
