//! Topics whose names are written in another alphabet.

use super::Taxonomy;

/// What stands for the letters from a to z: one letter each, so that names that differ go on doing so.
const LETTERS: [char; 26] = [
    'а', 'б', 'ц', 'д', 'е', 'ф', 'г', 'х', 'и', 'й', 'к', 'л', 'м', 'н', 'о', 'п', 'щ', 'р', 'с', 'т', 'у',
    'в', 'ш', 'ч', 'ы', 'з',
];

impl Taxonomy {
    /// The same with its items in Cyrillic letters. Its kinds are called as before.
    #[must_use]
    pub fn in_cyrillic(mut self) -> Self {
        for item in &mut self.items {
            item.text = item.text.chars().flat_map(cyrillic).collect();
        }
        self
    }
}

fn cyrillic(letter: char) -> Vec<char> {
    let place = |letter: char| {
        u32::from(letter).checked_sub(u32::from('a')).and_then(|place| usize::try_from(place).ok())
    };
    let of = |letter: char| place(letter).and_then(|place| LETTERS.get(place)).copied();
    match (of(letter), of(letter.to_ascii_lowercase())) {
        (Some(lower), _) => vec![lower],
        (None, Some(lower)) => lower.to_uppercase().collect(),
        (None, None) => vec![letter],
    }
}
