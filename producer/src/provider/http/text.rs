//! What a service says, made fit for people: one bounded line without control characters and without the key.

use serde_json::Value;

const MAX_DETAIL_CHARS: usize = 200;
const HIDDEN: &str = "***";

/// What is said of a web page, whose text is of no use.
pub(super) const WEB_PAGE: &str = "the service sent a web page";

/// One line of at most 200 characters in which the key does not occur.
pub(super) fn one_line(text: &str, key: Option<&str>) -> String {
    // The key is looked for after the clean-up, which could put it together from pieces, and before the cut, which could leave a part.
    let spaced: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let visible: String = spaced.chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    let mut line = visible.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if let Some(key) = key.filter(|key| !key.is_empty()) {
        line = line.replace(key, HIDDEN);
    }
    if line.chars().count() > MAX_DETAIL_CHARS {
        line = line.chars().take(MAX_DETAIL_CHARS - 1).collect();
        line.push('…');
    }
    line
}

/// The message in an error body: the usual fields of JSON errors, or the text itself.
pub(super) fn message_in(body: &str) -> String {
    let trimmed = body.trim();
    if trimmed.starts_with('<') {
        return WEB_PAGE.to_owned();
    }
    match serde_json::from_str::<Value>(trimmed) {
        Ok(json) => message_of(&json).unwrap_or_else(|| trimmed.to_owned()),
        Err(_) => trimmed.to_owned(),
    }
}

fn message_of(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => list.first().and_then(message_of),
        Value::Object(fields) => ["error", "message", "detail", "msg"]
            .iter()
            .find_map(|name| fields.get(*name).and_then(message_of)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Whether a message is about the model, by its name or as such. The last part of a path, as in `/v1/models`, is not.
pub(super) fn names_model(message: &str, model: &str) -> bool {
    let is_in_path = |at: usize| message[..at].ends_with('/');
    let mut words = message.split_whitespace();
    words.any(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).eq_ignore_ascii_case(model))
        || ["model", "Model"].iter().any(|word| message.match_indices(word).any(|(at, _)| !is_in_path(at)))
}

/// Zero-width and direction characters.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_one_bounded_line_that_cannot_steer_a_terminal() {
        let line = one_line(&format!("a\r\n\tb\u{1b}[31m\u{202e}c {}", "x".repeat(500)), None);
        assert!(line.starts_with("a b[31mc xxx"), "{line}");
        assert_eq!(line.chars().count(), 200);
    }

    #[test]
    fn the_key_is_hidden_even_when_it_is_broken_up_or_lies_on_the_cut() {
        let key = "sk-verysecret";
        assert_eq!(one_line("bad key sk-very\u{0}secret!", Some(key)), "bad key ***!");
        for offset in 180..210 {
            let line = one_line(&format!("{}{key}", "y".repeat(offset)), Some(key));
            assert!(!line.contains("sk-"), "{line}");
        }
    }

    #[test]
    fn a_message_about_the_model_is_told_from_one_about_an_address() {
        for about in [
            "The model `gpt-x` does not exist",
            "models/gemini-x is not found for API version v1beta",
            "No endpoints found for vendor/tiny-1.",
            "model: other",
        ] {
            assert!(names_model(about, "vendor/tiny-1"), "{about}");
        }
        for other in ["", "Not Found", "Invalid URL (GET /v1/models)", "404 page not found"] {
            assert!(!names_model(other, "a"), "{other}");
        }
    }

    #[test]
    fn the_message_is_found_in_the_usual_places() {
        for body in [
            r#"{"error":{"message":"no such model","type":"x"}}"#,
            r#"{"error":"no such model"}"#,
            r#"{"detail":[{"loc":["body"],"msg":"no such model"}]}"#,
            r#"[{"error":{"code":404,"message":"no such model"}}]"#,
            "no such model\n",
        ] {
            assert_eq!(message_in(body), "no such model", "{body}");
        }
    }
}
