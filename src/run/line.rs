//! One line on where a topic stands.

use std::time::Duration;

use igentai_core::fold::Totals;
use igentai_core::status::TopicStatus;

use crate::output::{counted, percent};

/// How much of a problem must be there to be understood, in columns.
const ENOUGH_OF_A_PROBLEM: usize = 40;

/// Less of a problem than this says nothing.
const TOO_LITTLE: usize = 8;

const GAP: &str = " · ";

/// Everything.
pub(super) fn whole(status: &TopicStatus, ran: Duration) -> String {
    let [whole, ..] = forms(status, ran);
    status.problem.as_ref().map_or_else(|| whole.clone(), |problem| format!("{whole}{GAP}{problem}"))
}

/// What fits into so many columns: less is said rather than cut off at the right, where spending and time stand.
pub(super) fn fitted(status: &TopicStatus, ran: Duration, columns: usize) -> String {
    let problem = status.problem.as_deref().unwrap_or_default();
    let wanted = match problem.chars().count() {
        0 => 0,
        length => length.min(ENOUGH_OF_A_PROBLEM) + GAP.chars().count(),
    };
    let forms = forms(status, ran);
    let fits = |form: &&String| form.chars().count() + wanted <= columns;
    let form = forms.iter().find(fits).or(forms.last()).cloned().unwrap_or_default();
    let left = columns.saturating_sub(form.chars().count() + GAP.chars().count());
    match problem.chars().count() {
        0 => form,
        _ if left < TOO_LITTLE => form,
        length if length <= left => format!("{form}{GAP}{problem}"),
        _ => format!("{form}{GAP}{}…", problem.chars().take(left - 1).collect::<String>()),
    }
}

/// The same from long to short.
fn forms(status: &TopicStatus, ran: Duration) -> [String; 4] {
    let Totals { duplicates, candidates, cost, responses, failed_responses, .. } = status.totals;
    let (found, rate, ran) = (status.attributes, status.attributes_per_minute, clock(ran));
    let share = (duplicates * 100).checked_div(candidates).unwrap_or(0);
    let coverage = status
        .coverage
        .map(|share| format!("{GAP}coverage {:.0} %", percent(share).floor()))
        .unwrap_or_default();
    let complete = match status.completeness {
        Some(said) if said.at_least => format!("{GAP}{said}"),
        Some(said) => format!("{GAP}{:.0} % complete", percent(said.completeness).floor()),
        None => String::new(),
    };
    let failed = if failed_responses > 0 { format!("{GAP}{failed_responses} failed") } else { String::new() };
    let (answers, about) = (counted(responses, "answer"), cents(cost.usd()));
    [
        format!(
            "{found} unique · {rate:.0}/min · {answers}{failed} · {share} % duplicates{coverage}{complete} · {cost} · {ran}"
        ),
        format!("{found} unique · {rate:.0}/min{failed} · {share}% dup · {about} · {ran}"),
        format!("{found} unique · {share}% dup · {about} · {ran}"),
        format!("{found} · {about} · {ran}"),
    ]
}

/// What it cost, in few columns.
fn cents(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { "<$0.01".to_owned() } else { format!("${usd:.2}") }
}

pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 3_600 {
        format!("{}:{:02}", seconds / 60, seconds % 60)
    } else {
        format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use igentai_core::estimate::{Completeness, Estimate};
    use igentai_core::fold::TopicFold;
    use igentai_core::time::UnixMillis;

    use super::*;

    fn status(problem: Option<&str>) -> TopicStatus {
        use igentai_core::cost::Cost;
        use igentai_core::folder::TopicId;
        use igentai_core::topic::{StartMode, StartRequest, Topic};
        let request = StartRequest {
            name: "Paris".to_owned(),
            prompt: None,
            provider_weights: None,
            routing: None,
            phrasing: None,
            limits: None,
            items_per_request: None,
            partition: None,
            configured_partition: igentai_core::topic::Partition::None,
            probe_share: None,
            configured_probe_share: igentai_core::topic::ProbeShare::USUAL,
            categories: None,
            seeds: None,
            rules: None,
            judge: None,
            configured_items: None,
            mode: StartMode::Auto,
        };
        let id = TopicId::from_name("Paris").unwrap();
        let topic = Topic::start(None, id, request, UnixMillis(0)).unwrap();
        let mut status = TopicStatus::of(topic, &TopicFold::default(), 1, UnixMillis(0));
        let known = Totals { responses: 1, candidates: 400, duplicates: 50, ..Totals::default() };
        status.totals = Totals { cost: Cost::from_usd(0.0125), ..known };
        (status.attributes, status.attributes_per_minute, status.coverage) = (375, 1_875.0, Some(0.95));
        status.problem = problem.map(str::to_owned);
        status
    }

    #[test]
    fn a_narrow_terminal_gets_a_shorter_line_with_spending_and_time() {
        let (status, ran) = (status(None), Duration::from_secs(12));
        assert_eq!(
            fitted(&status, ran, 120),
            "375 unique · 1875/min · 1 answer · 12 % duplicates · coverage 95 % · $0.012500 · 0:12"
        );
        assert_eq!(fitted(&status, ran, 60), "375 unique · 1875/min · 12% dup · $0.01 · 0:12");
        assert_eq!(fitted(&status, ran, 45), "375 unique · 12% dup · $0.01 · 0:12");
        assert_eq!(fitted(&status, ran, 20), "375 · $0.01 · 0:12");
    }

    #[test]
    fn a_topic_is_never_said_to_have_at_least_fewer_items_than_are_found() {
        let mut status = status(None);
        let estimate = Estimate { total: 500.0, low: 368.5, high: 900.0, made_up: 0.0 };
        status.completeness = Some(Completeness { estimate, completeness: 0.75, at_least: true });
        let line = whole(&status, Duration::from_secs(12));
        assert!(line.contains(" · of at least 375 · "), "{line}");
    }

    #[test]
    fn a_problem_is_shown_as_far_as_there_is_room_for_it() {
        let status = status(Some("small: the key in SMALL_KEY is wrong, so nobody can be asked"));
        let ran = Duration::from_secs(12);
        for columns in 1..200 {
            let line = fitted(&status, ran, columns);
            let least = fitted(&status, ran, 1).chars().count();
            assert!(line.chars().count() <= columns.max(least), "{columns}: {line}");
            assert!(line.contains("$0.01"), "{columns}: {line}");
            assert_eq!(line.contains("small: the key in SMALL_KEY"), columns >= 49, "{columns}: {line}");
        }
        assert!(whole(&status, ran).ends_with("nobody can be asked"));
    }
}
