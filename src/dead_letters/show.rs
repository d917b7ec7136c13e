//! Dead letters as people read them.

use std::fmt::Write as _;

use igentai_webserver::api::dto::{
    DeadLetter, DeadLetterList, DeadLetterView, LetterOutcome, SettledLetters,
};

use crate::output::counted;
use crate::topics::inert::inert;

/// Characters of a reason in the table.
const LONGEST_REASON: usize = 100;

/// All letters, one a line under a header.
pub(super) fn table(list: &DeadLetterList) -> String {
    if list.items.is_empty() {
        return "no dead letters\n".to_owned();
    }
    let mut text =
        format!("{:16}  {:20}  {:>8}  {:20}  {:16}  REASON\n", "ID", "WHEN", "BYTES", "TOPIC", "PRODUCER");
    for letter in &list.items {
        let when: String = letter.at.as_deref().unwrap_or("unknown").chars().take(19).collect();
        let reason: String = reason(letter).chars().take(LONGEST_REASON).collect();
        let (topic, producers) = (letter.topic.as_deref().unwrap_or("-"), letter.producers.join(","));
        let producers = if producers.is_empty() { "-".to_owned() } else { producers };
        writeln!(
            text,
            "{:16}  {:20}  {:>8}  {:20}  {:16}  {reason}",
            inert(&letter.id),
            inert(&when),
            letter.size,
            inert(topic),
            inert(&producers)
        )
        .unwrap_or_default();
    }
    let shown = list.items.len();
    match list.waiting {
        Some(waiting) if u64::try_from(shown).unwrap_or(u64::MAX) < waiting => {
            writeln!(text, "{shown} of {}", counted(waiting, "dead letter")).unwrap_or_default();
        }
        Some(_) | None => {}
    }
    text
}

fn reason(letter: &DeadLetter) -> String {
    let again = match letter.replays {
        0 => String::new(),
        times => format!("(replayed {}) ", counted(u64::from(times), "time")),
    };
    format!("{again}{}", inert(letter.reason.as_deref().unwrap_or("it does not say why")))
}

/// One letter.
pub(super) fn letter(view: &DeadLetterView) -> String {
    let DeadLetterView { letter, headers, content } = view;
    let mut text = String::new();
    let origin = match (&letter.exchange, &letter.routing_key) {
        (Some(exchange), Some(key)) => format!("{exchange}, {key}"),
        _ => "unknown; it cannot be replayed".to_owned(),
    };
    let unknown = || "unknown".to_owned();
    for (label, value) in [
        ("id", letter.id.clone()),
        ("reason", reason(letter)),
        ("since", letter.at.clone().unwrap_or_else(unknown)),
        ("found by", letter.by.clone().unwrap_or_else(unknown)),
        ("came from", origin),
        ("topic", letter.topic.clone().unwrap_or_else(unknown)),
        ("producers", if letter.producers.is_empty() { unknown() } else { letter.producers.join(", ") }),
        ("message id", letter.message_id.clone()),
        ("content type", letter.content_type.clone()),
        ("size", counted(u64::try_from(letter.size).unwrap_or(u64::MAX), "byte")),
    ] {
        writeln!(text, "{label:14} {}", inert(&value)).unwrap_or_default();
    }
    for (name, value) in headers {
        writeln!(text, "header         {}: {}", inert(name), inert(value)).unwrap_or_default();
    }
    if let Some(why) = &content.why_not_decoded {
        writeln!(text, "its content is not decoded: {}", inert(why)).unwrap_or_default();
    }
    if let Some(decoded) = &content.decoded {
        // JSON escapes control characters; what else a terminal obeys is taken out line by line.
        let pretty = serde_json::to_string_pretty(decoded).unwrap_or_default();
        pretty.lines().for_each(|line| writeln!(text, "{}", inert(line)).unwrap_or_default());
    }
    if let Some(hex) = &content.hex {
        hex.lines().for_each(|line| writeln!(text, "{}", inert(line)).unwrap_or_default());
    }
    if content.cut {
        text.push_str("… there is more of it\n");
    }
    text
}

/// What became of letters.
pub(super) fn settled(settled: &SettledLetters, act: &str) -> String {
    if settled.items.is_empty() {
        return "no dead letters\n".to_owned();
    }
    let mut text = String::new();
    for item in &settled.items {
        let word = match item.outcome {
            LetterOutcome::Replayed => "replayed",
            LetterOutcome::Dropped => "dropped",
            LetterOutcome::NotFound => "not found",
            LetterOutcome::NoOrigin | LetterOutcome::Failed => "failed",
        };
        let detail = item.detail.as_ref().map(|detail| format!(": {}", inert(detail))).unwrap_or_default();
        writeln!(text, "{} {word}{detail}", inert(&item.id)).unwrap_or_default();
    }
    writeln!(text, "{act}: {} done, {} not", settled.done, settled.undone).unwrap_or_default();
    text
}
