//! Which passwords are taken (NIST SP 800-63B section 3.1.1.2): long ones, of whatever characters, that are not among those
//! everybody tries first. No rule says what a password is made of.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::password::PasswordError;

/// The shortest password, in characters: NIST has 15, or 8 where a second factor is always asked for. Between them, as
/// guessing is slowed down and people may add a second factor.
pub const MIN_PASSWORD_CHARS: u32 = 10;
/// The longest password, in octets, so that hashing one is bounded.
pub(super) const MAX_OCTETS: usize = 1024;
/// The name of this program, which is tried first here.
const PRODUCT: &str = "restante";
/// Names shorter than this may be in any word.
const SHORTEST_NAME: usize = 3;
/// So many characters are needed beside a name.
const CHARS_BESIDE_NAME: usize = 8;
/// So many digits and signs behind a common password are tried as well.
const LONGEST_TAIL: usize = 6;
/// A password with fewer different characters is as good as none.
const FEWEST_DIFFERENT: usize = 4;
/// Passwords that many have, sorted; its head says where it is from.
const COMMON: &str = include_str!("common_passwords.txt");

/// One spelling of those that look the same (NFKC): a keyboard may write an é as one character or as two.
pub(super) fn normalised(password: &str) -> Cow<'_, str> {
    if password.is_ascii() {
        return Cow::Borrowed(password);
    }
    Cow::Owned(password.nfkc().collect())
}

/// Whether a password, already normalised, may be the one of whoever has these `names`.
pub(super) fn check(password: &str, names: &[&str]) -> Result<(), PasswordError> {
    if password.chars().count() < MIN_PASSWORD_CHARS as usize {
        return Err(PasswordError::TooShort);
    }
    if password.len() > MAX_OCTETS {
        return Err(PasswordError::TooLong);
    }
    let lower = password.to_lowercase();
    if is_simple(&lower) {
        return Err(PasswordError::Simple);
    }
    if names.iter().any(|name| is_made_of(&lower, name)) {
        return Err(PasswordError::Name);
    }
    if is_made_of(&lower, PRODUCT) {
        return Err(PasswordError::Product);
    }
    if is_common(&lower) {
        return Err(PasswordError::Common);
    }
    Ok(())
}

/// Few different characters, or a run such as `abcdefghij` or `9876543210`.
fn is_simple(password: &str) -> bool {
    let chars: Vec<char> = password.chars().collect();
    let mut different = chars.clone();
    different.sort_unstable();
    different.dedup();
    if different.len() < FEWEST_DIFFERENT {
        return true;
    }
    let mut steps = chars
        .windows(2)
        .map(|pair| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0])));
    let first = steps.next().unwrap_or_default();
    first.abs() == 1 && steps.all(|step| step == first)
}

/// In the list, as it is or without the digits and signs behind it.
fn is_common(password: &str) -> bool {
    let bare = password.trim_end_matches(|c: char| !c.is_alphabetic());
    let has_tail = password.chars().count() - bare.chars().count();
    is_listed(password) || (has_tail <= LONGEST_TAIL && is_listed(bare))
}

fn is_listed(word: &str) -> bool {
    let entries = COMMON.lines().skip_while(|line| line.starts_with('#'));
    // Some tens of microseconds, beside a hash that takes a thousand times as long.
    entries.into_iter().any(|entry| entry == word)
}

/// Whether little is left of a password without this name, or the user part of this address.
fn is_made_of(password: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let address = name.split_once(':').map_or(name.as_str(), |(_, rest)| rest);
    let user = address.split('@').next().unwrap_or_default();
    [name.as_str(), address, user].into_iter().any(|name| {
        name.chars().count() >= SHORTEST_NAME && password.contains(name) && {
            password.replace(name, "").chars().count() < CHARS_BESIDE_NAME
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(password: &str) -> Option<&'static str> {
        let names = ["alice.smith", "sip:asmith@example.org"];
        match check(&normalised(password), &names) {
            Ok(()) => None,
            Err(PasswordError::TooShort) => Some("short"),
            Err(PasswordError::TooLong) => Some("long"),
            Err(PasswordError::Simple) => Some("simple"),
            Err(PasswordError::Common) => Some("common"),
            Err(PasswordError::Name) => Some("name"),
            Err(PasswordError::Product) => Some("product"),
            Err(_) => Some("other"),
        }
    }

    #[test]
    fn length_counts_and_not_what_it_is_made_of() {
        assert_eq!(refusal("correct horse"), None);
        assert_eq!(refusal("lowercaseonlyletters"), None);
        assert_eq!(refusal("пароль-из-слов"), None);
        assert_eq!(refusal("73914402185"), None);
        assert_eq!(refusal(&"a wide field ".repeat(5)), None, "64 and more");
        assert_eq!(refusal("123456789"), Some("short"));
        assert_eq!(refusal("ééééééééé"), Some("short"), "octets do not count");
        assert_eq!(refusal(&"ab cd ".repeat(200)), Some("long"));
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for common in [
            "qwertyuiop",
            "Password123",
            "1q2w3e4r5t",
            "sunshine2026!",
            "ILOVEYOU!!!!",
            "basketball",
        ] {
            assert_eq!(refusal(common), Some("common"), "{common}");
        }
        for simple in ["aaaaaaaaaaaa", "1212121212", "abcdefghijklm", "9876543210"] {
            assert_eq!(refusal(simple), Some("simple"), "{simple}");
        }
        assert_eq!(refusal("sunshine over the harbour"), None);
    }

    #[test]
    fn names_with_a_little_round_them_are_refused() {
        for name in [
            "alice.smith",
            "Alice.Smith1",
            "asmith2026",
            "asmith@example.org!",
            "sip:asmith@example.org",
        ] {
            assert_eq!(refusal(name), Some("name"), "{name}");
        }
        assert_eq!(refusal("Restante2026"), Some("product"));
        assert_eq!(refusal("asmith walks the dog"), None);
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        assert_eq!(normalised("cafe\u{301}"), normalised("caf\u{e9}"));
        assert_eq!(normalised("ﬁne"), "fine");
    }

    #[test]
    fn the_list_is_in_lower_case_and_has_no_doubles() {
        let entries: Vec<&str> = COMMON
            .lines()
            .skip_while(|line| line.starts_with('#'))
            .collect();
        assert!(entries.len() > 10_000);
        assert!(entries.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(entries.iter().all(|entry| **entry == entry.to_lowercase()));
    }
}
