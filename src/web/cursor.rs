//! Opaque cursors: where the next page of a list begins, authenticated, and bound to the list and
//! filter they were made for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::problem::{INVALID_CURSOR, Problem};

/// Octets of the authentication code.
const CODE: usize = 16;

/// The key that cursors are authenticated with, the same on all nodes.
pub struct CursorKey(Hmac<Sha256>);

impl CursorKey {
    /// Uses `key`.
    ///
    /// # Errors
    /// None in practice: HMAC takes keys of any length.
    pub fn new(key: &[u8]) -> Result<Self, InvalidLength> {
        Ok(Self(Hmac::new_from_slice(key)?))
    }

    /// The cursor for what comes after `position` in the list and filter that `list` describes.
    #[must_use]
    pub fn seal(&self, list: &str, position: &str) -> String {
        let mut bytes = self.code(list, position).to_vec();
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in a cursor.
    ///
    /// # Errors
    /// A [`Problem`] when the cursor is not ours or was made for another list or filter.
    pub fn open(&self, list: &str, cursor: &str) -> Result<String, Problem> {
        let refused = || Problem::new(INVALID_CURSOR);
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        let (code, position) = bytes.split_at_checked(CODE).ok_or_else(refused)?;
        let position = std::str::from_utf8(position).map_err(|_| refused())?;
        let mac = self.mac(list, position);
        mac.verify_truncated_left(code).map_err(|_| refused())?;
        Ok(position.to_owned())
    }

    fn code(&self, list: &str, position: &str) -> [u8; CODE] {
        let full = self.mac(list, position).finalize().into_bytes();
        let mut code = [0; CODE];
        code.copy_from_slice(full.split_at(CODE).0);
        code
    }

    fn mac(&self, list: &str, position: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(list.as_bytes());
        mac.update(&[0]);
        mac.update(position.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_where_it_was_made() {
        let key = CursorKey::new(&[1; 32]).unwrap();
        let cursor = key.seal("messages of 1", "42");
        assert_eq!(key.open("messages of 1", &cursor).unwrap(), "42");
        assert!(key.open("messages of 2", &cursor).is_err());
        assert!(
            CursorKey::new(&[2; 32])
                .unwrap()
                .open("messages of 1", &cursor)
                .is_err()
        );
        for forged in ["", "x", "AAAA", &cursor[1..], &format!("{cursor}AA")] {
            assert!(key.open("messages of 1", forged).is_err(), "{forged}");
        }
    }
}
