//! How a value may be shown.

/// What stands for a secret.
pub(crate) const MASK: &str = "***";

const LONGEST_SHOWN: usize = 80;

/// Letters and digits in a row, from so many on, are no setting's spelling.
const LONGEST_PLAIN_WORD: usize = 20;

/// Whether a key's name says that its value may be secret.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["key", "secret", "token", "pass", "pwd", "cred", "auth", "bearer", "cookie", "header", "session"]
        .iter()
        .any(|word| key.contains(word))
}

/// Whether a text looks like a vendor's key, or holds one, wherever it stands.
pub(super) fn looks_like_key(text: &str) -> bool {
    let vendors = ["sk-", "sk_", "aiza", "gsk_", "xai-", "hf_", "ghp_", "eyj"];
    let text = text.to_ascii_lowercase();
    ["bearer ", "basic ", "authorization"].iter().any(|word| text.contains(word))
        || words(&text).any(|word| vendors.iter().any(|prefix| word.starts_with(prefix)))
}

/// Whether what should be a path may be a key instead.
pub(super) fn may_be_key(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    looks_like_key(name) || is_opaque(name) && !path.contains(['/', '\\', '.'])
}

/// Whether a text may be a secret that nothing else tells: one long word of letters and digits.
fn is_opaque(text: &str) -> bool {
    let mixed =
        |word: &str| word.contains(|c: char| c.is_ascii_digit()) && word.contains(char::is_alphabetic);
    words(text).any(|word| word.len() >= LONGEST_PLAIN_WORD && mixed(word))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
}

/// The value of a key that is not known, so that nothing says what it may be.
pub(super) fn shown_unknown(key: &str, written: &str) -> String {
    if is_opaque(written) { MASK.to_owned() } else { shown(key, written) }
}

/// A written value for people: secrets masked, control characters inert, one line, shortened.
pub(super) fn shown(key: &str, written: &str) -> String {
    if is_secret_key(key) || looks_like_key(written) {
        MASK.to_owned()
    } else {
        shortened(&without_credentials(written))
    }
}

/// A text for people: control characters inert, one line, shortened.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(LONGEST_SHOWN)
        .map(|c| if c.is_control() || is_bidi_control(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().nth(LONGEST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a character turns the direction of the text after it.
pub(crate) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with what may be secret in an address masked: what stands before an `@`, with a scheme or without, and after a `?` or `#`.
pub(crate) fn without_credentials(text: &str) -> String {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'')).map(String::from).unwrap_or_default();
    let bare = &text[quote.len()..];
    let (scheme, rest) = bare.split_once("://").unwrap_or_default();
    let (scheme, rest) = if scheme.is_empty() { ("", bare) } else { (&bare[..scheme.len() + 3], rest) };
    let (before, after) = match rest.rsplit_once('@') {
        None => ("", rest),
        // An `@` behind the first `?` may stand within a secret: then there is no telling where one ends.
        Some((user, _)) if user.contains(['?', '#', '"', '\'']) => {
            return format!("{quote}{scheme}{MASK}{quote}");
        }
        Some((_, host)) => ("***@", host),
    };
    match after.find(['?', '#']) {
        None => format!("{quote}{scheme}{before}{after}"),
        Some(at) => {
            let (shown, sign) = (&after[..at], &after[at..=at]);
            format!("{quote}{scheme}{before}{shown}{sign}{MASK}{quote}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_masked() {
        assert_eq!(shown("api_key", r#""abc""#), "***");
        assert_eq!(shown("apikey", "abc"), "***");
        assert_eq!(shown("ACCESS_TOKEN", "abc"), "***");
        assert_eq!(shown("model", r#""sk-abc""#), "***");
        assert_eq!(shown("base_url", r#""http://u:p@ss@host/v1?key=abc""#), r#""http://***@host/v1?***""#);
        assert_eq!(shown("weight", "-1"), "-1");
        for key in ["Authorization", "bearer", "extra_headers", "auth", "credentials", "cookie", "passphrase"]
        {
            assert_eq!(shown(key, "abc"), "***", "{key}");
        }
        for value in ["\"Bearer abc\"", "[\"X: basic abc\"]", "[\"sk-abc\"]", "eyJhbGciOi.abc"] {
            assert_eq!(shown("extra", value), "***", "{value}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_secrets_however_it_is_spelt() {
        for (written, safe) in [
            ("u:HUSH@host", "***@host"),
            ("\"u:HUSH@host:5672/v\"", "\"***@host:5672/v\""),
            ("amqp:u:HUSH@host", "***@host"),
            ("amqp://u:HU@SH@host", "amqp://***@host"),
            ("://u:HUSH@host", "***@host"),
            ("redis://host?password=HU@SH", "redis://***"),
            ("redis://u:HU?SH@host", "redis://***"),
            ("host/v1?key=HUSH", "host/v1?***"),
            ("'http://host/#HUSH'", "'http://host/#***'"),
            ("[\"u:HUSH@host\"]", "***"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(shown("amqp_url", written), safe);
        }
    }

    #[test]
    fn under_an_unknown_key_a_long_word_of_letters_and_digits_is_masked() {
        assert_eq!(shown_unknown("extra", "\"0a1b2c3d4e5f6a7b8c9d0e1f\""), "***");
        assert_eq!(shown_unknown("Authorization", "\"abc\""), "***");
        assert_eq!(shown_unknown("modle", "\"gpt-6-luna\""), "\"gpt-6-luna\"");
        assert_eq!(shown_unknown("producer", "4"), "4");
    }

    #[test]
    fn control_characters_and_long_values_are_made_harmless() {
        assert_eq!(shown("model", "a\u{1b}[2Jb\u{202e}c\nd"), "a�[2Jb�c�d");
        assert_eq!(shown("model", &"x".repeat(200)).chars().count(), 81);
    }
}
