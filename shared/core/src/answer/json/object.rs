//! Which strings of lists and objects are items.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64;

use super::MAX_DEPTH;
use super::scan::{Member, Value, decode, members};
use crate::answer::fields::{self, BESIDE_NAMES};
use crate::answer::inline;
use crate::answer::noise;
use crate::answer::phrase::{Kind, Phrase};
use crate::answer::topic::Topic;

/// Where an object stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// The whole answer: it may be a wrapper, or its keys may be the items. Else one of several: an item with fields,
    /// or a group of items.
    root: bool,
    /// The field that names each of the objects beside it.
    name: Option<String>,
}

impl Place {
    pub(super) fn root() -> Self {
        Self { root: true, name: None }
    }

    pub(super) fn record(name: Option<String>) -> Self {
        Self { root: false, name }
    }
}

/// A walk through JSON that hands on items.
pub(super) struct Walk<'a> {
    pub(super) topic: &'a Topic,
    pub(super) f: &'a mut dyn FnMut(&str),
}

impl Walk<'_> {
    /// Walks through a list, which the field `wrapper` holds.
    pub(super) fn array(&mut self, inner: &str, wrapper: &str, depth: usize) {
        if depth >= MAX_DEPTH {
            return;
        }
        if let Some(column) = column(inner) {
            return rows(inner).filter_map(|row| texts(row).nth(column)).for_each(|text| (self.f)(&text));
        }
        let only_numbers = members(inner).all(|member| matches!(member.value, Value::Bare(_)));
        let place = Place::record(choose(objects(inner), wrapper, self.topic));
        for Member { key, value } in members(inner) {
            match (key, value) {
                (Some(key), _) => (self.f)(&decode(key)),
                (None, Value::Text(text, true)) => (self.f)(&decode(text)),
                (None, Value::Array(inner, _)) => self.array(inner, wrapper, depth + 1),
                (None, Value::Object(inner, complete)) => self.object(inner, complete, &place, depth + 1),
                (None, Value::Bare(text))
                    if only_numbers && text.starts_with(|c: char| c.is_ascii_digit()) =>
                {
                    (self.f)(text);
                }
                (None, Value::Text(_, false) | Value::Bare(_)) => {}
            }
        }
    }

    pub(super) fn object(&mut self, inner: &str, complete: bool, place: &Place, depth: usize) {
        if depth >= MAX_DEPTH {
            return;
        }
        let facts = Facts::of(inner, self.topic);
        if facts.keyless == facts.members && facts.members > 0 {
            // `{"Louvre", "Orsay"}`: a set.
            return self.array(inner, "", depth + 1);
        }
        let beside_name =
            |rank: usize| !facts.is_named() || rank < BESIDE_NAMES || (place.root && depth == 0);
        if let Some((_, key, list)) = facts.list.filter(|(rank, ..)| beside_name(*rank)) {
            return self.follow(list, &Place::root(), key, depth);
        }
        if facts.schema {
            return;
        }
        if facts.arrays > 0 && !facts.is_named() || facts.objects > 0 && facts.texts == 0 {
            return self.groups(inner, &facts, depth);
        }
        // An object that was cut off may lack the field that names it.
        let fieldless = place.root && facts.texts > 1 && !facts.is_named();
        if complete || fieldless {
            self.names(inner, &facts, place);
        }
    }

    /// Lists by name, or objects by name.
    fn groups(&mut self, inner: &str, facts: &Facts<'_>, depth: usize) {
        // Keys are items when each holds only facts about it.
        let about = facts.arrays == 0 && facts.objects > 1 && facts.proper == facts.members;
        if about && members(inner).all(|member| !names_itself(&member.value)) {
            return self.keys(inner);
        }
        let place = if facts.objects > 1 { Place::default() } else { Place::root() };
        for Member { key, value } in members(inner) {
            let key = key.unwrap_or_default();
            if matches!(value, Value::Array(..) | Value::Object(..)) && !fields::is_aside(key) {
                self.follow(value, &place, key, depth);
            }
        }
    }

    /// What an object of strings names: one thing by one field, or one with each.
    fn names(&mut self, inner: &str, facts: &Facts<'_>, place: &Place) {
        let chosen = place.name.as_deref();
        let parts = || chosen.is_none_or(|name| !fields::is_name(name)).then(|| full_name(inner)).flatten();
        if let Some(name) = parts() {
            return (self.f)(&name);
        }
        if let Some(name) = chosen.and_then(|name| field(inner, name)) {
            return (self.f)(&name);
        }
        let fields = members(inner).filter_map(|member| member.key).collect::<BTreeSet<_>>().len();
        if facts.texts > 1 && (fields == 1 || facts.counted == facts.members) {
            return texts(inner).for_each(|text| (self.f)(&text));
        }
        let several = place.root && facts.members > 1;
        if several && !facts.is_known() && facts.texts > 0 {
            if several_lists(inner) {
                return texts(inner)
                    .for_each(|text| inline::entries(&text).for_each(|entry| (self.f)(entry)));
            }
            // Names with their descriptions, or kinds with their examples.
            let described = texts(inner).filter(|text| Phrase::of(text).kind != Kind::Neutral).count();
            if facts.proper * 2 > facts.members || described * 2 > facts.texts {
                return self.keys(inner);
            }
            return texts(inner).for_each(|text| (self.f)(&text));
        }
        if let Some((_, name)) = facts.best {
            (self.f)(&decode(name));
        } else {
            texts(inner).filter(|text| noise::is_refusal(text)).for_each(|text| (self.f)(&text));
        }
    }

    fn keys(&mut self, inner: &str) {
        members(inner).filter_map(|member| member.key).for_each(|key| (self.f)(&decode(key)));
    }

    fn follow(&mut self, value: Value<'_>, place: &Place, key: &str, depth: usize) {
        match value {
            Value::Array(inner, _) => self.array(inner, key, depth + 1),
            Value::Object(inner, complete) => self.object(inner, complete, place, depth + 1),
            Value::Text(..) | Value::Bare(_) => {}
        }
    }
}

/// What a first walk through an object finds.
#[derive(Default)]
struct Facts<'a> {
    /// The field that is the best name, and what it is worth.
    best: Option<(usize, &'a str)>,
    list: Option<(usize, &'a str, Value<'a>)>,
    members: usize,
    keyless: usize,
    arrays: usize,
    objects: usize,
    texts: usize,
    counted: usize,
    proper: usize,
    /// Fields that are known to say something about a thing, or to name it.
    known: usize,
    /// The form of an answer, not an answer.
    schema: bool,
}

impl<'a> Facts<'a> {
    fn of(inner: &'a str, topic: &Topic) -> Self {
        let mut facts = Facts::default();
        for Member { key, value } in members(inner) {
            facts.members += 1;
            facts.keyless += usize::from(key.is_none());
            let key = key.unwrap_or_default();
            facts.counted += usize::from(fields::only_counts(key));
            facts.proper +=
                usize::from(key.contains(|c: char| c.is_uppercase() || c == ' ' || !c.is_ascii()));
            if fields::is_aside(key) {
                continue;
            }
            let tier = fields::tier(key, "", topic);
            facts.known += usize::from(tier != fields::OTHER);
            match value {
                Value::Text(text, true) => {
                    facts.texts += 1;
                    facts.schema |= key == "type" && is_schema_type(text);
                    if facts.best.is_none_or(|(best, _)| tier < best) {
                        facts.best = Some((tier, text));
                    }
                }
                Value::Array(..) | Value::Object(..) => {
                    let array = matches!(value, Value::Array(..));
                    facts.arrays += usize::from(array);
                    facts.objects += usize::from(!array);
                    if let Some(rank) = fields::list_rank(key)
                        && facts.list.as_ref().is_none_or(|(best, ..)| rank < *best)
                    {
                        facts.list = Some((rank, key, value));
                    }
                }
                Value::Text(..) | Value::Bare(_) => {}
            }
        }
        facts.schema &= !facts.is_named();
        facts
    }

    fn is_named(&self) -> bool {
        self.best.is_some_and(|(tier, _)| tier < fields::OTHER)
    }

    fn is_known(&self) -> bool {
        self.known > 0
    }
}

fn is_schema_type(text: &str) -> bool {
    matches!(text, "object" | "array" | "string" | "number" | "integer" | "boolean")
}

/// More fields than any record is meant to have.
const MAX_FIELDS: usize = 32;

#[derive(Default)]
struct Field {
    order: usize,
    present: usize,
    words: usize,
    values: BTreeSet<u64>,
}

/// The field that names each of several objects: what fields are called, whether they differ, and how long they are.
pub(super) fn choose<'a>(
    objects: impl Iterator<Item = &'a str>,
    wrapper: &str,
    topic: &Topic,
) -> Option<String> {
    let mut fields: BTreeMap<&str, Field> = BTreeMap::new();
    let mut count = 0;
    for inner in objects {
        count += 1;
        for Member { key, value } in members(inner) {
            let (Some(key), Some(text)) = (key, name(&value)) else { continue };
            let order = fields.len();
            if order >= MAX_FIELDS && !fields.contains_key(key) {
                continue;
            }
            let field = fields.entry(key).or_insert(Field { order, ..Field::default() });
            field.present += 1;
            field.words += inline::words(text);
            field.values.insert(xxh3_64(text.as_bytes()));
        }
    }
    let cost = |key: &str, field: &Field| {
        let same = (field.present - field.values.len()) * 4 >= field.present;
        let long = field.words > 8 * field.present;
        (fields::tier(key, wrapper, topic) + 100 * usize::from(same) + 50 * usize::from(long), field.order)
    };
    let best = fields
        .iter()
        .filter(|(key, field)| field.present * 2 >= count && !fields::is_aside(key))
        .min_by_key(|(key, field)| cost(key, field));
    best.filter(|_| count > 1).map(|(key, _)| (*key).to_owned())
}

/// The text of a field that can be a name: a string, or a number.
fn name<'a>(value: &Value<'a>) -> Option<&'a str> {
    match value {
        Value::Text(text, true) => Some(*text),
        Value::Bare(text) if text.trim().parse::<f64>().is_ok() => Some(text.trim()),
        Value::Text(..) | Value::Array(..) | Value::Object(..) | Value::Bare(_) => None,
    }
}

fn field<'a>(inner: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let member = members(inner).find(|member| member.key == Some(name))?;
    self::name(&member.value).filter(|text| !text.trim().is_empty()).map(decode)
}

/// A person in two fields.
fn full_name(inner: &str) -> Option<String> {
    let find = |names: &[&str]| names.iter().find_map(|name| field(inner, name));
    let first = find(&["first_name", "firstName", "given_name", "givenName"])?;
    let last = find(&["last_name", "lastName", "family_name", "familyName", "surname"])?;
    Some(format!("{first} {last}"))
}

/// Whether each string of an object is a list: `{"museums": "Louvre, Orsay, Cluny"}`.
fn several_lists(inner: &str) -> bool {
    texts(inner).all(|text| inline::split_evenly(&text).is_some())
}

fn names_itself(value: &Value<'_>) -> bool {
    match value {
        Value::Object(inner, _) => {
            members(inner).any(|member| fields::is_name(member.key.unwrap_or_default()))
        }
        Value::Array(..) | Value::Text(..) | Value::Bare(_) => false,
    }
}

fn texts(inner: &str) -> impl Iterator<Item = Cow<'_, str>> {
    members(inner).filter_map(|member| match member.value {
        Value::Text(text, true) => Some(decode(text)),
        Value::Text(..) | Value::Array(..) | Value::Object(..) | Value::Bare(_) => None,
    })
}

fn objects(inner: &str) -> impl Iterator<Item = &str> {
    members(inner).filter_map(|member| match member.value {
        Value::Object(inner, _) => Some(inner),
        Value::Text(..) | Value::Array(..) | Value::Bare(_) => None,
    })
}

fn rows(inner: &str) -> impl Iterator<Item = &str> {
    members(inner).filter_map(|member| match member.value {
        Value::Array(inner, _) => Some(inner),
        Value::Text(..) | Value::Object(..) | Value::Bare(_) => None,
    })
}

/// The column of the names in rows of equal length, if another column sorts them: `["Louvre", "museum"]`, `["Orsay",
/// "museum"]`. Rows in which everything differs are lists by group.
fn column(inner: &str) -> Option<usize> {
    let length = texts(rows(inner).next()?).count();
    let count = members(inner).count();
    if !(2..=6).contains(&length) || count < 3 {
        return None;
    }
    let mut columns = vec![BTreeSet::new(); length];
    let mut found = 0;
    for row in rows(inner) {
        found += 1;
        let mut cells = 0;
        for (column, text) in columns.iter_mut().zip(texts(row)) {
            column.insert(xxh3_64(text.as_bytes()));
            cells += 1;
        }
        if cells != length || texts(row).nth(length).is_some() {
            return None;
        }
    }
    let sorted = found == count && columns.iter().any(|column| (count - column.len()) * 4 >= count);
    columns.iter().position(|column| column.len() == count).filter(|_| sorted)
}
