//! Reads the fields of a request one by one, so that everything that is wrong with it is told at once and in our own words.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Number, Value};

use crate::problem::{FieldError, Problem, ProblemKind};

/// More would not be read.
const MAX_ERRORS: usize = 100;

/// Whole numbers up to here are exact as floating-point numbers, as which some clients write them.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Largest whole number: that of the signed 64 bits that the OpenAPI document speaks of.
const MAX_COUNT: u64 = i64::MAX.unsigned_abs();

/// What is wrong with a request: of every field the first thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errors(Vec<FieldError>);

impl Errors {
    pub(crate) fn add(
        &mut self,
        field: impl Into<String>,
        detail: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        let (field, detail, allowed) = (field.into(), detail.into(), Some(allowed.into()));
        if self.0.len() < MAX_ERRORS && self.0.iter().all(|error| error.field != field) {
            self.0.push(FieldError { field, detail, allowed });
        }
    }

    pub(crate) fn finish(self, kind: ProblemKind) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::of_fields(kind, self.0)) }
    }
}

/// A request that is read field by field. A field that is wrong is told and taken for absent.
pub(crate) trait FromFields: Sized {
    fn read(fields: &mut Fields<'_>) -> Self;
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Given<T> {
    Absent,
    Null,
    /// It is there, but of another form; that was told.
    Wrong,
    Value(T),
}

impl<T> Given<T> {
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null | Self::Wrong => None,
        }
    }

    /// As in a merge patch, which takes away what is `null`.
    #[expect(clippy::option_option, reason = "absent, null and a value are three things in a merge patch")]
    pub(crate) fn patch(self) -> Option<Option<T>> {
        match self {
            Self::Value(value) => Some(Some(value)),
            Self::Null => Some(None),
            Self::Absent | Self::Wrong => None,
        }
    }
}

/// The fields of an object, or of a query, where every value is text.
pub(crate) struct Fields<'a> {
    errors: &'a mut Errors,
    prefix: String,
    values: Map<String, Value>,
    known: Vec<&'static str>,
    is_query: bool,
}

impl<'a> Fields<'a> {
    pub(crate) fn of_body<T: FromFields>(values: Map<String, Value>, errors: &'a mut Errors) -> T {
        Fields { errors, prefix: String::new(), values, known: Vec::new(), is_query: false }.whole(T::read)
    }

    pub(crate) fn of_query<T: FromFields>(pairs: Vec<(String, String)>, errors: &'a mut Errors) -> T {
        let mut values = Map::new();
        for (name, value) in pairs {
            if values.insert(name.clone(), Value::String(value)).is_some() {
                errors.add(shown(&name), "it is given twice", "once");
            }
        }
        Fields { errors, prefix: String::new(), values, known: Vec::new(), is_query: true }.whole(T::read)
    }

    /// Reads what is known here, and tells what is not.
    fn whole<T>(mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let found = read(&mut self);
        let known = self.known.join(", ");
        for name in self.values.keys() {
            self.errors.add(format!("{}{}", self.prefix, shown(name)), "it is not known here", &known);
        }
        found
    }

    fn take<T>(
        &mut self,
        name: &'static str,
        allowed: &str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Given<T> {
        self.known.push(name);
        match self.values.remove(name).map(|value| (value.is_null(), value)) {
            None => Given::Absent,
            Some((true, _)) => Given::Null,
            Some((false, value)) => read(value).map_or_else(
                |detail| {
                    self.errors.add(format!("{}{name}", self.prefix), detail, allowed);
                    Given::Wrong
                },
                Given::Value,
            ),
        }
    }

    /// Says that a field must be there.
    pub(crate) fn missing(&mut self, name: &'static str, allowed: &str) {
        self.errors.add(format!("{}{name}", self.prefix), "it is missing", allowed);
    }

    /// Says what is wrong with a field beside others.
    pub(crate) fn wrong(&mut self, name: &'static str, detail: &str, allowed: &str) {
        self.errors.add(format!("{}{name}", self.prefix), detail, allowed);
    }

    pub(crate) fn text(&mut self, name: &'static str, allowed: &str) -> Given<String> {
        self.take(name, allowed, text)
    }

    /// A text of at most so many characters.
    pub(crate) fn short_text(&mut self, name: &'static str, most: usize, allowed: &str) -> Given<String> {
        self.take(name, allowed, |value| {
            let text = text(value)?;
            if text.chars().nth(most).is_none() { Ok(text) } else { Err("it is too long".to_owned()) }
        })
    }

    /// A list of so many texts at most, one at least, each of so many characters at most.
    pub(crate) fn texts(
        &mut self,
        name: &'static str,
        most: usize,
        longest: usize,
        allowed: &str,
    ) -> Given<Vec<String>> {
        self.take(name, allowed, |value| {
            let Value::Array(items) = value else {
                return Err(format!("it is {}, not a list", kind(&value)));
            };
            if items.is_empty() || items.len() > most {
                return Err(format!("it has {} elements", items.len()));
            }
            let short = |text: String| {
                if text.chars().nth(longest).is_none() { Ok(text) } else { Err("one is too long".to_owned()) }
            };
            items.into_iter().map(|item| text(item).and_then(short)).collect()
        })
    }

    /// A list of so many texts at most.
    pub(crate) fn all_texts(&mut self, name: &'static str, most: usize, allowed: &str) -> Given<Vec<String>> {
        self.take(name, allowed, |value| match value {
            Value::Array(items) if items.len() > most => Err(format!("it has {} elements", items.len())),
            Value::Array(items) => {
                let numbered = (1..).zip(items);
                let read = |(number, item): (usize, Value)| {
                    let what = kind(&item);
                    text(item).map_err(|_| format!("element {number} is {what}, not a text"))
                };
                numbered.map(read).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                Err(format!("it is {}, not a list", kind(&value)))
            }
        })
    }

    /// A whole number of at least 0.
    pub(crate) fn count<T: TryFrom<u64>>(&mut self, name: &'static str, allowed: &str) -> Given<T> {
        let is_query = self.is_query;
        self.take(name, allowed, |value| {
            let number = number(&value, is_query)?;
            T::try_from(whole(&number)?).map_err(|_| format!("{number} is too large"))
        })
    }

    /// A whole number within a range.
    pub(crate) fn count_in<T: TryFrom<u64>>(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Given<T> {
        let is_query = self.is_query;
        let allowed = format!("{} to {}", range.start(), range.end());
        self.take(name, &allowed, |value| {
            let count = whole(&number(&value, is_query)?)?;
            let fitting = T::try_from(count).ok().filter(|_| range.contains(&count));
            fitting.ok_or_else(|| format!("{count} is out of range"))
        })
    }

    pub(crate) fn amount(&mut self, name: &'static str, allowed: &str) -> Given<f64> {
        let is_query = self.is_query;
        self.take(name, allowed, |value| Ok(float(&number(&value, is_query)?)))
    }

    /// `true` or `false`.
    pub(crate) fn yes_or_no(&mut self, name: &'static str) -> Given<bool> {
        self.take(name, "true or false", |value| {
            value.as_bool().ok_or_else(|| format!("it is {}, not `true` or `false`", kind(&value)))
        })
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Given<T> {
        let allowed = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        self.take(name, &allowed, |value| {
            let found = words.iter().find(|(word, _)| value.as_str() == Some(*word));
            found.map(|(_, meaning)| *meaning).ok_or_else(|| match value.as_str() {
                Some(text) => format!("`{}` is none of the words known here", shown(text)),
                None => format!("it is {}, not a text", kind(&value)),
            })
        })
    }

    /// Some of these words, with commas between them, in a query.
    pub(crate) fn words<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Given<Vec<T>> {
        let allowed = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        self.take(name, &format!("one or more of {allowed}, with commas between"), |value| {
            let known = |given: &str| {
                let found = words.iter().find(|(word, _)| given.trim() == *word);
                found
                    .map(|(_, meaning)| *meaning)
                    .ok_or_else(|| format!("`{}` is none of the words known here", shown(given)))
            };
            text(value)?.split(',').map(known).collect()
        })
    }

    /// An object with fields of its own.
    pub(crate) fn object<T: FromFields>(&mut self, name: &'static str) -> Given<T> {
        match self.map(name) {
            Given::Value(values) => {
                let prefix = format!("{}{name}.", self.prefix);
                let known = Vec::new();
                let inner = Fields { errors: self.errors, prefix, values, known, is_query: self.is_query };
                Given::Value(inner.whole(T::read))
            }
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Wrong => Given::Wrong,
        }
    }

    /// An object of numbers; `null` stands for `None`, and only where a field may be taken away.
    pub(crate) fn numbers(
        &mut self,
        name: &'static str,
        nulls: bool,
    ) -> Given<BTreeMap<String, Option<f64>>> {
        let values = match self.map(name) {
            Given::Value(values) => values,
            Given::Absent => return Given::Absent,
            Given::Null => return Given::Null,
            Given::Wrong => return Given::Wrong,
        };
        let mut numbers = BTreeMap::new();
        for (key, value) in values {
            if nulls && value.is_null() {
                numbers.insert(key, None);
                continue;
            }
            match number(&value, false) {
                Ok(number) => drop(numbers.insert(key, Some(float(&number)))),
                Err(detail) => {
                    self.errors.add(format!("{}{name}.{}", self.prefix, shown(&key)), detail, "a number");
                }
            }
        }
        Given::Value(numbers)
    }

    fn map(&mut self, name: &'static str) -> Given<Map<String, Value>> {
        self.take(name, "an object", |value| match value {
            Value::Object(values) => Ok(values),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(format!("it is {}, not an object", kind(&value)))
            }
        })
    }
}

/// Of a client's own text, as much as serves in a message.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

pub(crate) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("it is {}, not a text", kind(&value)))
        }
    }
}

fn number(value: &Value, is_query: bool) -> Result<Number, String> {
    match value {
        Value::Number(number) => Ok(number.clone()),
        Value::String(text) if is_query => {
            serde_json::from_str(text).map_err(|_| format!("`{}` is no number", shown(text)))
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("it is {}, not a number", kind(value)))
        }
    }
}

/// A number in few characters, however large or small it is.
pub(crate) fn shown_number(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || (1e-6..1e15).contains(&size) { number.to_string() } else { format!("{number:e}") }
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and small")]
fn whole(number: &Number) -> Result<u64, String> {
    let float = float(number);
    match number.as_u64() {
        Some(count) if count <= MAX_COUNT => Ok(count),
        Some(_) => Err(format!("{number} is too large")),
        None if float < 0.0 => Err(format!("{number} is negative")),
        None if float > MAX_EXACT => Err(format!("{number} is too large")),
        None if float.fract() == 0.0 => Ok(float as u64),
        None => Err(format!("{number} is not a whole number")),
    }
}
