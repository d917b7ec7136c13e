//! Folding of characters: compatibility forms, case, quotation marks and dashes.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::scrub::scrub;

/// Stands for every dash that is longer than a hyphen (en dash, em dash, bar).
pub(super) const LONG_DASH: char = '—';

/// Rounds after which folding is settled for every text: one folds, one composes what folding took apart, one finds
/// nothing to do. A test walks all of Unicode, another one arbitrary text.
const ROUNDS: usize = 4;

/// Scrubs, normalises (NFKC) and folds the case of `text`, and writes quotation marks and dashes alike. Folding the
/// result again gives the same.
pub(crate) fn fold_text(text: &str) -> String {
    if is_plain(text) {
        return text.chars().map(|c| fold_mark(c.to_ascii_lowercase())).collect();
    }
    fold_any(text)
}

/// Whether a text consists of visible ASCII and spaces, as most do: nothing is to be taken out of it, taken apart or composed.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether a text is words of ASCII letters and digits with one space between them, as most are: one clean line already, whose key differs in case at most
/// (and in a leading article).
pub(super) fn is_words(text: &str) -> bool {
    let is_part = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_alphanumeric);
    text.as_bytes().split(|byte| *byte == b' ').all(is_part)
}

fn fold_any(text: &str) -> String {
    // NFKC takes the spacing acute apart into a space and an accent, so it becomes an apostrophe before.
    let mut folded: String =
        scrub(text).map(|c| if matches!(c, '´' | '\u{1ffd}') { '\'' } else { c }).nfkc().collect();
    for _ in 0..ROUNDS {
        let again: String = fold_case(&folded).nfkc().collect();
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

/// Full case folding by way of lower, upper and lower case of each character, which brings `ß`, `ẞ` and `ss`, the
/// three sigmas, and `ſ` and `s` together without a table of our own. All Turkish letters i become `i`, because
/// `IĞDIR` and `Iğdır` are one word: the dot that remains of `İ` is left out.
fn fold_case(text: &str) -> impl Iterator<Item = char> {
    let mut after_i = false;
    text.chars()
        .map(fold_mark)
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .filter(move |&c| {
            let dot = after_i && c == '\u{307}';
            // Normalisation puts marks that are written below a letter before the dot.
            let below = !matches!(canonical_combining_class(c), 0 | 230);
            after_i = dot || matches!(c, 'i' | 'į' | 'ị' | 'ḭ') || (after_i && below);
            !dot
        })
}

/// What stands for a quotation mark or a dash.
fn fold_mark(c: char) -> char {
    match c {
        '‘' | '’' | '‚' | '‛' | '`' | 'ʼ' | 'ʻ' | '‹' | '›' => '\'',
        '“' | '”' | '„' | '‟' | '«' | '»' | '「' | '」' | '『' | '』' | '〝' | '〞' | '〟' => {
            '"'
        }
        '‐' | '‑' | '−' | '⁃' | '֊' | '־' => '-',
        '‒' | '–' | '―' | '⸺' | '⸻' => LONG_DASH,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{fold_any, fold_text};

    proptest! {
        #[test]
        fn plain_text_is_folded_as_any_other(text in "[ -~]{0,60}") {
            prop_assert_eq!(fold_text(&text), fold_any(&text));
        }
    }
}
