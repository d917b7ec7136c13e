//! The words of the first names.

use super::Frontier;

impl Frontier {
    /// The words of the first names, in the order of their numbers.
    pub(crate) fn texts(&self) -> &[Box<str>] {
        &self.texts
    }

    /// Those of one, where they are kept.
    pub(crate) fn text(&self, number: u64) -> Option<String> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        self.texts.get(place).map(ToString::to_string)
    }
}
