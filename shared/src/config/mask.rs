//! How a value may be shown.

/// What stands for a secret.
pub(super) const MASK: &str = "***";

const LONGEST_SHOWN: usize = 80;

/// Whether a key's name says that its value may be secret.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["key", "secret", "token", "password", "passwd", "credential"].iter().any(|word| key.contains(word))
}

/// Whether a text looks like a vendor's key, wherever it stands.
pub(super) fn looks_like_key(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'']);
    ["sk-", "sk_", "AIza", "gsk_", "xai-", "hf_"].iter().any(|prefix| text.starts_with(prefix))
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

/// The text with what stands before an `@` and after a `?` in a URL masked.
fn without_credentials(text: &str) -> String {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'')).map(String::from).unwrap_or_default();
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let rest = rest.rsplit_once('@').map_or_else(|| rest.to_owned(), |(_, host)| format!("{MASK}@{host}"));
    let rest = rest.split_once('?').map_or(rest.clone(), |(before, _)| format!("{before}?{MASK}{quote}"));
    format!("{scheme}://{rest}")
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
    }

    #[test]
    fn control_characters_and_long_values_are_made_harmless() {
        assert_eq!(shown("model", "a\u{1b}[2Jb\u{202e}c\nd"), "a�[2Jb�c�d");
        assert_eq!(shown("model", &"x".repeat(200)).chars().count(), 81);
    }
}
