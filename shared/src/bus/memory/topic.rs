//! Which binding keys a routing key matches.

use crate::bus::ExchangeKind;

/// Whether an exchange of this kind hands a message with `routing_key` to a queue bound with `binding_key`.
pub(super) fn routes(kind: ExchangeKind, binding_key: &str, routing_key: &str) -> bool {
    match kind {
        ExchangeKind::Fanout => true,
        ExchangeKind::Direct => binding_key == routing_key,
        ExchangeKind::Topic => {
            let pattern: Vec<&str> = binding_key.split('.').collect();
            let words: Vec<&str> = routing_key.split('.').collect();
            matches(&pattern, &words)
        }
    }
}

/// `*` stands for exactly one word, `#` for any number of words.
///
/// The usual walk for wildcards: it remembers the last `#` and lets it take one word more whenever the rest does not fit.
/// O(words × pattern) whatever the pattern.
fn matches(pattern: &[&str], words: &[&str]) -> bool {
    let (mut at, mut word) = (0, 0);
    let mut last_hash: Option<(usize, usize)> = None;
    while word < words.len() {
        match pattern.get(at) {
            Some(&"#") => {
                last_hash = Some((at, word));
                at += 1;
            }
            Some(&part) if part == "*" || part == words[word] => {
                at += 1;
                word += 1;
            }
            _ => {
                let Some((hash, taken)) = last_hash else { return false };
                last_hash = Some((hash, taken + 1));
                at = hash + 1;
                word = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|part| *part == "#")
}

#[cfg(test)]
mod tests {
    use super::{ExchangeKind, routes};

    #[test]
    fn a_star_is_one_word_and_a_hash_is_any_number_of_words() {
        for (pattern, key, expected) in [
            ("#", "", true),
            ("#", "a.b.c", true),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("a.#", "a", true),
            ("a.#", "a.b.c", true),
            ("#.c", "a.b.c", true),
            ("#.c", "c", true),
            ("#.c", "a.c.b", false),
            ("a.#.c", "a.c", true),
            ("a.#.c", "a.x.c.y.c", true),
            ("*.#", "", true),
            ("*.#.*", "a", false),
            ("all", "all", true),
            ("all", "all.of", false),
        ] {
            assert_eq!(routes(ExchangeKind::Topic, pattern, key), expected, "{pattern} and {key}");
        }
    }

    #[test]
    fn a_direct_exchange_knows_no_wildcards_and_a_fanout_needs_no_key() {
        assert!(!routes(ExchangeKind::Direct, "*", "model"));
        assert!(routes(ExchangeKind::Direct, "model", "model"));
        assert!(routes(ExchangeKind::Fanout, "", "whatever"));
    }
}
