//! Reads one section: typed values within their ranges. What is wrong becomes a finding and the default stands in, so that
//! reading goes on and all findings are told at once.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::error::{ConfigError, Findings, Place};
use super::mask;
use super::tree::{Leaf, Node, Scalar, Table};

/// How the finding about a missing key begins.
pub(super) const MISSING: &str = "is missing";

/// How the finding about a key that nobody takes begins.
pub(super) const UNKNOWN: &str = "is not known";

/// How alike (0 to 1) a wrong name must be to a right one to be taken for it.
const ALIKE: f64 = 0.8;

/// A section being read. Each getter takes its key out; [`Section::finish`] reports what nobody took.
#[derive(Debug)]
pub(super) struct Section<'e> {
    path: String,
    table: Table,
    known: Vec<&'static str>,
    written: Vec<&'static str>,
    findings: &'e Findings,
}

/// A text and where it was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) text: String,
    leaf: Leaf,
}

impl<'e> Section<'e> {
    pub(super) fn new(path: String, table: Table, findings: &'e Findings) -> Self {
        Self { path, table, known: Vec::new(), written: Vec::new(), findings }
    }

    /// The table under `key`, empty if there is none.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let table = match self.take(key) {
            Some(Node::Table(table)) => table,
            Some(Node::Leaf(leaf)) => {
                self.refuse(key, &leaf, format!("must be a section: write [{}]", self.path_of(key)));
                Table::new(leaf.place)
            }
            None => Table::new(self.table.place.clone()),
        };
        Self::new(self.path_of(key), table, self.findings)
    }

    /// Every entry as a section of its own, for tables whose keys are names.
    pub(super) fn named_sections(self) -> Vec<(String, Self)> {
        let mut sections = Vec::new();
        for (name, node) in &self.table.entries {
            match node {
                Node::Table(table) => {
                    sections
                        .push((name.clone(), Self::new(self.path_of(name), table.clone(), self.findings)));
                }
                Node::Leaf(leaf) => {
                    let title = self.path_of(name);
                    self.refuse(name, leaf, format!("must be a section: write [{title}]"));
                }
            }
        }
        sections
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<Written> {
        let leaf = self.leaf(key)?;
        let text = match (&leaf.value, &leaf.place) {
            (Scalar::Text(text), _) => text.clone(),
            // Variables and flags have no quotes: a model named 4.1 is a text there.
            (Scalar::Whole(_) | Scalar::Number(_), Place::Variable(_) | Place::Flag(_)) => {
                leaf.written.clone()
            }
            (Scalar::Whole(_) | Scalar::Number(_) | Scalar::Other, _) => {
                self.refuse(key, &leaf, "must be a text in quotes");
                return None;
            }
        };
        if text.trim().is_empty() {
            self.refuse(key, &leaf, "must not be empty");
            return None;
        }
        Some(Written { text, leaf })
    }

    /// A text of another type's spelling; `allowed` says which.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.checked(key, |text| parse(text).ok_or_else(|| allowed.to_owned()))
    }

    /// A text of a form that says itself what is wrong with it.
    pub(super) fn checked<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let written = self.text(key)?;
        parse(&written.text).map_err(|wrong| self.refuse(key, &written.leaf, wrong)).ok()
    }

    /// One of a few words, in any case.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let written = self.text(key)?;
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&written.text));
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let hint = did_you_mean(&written.text, &words);
            self.refuse(key, &written.leaf, format!("must be one of {}{hint}", words.join(", ")));
        }
        found.map(|(_, choice)| *choice)
    }

    pub(super) fn whole<T>(&mut self, key: &'static str, range: RangeInclusive<T>, default: T) -> T
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        self.optional_whole(key, range).unwrap_or(default)
    }

    pub(super) fn optional_whole<T>(&mut self, key: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let leaf = self.leaf(key)?;
        let value = match leaf.value {
            Scalar::Whole(value) => T::try_from(value).ok().filter(|value| range.contains(value)),
            Scalar::Text(_) | Scalar::Number(_) | Scalar::Other => None,
        };
        if value.is_none() {
            let allowed = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.refuse_number(key, &leaf, allowed);
        }
        value
    }

    /// A number in the range; an infinite end means no bound.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<f64>, default: f64) -> f64 {
        let Some(leaf) = self.leaf(key) else { return default };
        #[expect(clippy::cast_precision_loss, reason = "settings are small")]
        let value = match leaf.value {
            Scalar::Whole(value) => Some(value as f64),
            Scalar::Number(value) => Some(value),
            Scalar::Text(_) | Scalar::Other => None,
        };
        let value = value.filter(|value| value.is_finite() && range.contains(value));
        if value.is_none() {
            let (start, end) = (range.start(), range.end());
            let allowed = if end.is_finite() {
                format!("must be a number from {start} to {end}")
            } else {
                format!("must be a number of at least {start}")
            };
            self.refuse_number(key, &leaf, allowed);
        }
        value.unwrap_or(default)
    }

    /// Takes a key that is not to be there and says why.
    pub(super) fn forbidden(&mut self, key: &'static str, problem: &str) {
        if let Some(node) = self.table.entries.remove(key) {
            self.written.push(key);
            let value = Some(mask::MASK.to_owned());
            self.findings.add(node.place(), &self.path_of(key), value, problem);
        }
    }

    /// A finding about a value that was read.
    pub(super) fn refuse_written(&self, key: &str, written: &Written, problem: impl Into<String>) {
        self.refuse(key, &written.leaf, problem);
    }

    /// A finding that names no value.
    pub(super) fn refuse_unnamed(&self, key: &str, written: &Written, problem: impl Into<String>) {
        self.findings.add(&written.leaf.place, &self.path_of(key), None, problem);
    }

    /// Whether a key that was read is there, right or wrong.
    pub(super) fn was_written(&self, key: &str) -> bool {
        self.written.contains(&key)
    }

    pub(super) fn missing(&self, key: &str, problem: &str) {
        self.findings.add(&self.table.place, &self.path_of(key), None, format!("{MISSING}: {problem}"));
    }

    /// A finding about the section as a whole.
    pub(super) fn complain(&self, problem: &str) {
        self.findings.add(&self.table.place, &self.path, None, problem);
    }

    /// Reports every key that no getter took.
    pub(super) fn finish(self) {
        for (key, node) in &self.table.entries {
            let hint = did_you_mean(key, &self.known);
            let place = if self.path.is_empty() { "" } else { " here" };
            let problem = if hint.is_empty() {
                format!("{UNKNOWN}{place}; known are {}", self.known.join(", "))
            } else {
                format!("{UNKNOWN}{place}{hint}")
            };
            let value = match node {
                Node::Leaf(leaf) => Some(mask::shown_unknown(key, &leaf.written)),
                Node::Table(_) => None,
            };
            self.findings.add(node.place(), &self.path_of(key), value, problem);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        let node = self.table.entries.remove(key);
        if node.is_some() {
            self.written.push(key);
        }
        node
    }

    fn leaf(&mut self, key: &'static str) -> Option<Leaf> {
        match self.take(key)? {
            Node::Leaf(leaf) => Some(leaf),
            Node::Table(table) => {
                self.findings.add(&table.place, &self.path_of(key), None, "must be a value, not a section");
                None
            }
        }
    }

    fn refuse(&self, key: &str, leaf: &Leaf, problem: impl Into<String>) {
        let value = mask::shown(key, &leaf.written);
        self.findings.add(&leaf.place, &self.path_of(key), Some(value), problem);
    }

    /// About a key that takes numbers: a number there is no secret, though the key be `max_output_tokens`.
    fn refuse_number(&self, key: &str, leaf: &Leaf, problem: String) {
        match leaf.value {
            Scalar::Whole(_) | Scalar::Number(_) => {
                let value = mask::shortened(&leaf.written);
                self.findings.add(&leaf.place, &self.path_of(key), Some(value), problem);
            }
            Scalar::Text(_) | Scalar::Other => self.refuse(key, leaf, problem),
        }
    }

    fn path_of(&self, key: &str) -> String {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let key = if !key.is_empty() && key.chars().all(bare) {
            mask::shortened(key)
        } else {
            format!("\"{}\"", mask::shortened(key))
        };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }
}

fn did_you_mean(name: &str, known: &[&str]) -> String {
    let name = name.to_ascii_lowercase();
    known
        .iter()
        .map(|known| (strsim::jaro_winkler(&name, known), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| format!("; did you mean {known}?"))
        .unwrap_or_default()
}

/// All findings, or the configuration.
pub(super) fn outcome<T>(value: T, findings: Findings) -> Result<T, Vec<ConfigError>> {
    let errors = findings.into_errors();
    if errors.is_empty() { Ok(value) } else { Err(errors) }
}
