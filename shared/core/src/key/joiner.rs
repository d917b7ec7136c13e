//! Invisible characters that a reader sees the effect of: zero-width joiners and non-joiners, and the selector that
//! makes a symbol an emoji.

use unicode_normalization::char::canonical_combining_class;

use super::scrub::{Scrub, scrub_but_joiners};

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const EMOJI_SELECTOR: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';

pub(super) fn is_joiner(c: char) -> bool {
    matches!(c, NON_JOINER | JOINER | EMOJI_SELECTOR)
}

/// The scrubbed text with the joiners that do something: between letters of a script that has use for them, behind
/// a virama, between emoji, and the selector behind a symbol. Linear, without allocation.
pub(super) fn readable(text: &str) -> Readable<'_> {
    Readable { scrub: scrub_but_joiners(text), before: Before::default(), ready: [None; 3] }
}

pub(super) struct Readable<'a> {
    scrub: Scrub<'a>,
    before: Before,
    /// Joiners that stay, and the character behind them.
    ready: [Option<char>; 3],
}

impl Iterator for Readable<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        loop {
            if let Some(c) = self.ready.iter_mut().find_map(Option::take) {
                self.before.see(c);
                return Some(c);
            }
            let c = self.scrub.next()?;
            if is_joiner(c) {
                self.join(c);
            } else {
                self.ready[2] = Some(c);
            }
        }
    }
}

impl Readable<'_> {
    /// Looks at a run of joiners, of which at most a selector and one joiner stay.
    fn join(&mut self, first: char) {
        let mut selector = first == EMOJI_SELECTOR;
        let mut joiner = (!selector).then_some(first);
        let next = loop {
            match self.scrub.next() {
                Some(EMOJI_SELECTOR) => selector |= joiner.is_none(),
                Some(c @ (NON_JOINER | JOINER)) => joiner = joiner.or(Some(c)),
                next => break next,
            }
        };
        let selects = selector
            && match self.before.base {
                Base::Pictograph => true,
                Base::Key => next == Some(KEYCAP),
                Base::Letter | Base::Other => false,
            };
        let joins = joiner.filter(|&c| match self.before.base {
            Base::Pictograph => c == JOINER && next.is_some_and(is_pictograph),
            Base::Letter => next.is_some_and(uses_joiners) || (c == JOINER && self.before.virama),
            Base::Key | Base::Other => false,
        });
        self.ready = [selects.then_some(EMOJI_SELECTOR), joins, next];
    }
}

/// What stands before a joiner. Combining marks change nothing, so that the order that normalisation gives them does
/// not matter.
#[derive(Debug, Default, Clone, Copy)]
struct Before {
    base: Base,
    virama: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Base {
    #[default]
    Other,
    /// Of a script that uses joiners.
    Letter,
    Pictograph,
    /// What a keycap can be put around.
    Key,
}

impl Before {
    fn see(&mut self, c: char) {
        if is_joiner(c) {
            self.virama = false;
        } else if is_virama(c) {
            self.virama = true;
        } else if canonical_combining_class(c) == 0 {
            self.virama = false;
            let part = matches!(c, '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0030}'..='\u{e007f}');
            self.base = match c {
                _ if uses_joiners(c) => Base::Letter,
                _ if is_pictograph(c) || (part && self.base == Base::Pictograph) => Base::Pictograph,
                '0'..='9' | '#' | '*' => Base::Key,
                _ => Base::Other,
            };
        }
    }
}

/// Letters of scripts that are written with joiners: Arabic, Syriac, `NʼKo`, those of South and South-East Asia,
/// Mongolian.
pub(super) fn uses_joiners(c: char) -> bool {
    matches!(c,
        '\u{610}'..='\u{61a}' | '\u{620}'..='\u{77f}' | '\u{7c0}'..='\u{7ff}' | '\u{840}'..='\u{dff}'
        | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{a840}'..='\u{a877}' | '\u{a980}'..='\u{a9df}'
        | '\u{11000}'..='\u{11fff}' | '\u{1e900}'..='\u{1e95f}')
        && canonical_combining_class(c) == 0
}

/// The sign that takes a consonant's vowel away, or a vowel sign that holds one.
pub(super) fn is_virama(c: char) -> bool {
    canonical_combining_class(c) == 9 || matches!(c, '\u{dda}' | '\u{ddd}')
}

/// Symbols that are emoji, or become emoji by a selector.
pub(crate) fn is_pictograph(c: char) -> bool {
    matches!(c,
        '©' | '®' | '\u{203c}' | '\u{2049}' | '™' | 'ℹ' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | 'Ⓜ'
        | '\u{25a0}'..='\u{27bf}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}' | '\u{3030}' | '\u{303d}'
        | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}
