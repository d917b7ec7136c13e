//! What a service says that it does not take, and how it is asked from then on.

/// What some services do not take, as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// The list as structured output.
    pub(super) structured: bool,
    /// The standing instruction apart from the question; otherwise it stands before it.
    pub(super) system: bool,
    /// The configured temperature.
    pub(super) temperature: bool,
    /// By which name the token limit is sent, where there are two.
    pub(super) limit_name: LimitName,
    /// The token limit itself, which is always sent: without it no cap on money holds.
    pub(super) max_output_tokens: u32,
}

/// The names of the token limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitName {
    /// The one that the service is expected to know.
    Expected,
    /// The other one.
    Other,
}

/// How a protocol calls what may be refused, in lower case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    pub(super) structured: &'static [&'static str],
    pub(super) limit: &'static [&'static str],
    /// Whether the token limit has another name.
    pub(super) two_limit_names: bool,
}

/// What a service does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Structured,
    System,
    Temperature,
    LimitName,
    /// Answers of this length.
    Length,
}

/// A limit is not halved below this: a list needs some room, and where there is less the question itself is too long.
const LEAST_OUTPUT_TOKENS: u32 = 256;

const SYSTEM: &[&str] = &[
    "system role",
    "role 'system'",
    "'system' with",
    "system message",
    "system prompt",
    "system instruction",
    "developer instruction",
    "roles must alternate",
    "user and assistant roles",
    "messages[0].role",
];
const UNKNOWN: &[&str] = &[
    "unsupported",
    "not support",
    "no longer support",
    "unknown",
    "unrecogni",
    "unexpected",
    "not permitted",
    "not allowed",
    "extra",
    "instead",
];
const TOO_MUCH: &[&str] = &[
    "too large",
    "too high",
    "too big",
    "too long",
    "at most",
    "maximum",
    "exceed",
    "less than",
    "greater than",
    "range",
    "reduce",
];
/// Of prompt and answer together.
const ROOM: &[&str] = &["context length", "context size", "context window", "context_length"];

/// Whether a complaint says that prompt and answer are too long. `complaint` is in lower case.
pub(super) fn is_too_long(complaint: &str, words: Words) -> bool {
    mentions(complaint, ROOM) || (mentions(complaint, words.limit) && mentions(complaint, TOO_MUCH))
}

impl Refusal {
    /// What a complaint refuses of what was `sent`; `None` where going without would not help. `complaint` is in lower case.
    pub(super) fn of(complaint: &str, list: bool, sent: Options, words: Words) -> Option<Self> {
        if is_too_long(complaint, words) {
            (sent.max_output_tokens / 2 >= LEAST_OUTPUT_TOKENS).then_some(Self::Length)
        } else if list && sent.structured && mentions(complaint, words.structured) {
            Some(Self::Structured)
        } else if words.two_limit_names
            && sent.limit_name == LimitName::Expected
            && mentions(complaint, words.limit)
            && mentions(complaint, UNKNOWN)
        {
            Some(Self::LimitName)
        } else if sent.system && mentions(complaint, SYSTEM) {
            Some(Self::System)
        } else if sent.temperature && mentions(complaint, &["temperature"]) {
            Some(Self::Temperature)
        } else {
            None
        }
    }

    /// Changes what is sent. Requests under way at once are refused for the same reason: only the first changes anything.
    pub(super) fn heed(self, options: &mut Options, sent: Options) {
        match self {
            Self::Structured => options.structured = false,
            Self::System => options.system = false,
            Self::Temperature => options.temperature = false,
            Self::LimitName => options.limit_name = LimitName::Other,
            Self::Length => {
                options.max_output_tokens = options.max_output_tokens.min(sent.max_output_tokens / 2);
            }
        }
    }

    /// For people.
    pub(super) fn describe(self, sent: Options) -> String {
        let (not_taken, from_now_on) = match self {
            Self::Structured => ("structured output", "asked without it from now on"),
            Self::System => ("a system message", "its text stands before the question from now on"),
            Self::Temperature => ("a temperature", "asked without it from now on"),
            Self::LimitName => ("this name of the token limit", "the other name is used from now on"),
            Self::Length => {
                let (before, after) = (sent.max_output_tokens, sent.max_output_tokens / 2);
                return format!(
                    "the service does not take max_output_tokens = {before}; asked for at most {after} from now on, lower it"
                );
            }
        };
        format!("the service does not take {not_taken}; {from_now_on}")
    }
}

/// Whether a text holds one of the words, at the beginning of a word: `format` is in `response_format`, not in `information`.
fn mentions(text: &str, words: &[&str]) -> bool {
    let begins_word = |at: usize| !text[..at].ends_with(char::is_alphanumeric);
    words.iter().any(|word| text.match_indices(word).any(|(at, _)| begins_word(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Options = Options {
        structured: true,
        system: true,
        temperature: true,
        limit_name: LimitName::Expected,
        max_output_tokens: 4_096,
    };
    const WORDS: Words = Words {
        structured: &["response_format", "format"],
        limit: &["max_tokens", "max_completion_tokens"],
        two_limit_names: true,
    };

    fn refusal(complaint: &str) -> Option<Refusal> {
        Refusal::of(&complaint.to_lowercase(), true, ALL, WORDS)
    }

    #[test]
    fn what_services_say_is_understood() {
        #[rustfmt::skip]
        let table = [
            (Refusal::LimitName, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."),
            (Refusal::LimitName, r#"{"detail":[{"type":"extra_forbidden","loc":["body","max_tokens"],"msg":"Extra inputs are not permitted"}]}"#),
            (Refusal::LimitName, "Unrecognized request argument supplied: max_tokens"),
            (Refusal::Length, "max_tokens is too large: 4096. This model supports at most 2048 completion tokens, whereas you provided 4096."),
            (Refusal::Length, "This model's maximum context length is 2048 tokens. However, you requested 4596 tokens (500 in the messages, 4096 in the completion). Please reduce the length of the messages or completion."),
            (Refusal::Length, "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 4096 tokens and your request has 500 input tokens (4096 > 4096 - 500)."),
            (Refusal::Length, "max_tokens: 4096 > 2048, which is the maximum allowed number of output tokens for claude-x"),
            (Refusal::Length, "`max_tokens` must be less than or equal to `2048`"),
            (Refusal::System, "System role not supported"),
            (Refusal::System, "Conversation roles must alternate user/assistant/user/assistant/..."),
            (Refusal::System, "Only user and assistant roles are supported!"),
            (Refusal::System, "Developer instruction is not enabled for models/gemma-3-27b-it"),
            (Refusal::System, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
            (Refusal::Structured, "response_format is not implemented"),
            (Refusal::Structured, "failed to load model vocabulary required for format"),
            (Refusal::Temperature, "Unsupported value: 'temperature' does not support 0.5 with this model."),
        ];
        for (expected, complaint) in table {
            assert_eq!(refusal(complaint), Some(expected), "{complaint}");
        }
        for other in [
            "The model `gpt-x` does not exist",
            "Internal error; contact us for more information",
            "This request requires more credits, or fewer max_tokens. You requested up to 4096 tokens, but can only afford 1200",
        ] {
            assert_eq!(refusal(other), None, "{other}");
        }
    }

    #[test]
    fn what_was_not_sent_is_not_refused() {
        let none = Options {
            structured: false,
            system: false,
            temperature: false,
            limit_name: LimitName::Other,
            ..ALL
        };
        let short = Options { max_output_tokens: 511, ..ALL };
        for (sent, complaint) in [
            (none, "response_format is unknown"),
            (none, "system role not supported"),
            (none, "temperature is unknown"),
            (none, "max_completion_tokens is unknown"),
            (short, "max_tokens is too large"),
        ] {
            assert_eq!(Refusal::of(complaint, true, sent, WORDS), None, "{complaint}");
        }
        assert_eq!(Refusal::of("response_format is unknown", false, ALL, WORDS), None);
    }

    #[test]
    fn requests_that_were_refused_together_halve_the_limit_once() {
        let mut options = ALL;
        for _ in 0..8 {
            Refusal::Length.heed(&mut options, ALL);
        }
        assert_eq!(options.max_output_tokens, 2_048);
    }
}
