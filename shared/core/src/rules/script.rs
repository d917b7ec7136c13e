//! Scripts that a rule can name.

use serde::{Deserialize, Serialize};

macro_rules! scripts {
    ($($name:ident = $word:literal,)*) => {
        /// A script, by its name in Unicode.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Script {
            $(#[doc = concat!("`", $word, "`.")] $name,)*
        }

        impl Script {
            /// Every script that is known here.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name, in lower case.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

scripts! {
    Arabic = "arabic",
    Armenian = "armenian",
    Bengali = "bengali",
    Cyrillic = "cyrillic",
    Devanagari = "devanagari",
    Ethiopic = "ethiopic",
    Georgian = "georgian",
    Greek = "greek",
    Gujarati = "gujarati",
    Gurmukhi = "gurmukhi",
    Han = "han",
    Hangul = "hangul",
    Hebrew = "hebrew",
    Hiragana = "hiragana",
    Kannada = "kannada",
    Katakana = "katakana",
    Khmer = "khmer",
    Lao = "lao",
    Latin = "latin",
    Malayalam = "malayalam",
    Myanmar = "myanmar",
    Sinhala = "sinhala",
    Tamil = "tamil",
    Telugu = "telugu",
    Thai = "thai",
    Tibetan = "tibetan",
}

impl Script {
    /// The script of this name, in any case; what is wrong with it otherwise, and what is known.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|script| script.as_str().eq_ignore_ascii_case(name.trim()));
        found.copied().ok_or_else(|| {
            let name: String = name.trim().chars().take(50).collect();
            format!("`{name}` is no script that is known here; known are {}", Self::known())
        })
    }

    /// All names, for people.
    #[must_use]
    pub fn known() -> String {
        Self::ALL.iter().map(|script| script.as_str()).collect::<Vec<_>>().join(", ")
    }
}
