//! The words of a text, as a search compares them: in lower case, letters and digits only. Both databases are given
//! words, not texts, so that a search finds the same in either.

/// The most of a word that counts, in characters.
const MOST_CHARS: usize = 64;

/// The words of a text in their order. Scripts that put no space between words have a word for each character.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = Word::default();
    for c in text.chars().flat_map(char::to_lowercase) {
        if !c.is_alphanumeric() {
            words.extend(word.take());
        } else if stands_alone(c) {
            words.extend(word.take());
            words.push(c.to_string());
        } else {
            word.push(c);
        }
    }
    words.extend(word.take());
    words
}

#[derive(Default)]
struct Word {
    text: String,
    chars: usize,
}

impl Word {
    fn push(&mut self, c: char) {
        if self.chars < MOST_CHARS {
            self.text.push(c);
            self.chars += 1;
        }
    }

    fn take(&mut self) -> Option<String> {
        self.chars = 0;
        Some(std::mem::take(&mut self.text)).filter(|text| !text.is_empty())
    }
}

/// Whether the character is of a script without spaces: Thai, Lao, Burmese, Khmer, Japanese syllables, Han.
fn stands_alone(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3040..=0x30ff
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_by_what_is_no_letter_or_digit() {
        assert_eq!(
            words("Möte kl. 10:30, north_gate – sip:Bob@example.org"),
            [
                "möte", "kl", "10", "30", "north", "gate", "sip", "bob", "example", "org"
            ]
        );
        assert_eq!(words(" % \\ ' \u{0} "), [""; 0]);
        assert_eq!(words("פגישה ביום"), ["פגישה", "ביום"]);
    }

    #[test]
    fn scripts_without_spaces_are_taken_by_characters() {
        assert_eq!(words("東京へ go行く"), ["東", "京", "へ", "go", "行", "く"]);
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(words(&"x".repeat(500)), ["x".repeat(64)]);
        // A letter whose small form is two characters, the second no letter.
        assert_eq!(words("İstanbul"), ["i", "stanbul"]);
    }
}
