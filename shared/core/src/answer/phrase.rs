//! What a piece of text looks like: a description, a title, or neither.

/// What stands behind a separator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Several words as they stand in a sentence: `the largest museum`, `A spy manipulates time`.
    Prose,
    /// Fewer of them: `Art museum`, `impressionism`.
    Phrase,
    /// Several words as they stand in a title: `Part Two`, `A New Hope`; or a question.
    Title,
    /// One word, or nothing that tells.
    Neutral,
}

/// What was counted in a piece of text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phrase {
    pub(super) kind: Kind,
    pub(super) words: usize,
    /// Begins in lower case.
    pub(super) small: bool,
    /// Begins with an article.
    pub(super) article: bool,
    /// Ends with the full stop of a sentence.
    pub(super) closed: bool,
}

/// Words of more than three letters that titles write small.
const SMALL_IN_TITLES: [&str; 24] = [
    "with", "from", "into", "over", "upon", "onto", "than", "that", "your", "avec", "pour", "dans", "chez",
    "sous", "para", "sobre", "entre", "desde", "della", "delle", "dello", "degli", "nella", "oder",
];

const ARTICLES: [&str; 22] = [
    "a", "an", "the", "un", "une", "le", "la", "les", "el", "los", "las", "il", "lo", "uno", "una", "ein",
    "eine", "der", "die", "das", "um", "uma",
];

const QUESTIONS: [&str; 9] = ["what", "why", "how", "where", "when", "who", "which", "whose", "should"];

/// As much as is read: no title is longer.
const MAX_BYTES: usize = 400;

#[derive(Default)]
struct Counts {
    words: usize,
    capital: usize,
    content: usize,
    letters: usize,
}

impl Phrase {
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim().trim_start_matches(['*', '_', '"', '“', '(']);
        let text = &text[..text.floor_char_boundary(MAX_BYTES)];
        let counts = Counts::of(text);
        let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
        let mut phrase = Self {
            kind: Kind::Neutral,
            words: counts.words,
            small: text.starts_with(char::is_lowercase),
            article: ARTICLES.contains(&first.as_str()),
            closed: text.ends_with('。') || (counts.words > 1 && ends_sentence(text)),
        };
        phrase.kind = phrase.kind(text, &first, &counts);
        phrase
    }

    fn kind(&self, text: &str, first: &str, counts: &Counts) -> Kind {
        let letter = text.chars().find(|c| c.is_alphabetic());
        let uncased = letter.is_some_and(|c| !c.is_lowercase() && !c.is_uppercase());
        let (words, content) = (counts.words, counts.content);
        if QUESTIONS.contains(&first) {
            return Kind::Title;
        }
        if uncased {
            let spaced = words > 1;
            return match counts.letters {
                _ if self.closed || (spaced && words >= 4) || (!spaced && counts.letters >= 8) => Kind::Prose,
                _ if spaced || counts.letters >= 6 => Kind::Phrase,
                _ => Kind::Neutral,
            };
        }
        if text.starts_with(char::is_numeric) {
            return match (words, content) {
                (4.., 1..) => Kind::Prose,
                (2.., 0) => Kind::Title,
                _ => Kind::Neutral,
            };
        }
        match (words, content) {
            (1, _) if self.small => Kind::Phrase,
            (2.., 1..) if self.small => Kind::Prose,
            (2.., _) if self.small && counts.capital == 0 => Kind::Prose,
            (3.., 1..) if !self.small => Kind::Prose,
            (2, 1..) if !self.small => Kind::Phrase,
            (2.., 0) if !self.small => Kind::Title,
            _ => Kind::Neutral,
        }
    }
}

impl Counts {
    fn of(text: &str) -> Self {
        let mut counts = Self::default();
        for word in text.split_whitespace() {
            // `d'Orsay` and `L'Étranger` begin behind the apostrophe.
            let word = match word.split_once(['\'', '’']) {
                Some((short, long)) if short.chars().count() <= 4 && long.chars().count() > 2 => long,
                _ => word,
            };
            let Some(first) = word.chars().find(|c| c.is_alphanumeric()) else { continue };
            let letters = word.chars().filter(|c| c.is_alphabetic()).count();
            counts.words += 1;
            counts.letters += letters;
            counts.capital += usize::from(first.is_uppercase() || first.is_numeric());
            let known = || SMALL_IN_TITLES.contains(&word);
            counts.content += usize::from(first.is_lowercase() && letters > 3 && !known());
        }
        counts
    }
}

/// A full stop behind a whole word, not behind an abbreviation.
fn ends_sentence(text: &str) -> bool {
    let Some(stem) = text.strip_suffix('.') else { return false };
    let word = stem.rsplit(' ').next().unwrap_or_default();
    word.chars().count() > 3 && word.chars().all(char::is_alphanumeric)
}
