//! How names are told apart and put into alphabetical order, and what a prompt says about their first letters.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A name without what differs between spellings: lower case, no diacritics, words of letters and digits with a space between.
pub(super) fn fold(name: &str) -> String {
    let plain = name.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    let mut folded = String::with_capacity(name.len());
    for c in plain {
        match c {
            '\'' | '’' => {}
            c if c.is_alphanumeric() => folded.push(c),
            _ if folded.is_empty() || folded.ends_with(' ') => {}
            _ => folded.push(' '),
        }
    }
    folded.truncate(folded.trim_end().len());
    ["the ", "a ", "an "]
        .into_iter()
        .find_map(|article| folded.strip_prefix(article))
        .unwrap_or(&folded)
        .to_owned()
}

/// Beginnings of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Letters {
    /// From one to another, both included; folded.
    Range(String, String),
    /// What is no letter.
    Others,
}

impl Letters {
    /// Whether a folded name begins so.
    pub(super) fn fit(&self, name: &str) -> bool {
        let start = |of: &str| name.chars().take(of.chars().count()).collect::<String>();
        match self {
            Self::Range(from, to) => start(from) >= *from && start(to) <= *to,
            Self::Others => name.chars().next().is_some_and(|c| !c.is_alphabetic()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Mark(char),
}

fn tokens(text: &str) -> Vec<Token> {
    const CLOSING: [(char, char); 5] = [('"', '"'), ('“', '”'), ('‘', '’'), ('\'', '\''), ('`', '`')];
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let closing = CLOSING.iter().find(|(open, _)| *open == c).map(|(_, close)| *close);
        let quoted =
            closing.and_then(|close| after.split_once(close)).filter(|(inside, _)| inside.len() <= 12);
        if let Some((inside, behind)) = quoted {
            found.push(Token::Quoted(inside.to_owned()));
            rest = behind;
        } else if c.is_alphanumeric() {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '\'').unwrap_or(rest.len());
            found.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            if !c.is_whitespace() {
                found.push(Token::Mark(c));
            }
            rest = after;
        }
    }
    found
}

const FILLERS: [&str; 19] = [
    "with", "the", "letter", "letters", "prefix", "prefixes", "any", "of", "one", "either", "between",
    "from", "in", "range", "is", "are", "a", "first", "anything",
];

/// The beginnings that a prompt asks for; none if it does not.
pub(super) fn asked_for(text: &str) -> Vec<Letters> {
    let tokens = tokens(text);
    let mut found: Vec<Letters> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let word = word.to_lowercase();
        let begins = word.starts_with("begin") || word.starts_with("start");
        let with = |token: &Token| matches!(token, Token::Word(word) if word == "with" || word == "by");
        let named = ["letter", "letters", "prefix", "prefixes"].contains(&word.as_str());
        if named || begins && tokens.get(at + 1).is_some_and(with) {
            for letters in beginnings(&tokens[at + 1..]) {
                if !found.contains(&letters) {
                    found.push(letters);
                }
            }
        }
    }
    found
}

fn beginnings(tokens: &[Token]) -> Vec<Letters> {
    let filler = |token: &Token| match token {
        Token::Word(word) => FILLERS.contains(&word.as_str()),
        Token::Mark(mark) => *mark == ':',
        Token::Quoted(_) => false,
    };
    let skipped = tokens.iter().take_while(|token| filler(token)).count();
    let between = tokens[..skipped].iter().any(|token| *token == Token::Word("between".to_owned()));
    let mut rest = &tokens[skipped..];
    let mut found = Vec::new();
    while let Some(beginning) = rest.first().and_then(beginning) {
        rest = &rest[1..];
        let Letters::Range(from, to) = beginning else {
            found.push(beginning);
            break;
        };
        let end = rest
            .first()
            .filter(|token| is_range(token, between))
            .and_then(|_| rest.get(1))
            .and_then(self::beginning);
        let to = if let Some(Letters::Range(_, to)) = end {
            rest = &rest[2..];
            to
        } else {
            to
        };
        found.push(Letters::Range(from, to));
        let separators = rest.iter().take_while(|token| is_separator(token)).count();
        if separators == 0 {
            break;
        }
        rest = &rest[separators..];
    }
    found
}

/// A beginning as a token says it.
fn beginning(token: &Token) -> Option<Letters> {
    let alone = |text: &str| Letters::Range(fold_start(text), fold_start(text));
    match token {
        Token::Quoted(text) => Some(alone(text)),
        Token::Word(word) => {
            if ["digit", "digits", "number", "numbers", "numeral", "symbol", "symbols"]
                .contains(&word.as_str())
            {
                return Some(Letters::Others);
            }
            let short = word.chars().count() <= 3 && word.chars().all(char::is_alphabetic);
            (short && word.starts_with(char::is_uppercase)).then(|| alone(word))
        }
        Token::Mark(_) => None,
    }
}

/// Like [`fold`], but a single `A` is no article.
fn fold_start(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

fn is_range(token: &Token, between: bool) -> bool {
    match token {
        Token::Word(word) => {
            ["to", "through", "till", "until"].contains(&word.as_str()) || between && word == "and"
        }
        Token::Mark(mark) => ['-', '–', '—', '…'].contains(mark),
        Token::Quoted(_) => false,
    }
}

fn is_separator(token: &Token) -> bool {
    match token {
        Token::Word(word) => ["or", "and"].contains(&word.as_str()),
        Token::Mark(mark) => [',', '/'].contains(mark),
        Token::Quoted(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> Letters {
        Letters::Range(from.to_owned(), to.to_owned())
    }

    #[test]
    fn letters_are_found_however_they_are_asked_for() {
        let examples = [
            ("List 50 birds whose names begin with the letter B.", vec![range("b", "b")]),
            ("List birds starting with K", vec![range("k", "k")]),
            ("Give 20 names that start with \"Ba\".", vec![range("ba", "ba")]),
            ("names beginning with the letters A to F", vec![range("a", "f")]),
            ("Names that begin with A–F only", vec![range("a", "f")]),
            ("names that begin with a letter between A and F", vec![range("a", "f")]),
            (
                "names starting with A, B or C, please",
                vec![range("a", "a"), range("b", "b"), range("c", "c")],
            ),
            ("names starting with \"Ba\" to \"Be\" or \"D\"", vec![range("ba", "be"), range("d", "d")]),
            ("names that start with a digit", vec![Letters::Others]),
            ("Begin with one whose name begins with the letter Q, then go on.", vec![range("q", "q")]),
            ("Begin with the best known ones. List 20 birds.", vec![]),
            ("List birds. Start with what comes to mind.", vec![]),
        ];
        for (prompt, expected) in examples {
            assert_eq!(asked_for(prompt), expected, "{prompt}");
        }
    }

    #[test]
    fn a_beginning_is_compared_as_far_as_it_goes() {
        assert!(range("a", "f").fit("finch") && !range("a", "f").fit("goose"));
        assert!(range("ba", "be").fit("bee eater") && !range("ba", "be").fit("bittern"));
        assert!(Letters::Others.fit("7 up") && !Letters::Others.fit("up"));
    }

    #[test]
    fn spellings_of_a_name_fold_into_one() {
        for spelling in ["Île-de-France", "ile de france", "Ile-de-France.", " The ILE DE FRANCE"] {
            assert_eq!(fold(spelling), "ile de france");
        }
    }
}
