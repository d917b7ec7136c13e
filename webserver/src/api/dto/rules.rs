//! What a topic's items must be like.

use igentai_core::rules::{ItemRules, Script};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::present;

/// What a topic's items must be like. What a model names and does not fit is not taken, and counted by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// A regular expression, in the syntax of Rust's crate `regex`, that is found in the item; anywhere, where it has no anchors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500, example = "^[A-Z]")]
    pub matches: Option<String>,
    /// Fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 512)]
    pub min_chars: Option<u32>,
    /// Most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 512)]
    pub max_chars: Option<u32>,
    /// Scripts, by their names in Unicode in lower case, of which most letters of an item are, taken together; an item without letters fits any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 26, example = json!(["latin"]))]
    pub scripts: Option<Vec<String>>,
}

impl Rules {
    /// As they are told.
    #[must_use]
    pub fn of(rules: &ItemRules) -> Self {
        let scripts: Vec<String> = rules.scripts.iter().map(|script| script.as_str().to_owned()).collect();
        Self {
            matches: rules.matches.clone(),
            min_chars: rules.min_chars,
            max_chars: rules.max_chars,
            scripts: (!scripts.is_empty()).then_some(scripts),
        }
    }

    /// The rules, without scripts that are not known, and what is to be said of those.
    pub(crate) fn to_core(&self) -> (ItemRules, Option<String>) {
        let mut unknown = None;
        let mut known = |name: &String| Script::parse(name).map_err(|wrong| unknown = Some(wrong)).ok();
        let rules = ItemRules {
            matches: self.matches.clone(),
            min_chars: self.min_chars,
            max_chars: self.max_chars,
            scripts: self.scripts.iter().flatten().filter_map(&mut known).collect(),
        };
        (rules, unknown)
    }
}

/// Changes rules: what is left out stays, `null` takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRules {
    /// See [`Rules::matches`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    pub matches: Option<Option<String>>,
    /// See [`Rules::min_chars`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 512)]
    pub min_chars: Option<Option<u32>>,
    /// See [`Rules::max_chars`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 512)]
    pub max_chars: Option<Option<u32>>,
    /// See [`Rules::scripts`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 26)]
    pub scripts: Option<Option<Vec<String>>>,
}

impl ChangeRules {
    /// What becomes of `rules`.
    pub(crate) fn of(&self, rules: Rules) -> Rules {
        Rules {
            matches: self.matches.clone().unwrap_or(rules.matches),
            min_chars: self.min_chars.unwrap_or(rules.min_chars),
            max_chars: self.max_chars.unwrap_or(rules.max_chars),
            scripts: self.scripts.clone().unwrap_or(rules.scripts),
        }
    }
}
