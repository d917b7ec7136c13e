//! What fields may hold, in words: said of a wrong form and of a wrong value alike.

pub(crate) const NAME: &str = "one line of 1 to 300 characters";
pub(crate) const PROMPT: &str = "1 to 8192 bytes";
pub(crate) const COUNT: &str = "a whole number, 1 or more";
pub(crate) const USD: &str = "above 0, at most 1000000";
pub(crate) const SECONDS: &str = "above 0, at most 315360000";
pub(crate) const SHARE: &str = "above 0, at most 1";
pub(crate) const PROBES: &str = "from 0 to 0.5";
pub(crate) const YIELD: &str = "a whole number from 1 to 50000";
pub(crate) const PATTERN: &str = "a regular expression of 1 to 500 bytes";
pub(crate) const CHARS: &str = "a whole number from 1 to 512";
pub(crate) const SCRIPTS: &str = "a list of 1 to 26 names of scripts";
pub(crate) const CATEGORIES: &str = "a list of 1 to 40 names of at most 60 characters, without `>`";
pub(crate) const SEEDS: &str = "a list of at most 100000 texts, none of them longer than 512 bytes";
pub(crate) const ITEMS: &str = "a whole number from 1 to 500";
pub(crate) const POSITION: &str = "a whole number, 0 or more";
