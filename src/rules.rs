//! What the command line says of a topic's items.

use clap::Args;
use igentai_core::rules::{ItemRules, Script};

use crate::exit::Failure;

/// Rules for items, of `igentai run` and `igentai topics start`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RuleArgs {
    /// Take only items in which this regular expression is found; ^ and $ are their ends
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true, value_parser = pattern)]
    pub(crate) accept: Option<String>,
    /// Take only items of at least so many characters
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = min_chars)]
    pub(crate) min_chars: Option<u32>,
    /// Take only items of at most so many characters
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = max_chars)]
    pub(crate) max_chars: Option<u32>,
    /// Take only items of which most letters are of this script, or of these: latin, cyrillic, han …
    #[arg(long = "script", value_name = "NAME", value_delimiter = ',', value_parser = Script::parse)]
    pub(crate) scripts: Vec<Script>,
    /// Take any item, whatever an earlier start or the configuration wanted
    #[arg(long, conflicts_with_all = ["accept", "min_chars", "max_chars", "scripts"])]
    pub(crate) no_rules: bool,
}

impl RuleArgs {
    /// The rules, of which those that are left out are taken from `configured`; `None` where none are stated, so that those of an earlier start are kept.
    pub(crate) fn rules(&self, configured: &ItemRules) -> Result<Option<ItemRules>, Failure> {
        if self.no_rules {
            return Ok(Some(ItemRules::default()));
        }
        let rules = ItemRules {
            matches: self.accept.clone().or_else(|| configured.matches.clone()),
            min_chars: self.min_chars.or(configured.min_chars),
            max_chars: self.max_chars.or(configured.max_chars),
            scripts: if self.scripts.is_empty() {
                configured.scripts.clone()
            } else {
                self.scripts.iter().copied().collect()
            },
        };
        match rules.errors().first() {
            Some(error) => Err(Failure::usage(error.to_string())),
            None => Ok((!rules.is_empty()).then_some(rules)),
        }
    }

    pub(crate) fn are_given(&self) -> bool {
        !matches!(self, Self { accept: None, min_chars: None, max_chars: None, scripts, no_rules: false } if scripts.is_empty())
    }
}

/// What is said of rules, in words, that nobody has stated at this start.
pub(crate) fn kept(rules: &str) -> String {
    format!("rules of an earlier start are kept: {rules}; --no-rules takes them away")
}

fn checked(rules: &ItemRules) -> Result<(), String> {
    rules.errors().first().map_or(Ok(()), |error| Err(error.to_string()))
}

fn pattern(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(
            "the regular expression is empty; leave it out, or say --no-rules to take any item".to_owned()
        );
    }
    checked(&ItemRules { matches: Some(text.to_owned()), ..ItemRules::default() })?;
    Ok(text.to_owned())
}

fn min_chars(text: &str) -> Result<u32, String> {
    let min = text.parse().map_err(|_| "write a whole number from 1 to 512".to_owned())?;
    checked(&ItemRules { min_chars: Some(min), ..ItemRules::default() })?;
    Ok(min)
}

fn max_chars(text: &str) -> Result<u32, String> {
    let max = text.parse().map_err(|_| "write a whole number from 1 to 512".to_owned())?;
    checked(&ItemRules { max_chars: Some(max), ..ItemRules::default() })?;
    Ok(max)
}
