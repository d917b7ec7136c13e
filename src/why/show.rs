//! Decisions as people and programs read them.

use igentai_webserver::api::dto::{DecisionKind, DecisionPage, TopicView};
use jiff::Timestamp;

use crate::exit::{Exit, Failure};
use crate::output::counted;
use crate::topics::inert::inert;
use crate::topics::standing;

/// One JSON object a line.
pub(super) fn json(page: &DecisionPage) -> Result<String, Failure> {
    let mut text = String::new();
    for decision in &page.decisions {
        let line = serde_json::to_string(decision);
        text.push_str(&line.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?);
        text.push('\n');
    }
    Ok(text)
}

/// Where the topic stands, and its decisions, the newest last.
pub(super) fn text(topic: &TopicView, page: &DecisionPage, kinds: &[DecisionKind]) -> String {
    let mut lines = vec![standing(topic)];
    let of_kind = match kinds {
        [] => "",
        [first, others @ ..] if others.iter().all(|kind| kind == first) => " of this kind",
        _ => " of these kinds",
    };
    if page.decisions.is_empty() {
        lines.push(format!("No decision{of_kind} stands written."));
    }
    let width = page.total.to_string().len();
    lines.extend(page.decisions.iter().map(|decision| {
        let at = i64::try_from(decision.at_ms).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
        let at = at.unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S").to_string();
        format!("#{:<width$}  {at}  {}", decision.number, inert(&decision.text))
    }));
    let shown = page.decisions.len() as u64;
    if !kinds.is_empty() {
        if page.next_before.is_some() {
            lines.push(format!("\nThe newest {shown}{of_kind}; there may be more with a higher --limit"));
        }
    } else if shown < page.total {
        let all = counted(page.total, "decision");
        lines.push(format!("\nThe newest {shown} of {all}; all of them with --limit {}", page.total));
    }
    lines.join("\n") + "\n"
}
