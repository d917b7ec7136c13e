//! How items are put into an answer.

use rand::{
    RngExt,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};
use serde_json::{Map, Value};

/// A form that an answer takes when no schema is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One item a line.
    Plain,
    /// `1. item`, or `1) item`.
    Numbered,
    /// `- item`, `* item`, or `• item`.
    Bullets,
    /// `1. **item**`.
    Bold,
    /// A JSON array in a code fence.
    FencedJson,
    /// One item a line in a code fence.
    FencedLines,
    /// A numbered list between sentences.
    Chatter,
}

impl Style {
    /// Every style.
    pub const ALL: [Self; 7] = [
        Self::Plain,
        Self::Numbered,
        Self::Bullets,
        Self::Bold,
        Self::FencedJson,
        Self::FencedLines,
        Self::Chatter,
    ];
}

/// The answer's text: JSON if the request has a `response_format`, otherwise in one of the styles.
pub(super) fn text(items: &[String], request: &Value, styles: &[Style], rng: &mut StdRng) -> String {
    let format = &request["response_format"];
    match format["type"].as_str() {
        Some("json_schema") => fill(&format["json_schema"]["schema"], items).to_string(),
        Some("json_object") => serde_json::json!({ "items": items }).to_string(),
        _ => styled(items, styles.choose(rng).copied().unwrap_or(Style::Plain), rng),
    }
}

fn styled(items: &[String], style: Style, rng: &mut StdRng) -> String {
    let lines = |prefix: &dyn Fn(usize) -> String, suffix: &str| {
        let lines: Vec<String> =
            items.iter().enumerate().map(|(at, item)| format!("{}{item}{suffix}", prefix(at + 1))).collect();
        lines.join("\n")
    };
    match style {
        Style::Plain => lines(&|_| String::new(), ""),
        Style::Numbered => {
            let mark = if rng.random_bool(0.5) { '.' } else { ')' };
            lines(&|number| format!("{number}{mark} "), "")
        }
        Style::Bullets => {
            let mark = ["-", "*", "•"].choose(rng).copied().unwrap_or("-");
            lines(&|_| format!("{mark} "), "")
        }
        Style::Bold => lines(&|number| format!("{number}. **"), "**"),
        Style::FencedJson => format!("```json\n{}\n```", serde_json::json!(items)),
        Style::FencedLines => format!("```\n{}\n```", items.join("\n")),
        Style::Chatter => {
            let mut openings =
                ["Sure! Here you go:", "Certainly. Here is a list:", "Here are some that come to mind:"];
            openings.shuffle(rng);
            let list = lines(&|number| format!("{number}. "), "");
            format!("{}\n\n{list}\n\nLet me know if you would like more!", openings[0])
        }
    }
}

/// A value that fits the schema, with the items in its array. Of the schema language, what lists need: objects,
/// arrays, types; every property is given.
fn fill(schema: &Value, items: &[String]) -> Value {
    match kind(schema) {
        "array" => items.iter().map(|item| fill_item(&schema["items"], item)).collect(),
        "object" => each_property(schema, |property| fill(property, items)),
        _ => filler(schema),
    }
}

/// One element of the array: a string, or an object whose first string is the item.
fn fill_item(schema: &Value, item: &str) -> Value {
    if kind(schema) != "object" {
        return Value::from(item);
    }
    let mut item = Some(item);
    each_property(schema, |property| match kind(property) {
        "string" => item.take().map_or_else(|| filler(property), Value::from),
        _ => filler(property),
    })
}

fn each_property(schema: &Value, mut value: impl FnMut(&Value) -> Value) -> Value {
    let properties = schema["properties"].as_object();
    let filled: Map<String, Value> =
        properties.into_iter().flatten().map(|(name, property)| (name.clone(), value(property))).collect();
    Value::Object(filled)
}

fn filler(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match kind(schema) {
        "integer" | "number" => Value::from(0),
        "boolean" => Value::from(false),
        "string" => Value::from(""),
        "array" => Value::Array(Vec::new()),
        "object" => each_property(schema, filler),
        _ => Value::Null,
    }
}

/// The schema's type; of several, the first.
fn kind(schema: &Value) -> &str {
    let kind = &schema["type"];
    kind.as_str().or_else(|| kind[0].as_str()).unwrap_or("string")
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_filled_with_the_items() {
        let items = ["crane".to_owned(), "heron".to_owned()];
        let strings = json!({"type": "object", "properties": {
            "birds": {"type": "array", "items": {"type": "string"}},
            "done": {"type": ["boolean", "null"]},
        }});
        assert_eq!(fill(&strings, &items), json!({"birds": ["crane", "heron"], "done": false}));
        let objects = json!({"type": "array", "items": {"type": "object", "properties": {
            "name": {"type": "string"}, "rank": {"type": "integer"},
        }}});
        let expected = json!([{"name": "crane", "rank": 0}, {"name": "heron", "rank": 0}]);
        assert_eq!(fill(&objects, &items), expected);
    }

    #[test]
    fn every_style_names_every_item() {
        let items = ["crane".to_owned(), "heron".to_owned()];
        for style in Style::ALL {
            let text = styled(&items, style, &mut StdRng::seed_from_u64(3));
            assert!(text.contains("crane") && text.contains("heron"), "{style:?}: {text}");
        }
    }
}
