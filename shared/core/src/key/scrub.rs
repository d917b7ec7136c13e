//! Takes out of a text whatever a reader cannot see but a terminal, a page or a comparison would notice.

use std::iter::Peekable;
use std::str::Chars;

use super::joiner::is_joiner;

/// The characters of a text without escape sequences and invisible characters; every white space character comes
/// out as a plain space, one for one. The tags that make a flag of England out of a black flag stay.
pub(crate) struct Scrub<'a> {
    chars: Peekable<Chars<'a>>,
    /// Joiners come out as well.
    joiners: bool,
    /// Tags that belong to the flag before them.
    tags: usize,
}

/// Scrubs `text`; linear, without allocation.
pub(crate) fn scrub(text: &str) -> Scrub<'_> {
    Scrub { chars: text.chars().peekable(), joiners: false, tags: 0 }
}

/// Scrubs `text`, but leaves in it what joins letters or emoji, wherever it stands.
pub(super) fn scrub_but_joiners(text: &str) -> Scrub<'_> {
    Scrub { joiners: true, ..scrub(text) }
}

impl Iterator for Scrub<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        loop {
            match self.chars.next()? {
                '\u{1b}' => self.skip_escape(),
                '\u{9b}' => self.skip_control_sequence(),
                c if c.is_whitespace() || c == BRAILLE_BLANK => return Some(' '),
                BLACK_FLAG => {
                    self.tags = self.tags_ahead();
                    return Some(BLACK_FLAG);
                }
                c if self.tags > 0 => {
                    self.tags -= 1;
                    return Some(c);
                }
                c if self.joiners && is_joiner(c) => return Some(c),
                c if is_invisible(c) => {}
                c => return Some(c),
            }
        }
    }
}

impl Scrub<'_> {
    /// The length of the tag sequence ahead, if it is one of those that name a region: three to six letters or digits
    /// and the end. Anything longer could smuggle a text past its reader.
    fn tags_ahead(&self) -> usize {
        let name = self.chars.clone().take(7).take_while(|c| is_region_tag(*c)).count();
        let ended = self.chars.clone().nth(name) == Some(END_OF_TAGS);
        if ended && (3..=6).contains(&name) { name + 1 } else { 0 }
    }

    /// What follows ESC, as ECMA-48 and xterm read it. A string sequence that never ends takes the rest along, as
    /// it would in a terminal.
    fn skip_escape(&mut self) {
        match self.chars.peek() {
            Some('[') => {
                self.chars.next();
                self.skip_control_sequence();
            }
            Some(']' | 'P' | 'X' | '^' | '_') => {
                let mut before = '\0';
                for c in self.chars.by_ref() {
                    if matches!(c, '\u{7}' | '\u{9c}') || (before == '\u{1b}' && c == '\\') {
                        break;
                    }
                    before = c;
                }
            }
            _ => {
                while self.chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
                self.chars.next_if(|c| matches!(c, '0'..='~'));
            }
        }
    }

    fn skip_control_sequence(&mut self) {
        while self.chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
        self.chars.next_if(|c| matches!(c, '@'..='~'));
    }
}

/// With tags behind it, the flag of a region.
const BLACK_FLAG: char = '\u{1f3f4}';
const END_OF_TAGS: char = '\u{e007f}';

fn is_region_tag(c: char) -> bool {
    matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}')
}

/// Looks like a space, is a symbol to Unicode.
const BRAILLE_BLANK: char = '\u{2800}';

/// Control characters, Unicode's default-ignorable characters (zero-width, bidirectional controls, variation
/// selectors, fillers, tags) and the other format characters that show nothing.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}
