//! The settings as written: the file's tables, with environment variables and flags laid over them.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::error::{Findings, Place};
use super::mask;

/// A written value, reduced to what settings can be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Text(String),
    Whole(i64),
    Number(f64),
    /// Something that no setting takes.
    Other,
}

/// A value with its place and its spelling.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) value: Scalar,
    /// As it was written; never shown without [`mask::shown`].
    pub(super) written: String,
    pub(super) place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Table(Table),
    Leaf(Leaf),
}

impl Node {
    pub(super) fn place(&self) -> &Place {
        match self {
            Self::Table(table) => &table.place,
            Self::Leaf(leaf) => &leaf.place,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) place: Place,
    pub(super) entries: BTreeMap<String, Node>,
}

impl Table {
    pub(super) fn new(place: Place) -> Self {
        Self { place, entries: BTreeMap::new() }
    }

    /// Parses a file's text; every syntax error becomes a finding, and what could be read is returned.
    pub(super) fn parse(text: &str, path: &Path, findings: &Findings) -> Self {
        let (document, errors) = DeTable::parse_recoverable(text);
        let source = Source { text, path };
        for error in errors {
            let place = source.place(error.span().map(|span| span.start));
            findings.add_broken(&place, format!("is not TOML: {}", mask::shortened(error.message())));
        }
        source.table(document.get_ref(), source.place(None))
    }

    /// Lays a value over whatever is at the path, making tables on the way. Names are matched without regard to case, and `_`
    /// matches `-` and `.`, since variables have neither.
    pub(super) fn overlay(&mut self, path: &[&str], written: &str, place: &Place) {
        let Some((first, rest)) = path.split_first() else { return };
        let key = self.entries.keys().find(|key| folded(key) == folded(first)).cloned();
        let key = key.unwrap_or_else(|| first.to_ascii_lowercase());
        if rest.is_empty() {
            let leaf = Leaf { value: scalar_of(written), written: written.to_owned(), place: place.clone() };
            self.entries.insert(key, Node::Leaf(leaf));
        } else {
            let node = self.entries.entry(key).or_insert_with(|| Node::Table(Self::new(place.clone())));
            if let Node::Table(table) = node {
                table.overlay(rest, written, place);
            }
        }
    }
}

fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '.'], "_")
}

/// A variable's or flag's value: what TOML reads as a number or a quoted text, else the text itself.
fn scalar_of(written: &str) -> Scalar {
    let parsed = DeValue::parse(written).map_or(Scalar::Other, |value| scalar(value.get_ref()));
    if parsed == Scalar::Other { Scalar::Text(written.to_owned()) } else { parsed }
}

fn scalar(value: &DeValue<'_>) -> Scalar {
    match value {
        DeValue::String(text) => Scalar::Text(text.to_string()),
        DeValue::Integer(digits) => {
            i64::from_str_radix(digits.as_str(), digits.radix()).map_or(Scalar::Other, Scalar::Whole)
        }
        DeValue::Float(digits) => digits.as_str().parse().map_or(Scalar::Other, Scalar::Number),
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => Scalar::Other,
    }
}

struct Source<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Source<'_> {
    fn place(&self, offset: Option<usize>) -> Place {
        let before = offset.and_then(|offset| self.text.as_bytes().get(..offset));
        let line = before.map(|before| before.split(|byte| *byte == b'\n').count());
        Place::File { path: self.path.to_owned(), line }
    }

    fn table(&self, table: &DeTable<'_>, place: Place) -> Table {
        let entries = table.iter().map(|(key, value)| {
            let place = self.place(Some(key.span().start));
            let node = if let DeValue::Table(table) = value.get_ref() {
                Node::Table(self.table(table, place))
            } else {
                let written = self.text.get(value.span()).unwrap_or_default().to_owned();
                Node::Leaf(Leaf { value: scalar(value.get_ref()), written, place })
            };
            (key.get_ref().to_string(), node)
        });
        Table { entries: entries.collect(), place }
    }
}
