//! Which limit it was that ended a topic.

use super::{EndReason, Limits, Topic};
use crate::ids::Seq;

impl Limits {
    /// The limit that a reason to end speaks of, in words; `None` where it speaks of none, or where the limits were changed behind the end, so that a run
    /// that has got so far has not met them.
    #[must_use]
    pub fn met(&self, reason: EndReason, attributes: Seq, requests: u64) -> Option<String> {
        match reason {
            EndReason::MaxAttributes => {
                self.max_attributes.filter(|cap| attributes >= *cap).map(|cap| counted(cap, "item"))
            }
            EndReason::MaxRequests => {
                self.max_requests.filter(|cap| requests >= *cap).map(|cap| counted(cap, "request"))
            }
            EndReason::MaxUsd => self.max_cost.map(|cap| format!("at most ${}", cap.usd())),
            EndReason::TimeLimit => self.time_limit_ms.map(time),
            EndReason::Complete => self.completeness.map(|wanted| wanted.to_string()),
            EndReason::LowYield => self
                .min_new_per_100_requests
                .map(|least| format!("fewer than {} in 100 requests", counted(least.into(), "new item"))),
            EndReason::Dry | EndReason::Stopped | EndReason::Interrupted | EndReason::NoProvider => None,
        }
    }
}

impl Topic {
    /// Why it ended or is ending, with the limit that it met, of a run that has so many items and has sent so many requests, those included that producers
    /// which ended without a word may have sent.
    #[must_use]
    pub fn end_in_words(&self, attributes: Seq, requests: u64) -> Option<String> {
        let reason = self.state.reason()?;
        let met = self.limits.met(reason, attributes, requests);
        Some(met.map_or_else(|| reason.in_words().to_owned(), |met| format!("{} ({met})", reason.in_words())))
    }
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[expect(clippy::cast_precision_loss, reason = "a time limit is far below 2^53 ms")]
fn time(ms: u64) -> String {
    match ms / 1_000 {
        seconds if ms.is_multiple_of(60_000) && seconds >= 60 => format!("{} min", seconds / 60),
        _ => format!("{} s", ms as f64 / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Cost;
    use crate::topic::Share;

    #[test]
    fn it_is_told_which_limit_was_met_unless_it_was_changed_since() {
        let limits = Limits {
            max_attributes: Some(300),
            max_requests: Some(1),
            max_cost: Some(Cost::from_usd(0.5)),
            time_limit_ms: Some(90_000),
            completeness: Some(Share::new(0.95)),
            min_new_per_100_requests: Some(5),
        };
        let met = |reason| limits.met(reason, 300, 1);
        let is = |reason, words: &str| assert_eq!(met(reason).as_deref(), Some(words));
        is(EndReason::MaxAttributes, "300 items");
        is(EndReason::MaxRequests, "1 request");
        is(EndReason::MaxUsd, "at most $0.5");
        is(EndReason::TimeLimit, "90 s");
        is(EndReason::Complete, "95 %");
        is(EndReason::LowYield, "fewer than 5 new items in 100 requests");
        assert_eq!((met(EndReason::Dry), met(EndReason::Stopped)), (None, None));
        let hours = Limits { time_limit_ms: Some(7_200_000), ..Limits::default() };
        assert_eq!(hours.met(EndReason::TimeLimit, 0, 0).as_deref(), Some("120 min"));
        let raised = |reason| limits.met(reason, 299, 0);
        assert_eq!((raised(EndReason::MaxAttributes), raised(EndReason::MaxRequests)), (None, None));
        assert_eq!(Limits::default().met(EndReason::Complete, 300, 1), None);
    }
}
