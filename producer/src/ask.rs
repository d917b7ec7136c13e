//! One request: from the permit to what is published of the answer.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use igentai_core::answer::{AnswerLimits, Parsed, parse_answer};
use igentai_core::batch::{MAX_ELEMENTS, Named, Outcome, Rejections, ResponseMeta, Told};
use igentai_core::command::TopicOrder;
use igentai_core::cost::Cost;
use igentai_core::folder::TopicId;
use igentai_core::frontier::{Aim, MAX_PARTS};
use igentai_core::ids::{FIRST_INEXACT, Run, Seq};
use igentai_core::judging::{self, Judged, MAX_JUDGED};
use igentai_core::key::{Fingerprint, Key, Rejection};
use igentai_core::phrasing::Phrasing;
use igentai_core::rules::Judge;
use igentai_core::seeded::{Bug, is_on, strikes};
use igentai_core::worker::{Ask, Finished};
use igentai_shared::clock::Clock;
use igentai_shared::telemetry::catalogue;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::pool::{Asked, Permit};
use crate::prompt;
use crate::provider::Question;

/// Bytes of an answer that are read: many times what a model says within its token limit.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Counts a request as long as it is under way, however it ends.
struct InFlight(String);

impl InFlight {
    fn of(provider: &str) -> Self {
        catalogue::IN_FLIGHT_REQUESTS.change(1.0, [provider]);
        Self(provider.to_owned())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        catalogue::IN_FLIGHT_REQUESTS.change(-1.0, [&self.0]);
    }
}

/// A question that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) topic: TopicId,
    pub(crate) run: Run,
    pub(crate) question: Question,
    phrasing: Phrasing,
    /// What it says to leave out.
    leave_out: BTreeSet<Fingerprint>,
    /// What the topic's items must be like.
    judge: Option<Judge>,
    /// What a judge is shown, with its numbers.
    shown: Vec<(Seq, String)>,
}

impl Prepared {
    /// Phrases the question.
    pub(crate) fn of(ask: &Ask) -> Self {
        let order = &ask.order;
        let (aim, items, known) = match &ask.aim {
            // A part of a kind that this program does not know is asked for as a whole.
            Some(aim) => match Aim::named(aim.cell.as_deref()) {
                Some(of) => (of, aim.items, aim.leave_out.as_slice()),
                None => (Aim::Whole, aim.items, [].as_slice()),
            },
            None => (Aim::Whole, order.items_per_request, [].as_slice()),
        };
        let question = prompt::question(&order.name, order.prompt.as_deref(), items, &aim, known);
        let question = prompt::ruled(question, &order.rules);
        // What is to be a sample of a topic that is cut is asked for in one way.
        let is_sample = aim.is_task() || ask.aim.is_some() && aim == Aim::Whole;
        let phrasing = if is_sample { Phrasing::Plain } else { ask.phrasing };
        let question = prompt::phrased(question, phrasing);
        let numbers = ask.aim.as_ref().map_or([].as_slice(), |aim| &aim.numbers);
        let shown = if aim == Aim::Judge { numbers } else { &[] };
        let shown = shown.iter().copied().zip(known.iter().cloned()).take(MAX_JUDGED).collect();
        let leave_out = if aim.is_task() { &[] } else { known };
        let leave_out = leave_out.iter().filter_map(|text| Key::of(text).map(|key| Fingerprint::of(&key)));
        Self {
            topic: order.topic.clone(),
            run: order.run,
            question,
            phrasing,
            leave_out: leave_out.collect(),
            judge: judge(order),
            shown,
        }
    }

    /// Sends it, unless it is given up before the answer is there.
    pub(crate) async fn send(
        self,
        permit: Permit,
        given_up: CancellationToken,
        clock: &dyn Clock,
    ) -> Finished {
        let worst_case = permit.worst_case(&self.question);
        let (provider, model) = (permit.provider_name().to_owned(), permit.model().to_owned());
        let start = clock.now().monotonic;
        let in_flight = InFlight::of(&provider);
        let answer = async {
            tokio::select! {
                biased;
                asked = permit.ask(&self.question) => Some(self.read(asked, worst_case)),
                () = given_up.cancelled() => None,
            }
        };
        // Whatever an answer does to those who read it, the request ends and is counted.
        let finished = AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
            error!(provider, topic = %self.topic, "reading an answer failed badly; the request counts as abandoned");
            None
        });
        drop(in_flight);
        finished.unwrap_or_else(|| {
            let latency = clock.now().monotonic.since(start);
            let meta = self.meta(provider, model, Outcome::Abandoned, latency, worst_case);
            Finished { meta, items: Vec::new() }
        })
    }

    /// What is told of it where nobody is left to say what became of it: it may have been paid for.
    pub(crate) fn lost(&self, permit: &Permit) -> Finished {
        let (provider, model) = (permit.provider_name().to_owned(), permit.model().to_owned());
        let worst_case = permit.worst_case(&self.question);
        let meta = self.meta(provider, model, Outcome::Abandoned, Duration::ZERO, worst_case);
        Finished { meta, items: Vec::new() }
    }

    fn meta(
        &self,
        provider: String,
        model: String,
        outcome: Outcome,
        latency: Duration,
        worst_case: Cost,
    ) -> ResponseMeta {
        ResponseMeta {
            provider,
            model,
            cell: self.question.aim.cell(),
            probe: self.question.aim == Aim::Whole && self.leave_out.is_empty(),
            prompt_hash: prompt::hash(&self.question),
            outcome,
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            input_tokens: 0,
            output_tokens: 0,
            cost: Cost::ZERO,
            worst_case,
            repeated: 0,
            rejected: 0,
            rejections: Rejections::default(),
            asked: self.question.items,
            left_out: count(self.leave_out.len()),
            copied: 0,
            phrasing: self.phrasing,
            categories: Told::default(),
            judged: self.said(None),
        }
    }

    /// What a judge was shown, and what it said; `None` where none was asked.
    fn said(&self, doubted: Option<Vec<Seq>>) -> Option<Box<Judged>> {
        let asked = self.shown.iter().map(|(seq, _)| *seq).collect();
        (self.question.aim == Aim::Judge).then(|| Box::new(Judged { asked, doubted }))
    }

    fn read(&self, asked: Asked, worst_case: Cost) -> Finished {
        let Asked { provider, model, reply, latency, cost } = asked;
        let mut meta = self.meta(provider, model, reply.outcome, latency, worst_case);
        // A greater number is no count of tokens, and the registry would not take the answer for it.
        meta.input_tokens = reply.input_tokens.min(FIRST_INEXACT - 1);
        meta.output_tokens = reply.output_tokens.min(FIRST_INEXACT - 1);
        meta.cost = if is_on(Bug::CostTwice) { cost + cost } else { cost };
        // Cut off, it may have been about to name any number of items, even where nothing of it is text.
        if reply.truncated {
            meta.asked = 0;
        }
        if reply.outcome != Outcome::Answered {
            return Finished { meta, items: Vec::new() };
        }
        let limits =
            AnswerLimits { max_bytes: MAX_ANSWER_BYTES, max_items: MAX_ELEMENTS, truncated: reply.truncated };
        if self.question.aim == Aim::Judge {
            let doubted = judging::verdict(&reply.text, &self.question.topic, limits, &self.shown);
            meta.outcome = if doubted.is_some() { Outcome::Answered } else { Outcome::Unparsable };
            meta.judged = self.said(doubted);
            return Finished { meta, items: Vec::new() };
        }
        let mut answer = parse_answer(&reply.text, &self.question.topic, limits);
        meta.outcome = match answer.outcome {
            Parsed::Items => Outcome::Answered,
            Parsed::Refused => Outcome::Refused,
            Parsed::Empty => Outcome::Empty,
            Parsed::Unparsable => Outcome::Unparsable,
        };
        meta.rejections = std::mem::take(&mut answer.reasons);
        meta.rejections.add(Rejection::OverLimit, count(answer.over_limit));
        meta.rejected = count(answer.rejected_total + answer.over_limit);
        if self.question.aim.is_task() {
            meta.categories = answer.items.into_iter().take(MAX_PARTS).map(|item| item.text).collect();
            return Finished { meta, items: Vec::new() };
        }
        if let Some(judge) = &self.judge {
            let rejections = &mut meta.rejections;
            answer.items.retain(|item| {
                let rejection = judge.rejection(&item.text);
                if let Some(reason) = rejection {
                    rejections.add(reason, 1);
                }
                rejection.is_none()
            });
            // A list that was as long as was asked for may go on, however much of it does not count.
            meta.asked = meta.asked.saturating_sub(meta.rejections.by_rule());
        }
        let copied = answer.items.iter().filter(|item| self.leave_out.contains(&item.fingerprint));
        meta.copied = count(copied.count());
        if answer.over_limit > 0 {
            meta.asked = 0;
        }
        meta.repeated = count(answer.repeated);
        let named =
            |item: igentai_core::answer::Item| Named { text: item.text, fingerprint: item.fingerprint };
        let lost = usize::from(strikes(Bug::ItemLost, 20));
        Finished { meta, items: answer.items.into_iter().skip(lost).map(named).collect() }
    }
}

/// Rules that this program does not understand were refused where they were given; another version may see that otherwise.
fn judge(order: &TopicOrder) -> Option<Judge> {
    if order.rules.is_empty() {
        return None;
    }
    let judge = order.rules.judge();
    judge
        .inspect_err(|error| {
            warn!(topic = %order.topic, error = %error, "the topic's rules are not understood; its items are taken as they come");
        })
        .ok()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
