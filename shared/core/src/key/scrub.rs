//! Takes out of a text whatever a reader cannot see but a terminal, a page or a comparison would notice.

use std::iter::Peekable;
use std::str::Chars;

/// The characters of a text without escape sequences and invisible characters; every white space character comes
/// out as a plain space, one for one.
pub(crate) struct Scrub<'a> {
    chars: Peekable<Chars<'a>>,
}

/// Scrubs `text`; linear, without allocation.
pub(crate) fn scrub(text: &str) -> Scrub<'_> {
    Scrub { chars: text.chars().peekable() }
}

impl Iterator for Scrub<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        loop {
            match self.chars.next()? {
                '\u{1b}' => self.skip_escape(),
                '\u{9b}' => self.skip_control_sequence(),
                c if c.is_whitespace() || c == BRAILLE_BLANK => return Some(' '),
                c if is_invisible(c) => {}
                c => return Some(c),
            }
        }
    }
}

impl Scrub<'_> {
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
