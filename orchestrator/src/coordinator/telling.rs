//! What the coordinator tells everybody: where the topics stand, and what nobody else has announced. All of it is said again or asked for
//! again, so nothing here waits long, and nothing is tried without a connection.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use igentai_core::coordinator::{Coordinator, LINGER};
use igentai_core::estimate::Estimate;
use igentai_core::folder::TopicId;
use igentai_core::ids::LogIndex;
use igentai_core::seeded::{Bug, is_on};
use igentai_core::status::TopicStatus;
use igentai_core::time::{Monotonic, Now};
use igentai_shared::bus::{Exchange, PublishError};
use igentai_shared::store::{StoreError, checkpoints};
use igentai_shared::telemetry::catalogue;
use igentai_shared::wire::{FilterDelta, Message, StatusEvent};
use tracing::{info, warn};

use super::measure::Measures;
use super::topics::{OpenTopic, PAGE, Topics, fingerprints};
use super::trouble::Step;
use crate::Context;
use crate::outbox::{Portion, merge};
use crate::send::{SendError, send};

/// How long a confirmation is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// An entry that nobody has published for so long is published from the log.
const OUTBOX_PATIENCE: Duration = Duration::from_secs(2);

/// Publishes what will be said again anyway.
pub(super) async fn say<M: Message>(
    context: &Context,
    exchange: Exchange,
    routing_key: String,
    name: String,
    message: &M,
) -> Result<(), SendError> {
    let said = send(context, exchange, routing_key, name, message);
    let late =
        |_| Err(PublishError::Unknown(format!("no confirmation within {} s", PATIENCE.as_secs())).into());
    tokio::time::timeout(PATIENCE, said).await.unwrap_or_else(late)
}

/// A topic's state, to be said to people and to producers' filters.
struct News {
    name: String,
    event: StatusEvent,
    version: Option<FilterDelta>,
}

impl News {
    async fn announce(&self, context: &Context) {
        let id = &self.event.status.topic.id;
        let told = say(context, Exchange::Events, format!("topic.{id}"), self.name.clone(), &self.event);
        let versioned = async {
            let Some(version) = &self.version else { return Ok(()) };
            say(context, Exchange::Filters, format!("delta.{id}"), format!("filter-{}", self.name), version)
                .await
        };
        let (told, versioned) = futures::future::join(told, versioned).await;
        if let Err(error) = told.and(versioned) {
            warn!(topic = %id, error = %error, "the state of a topic is not announced; the next one will be");
        }
    }
}

impl Topics<'_> {
    /// Leaves the topics that ended a while ago, and to which nothing came since.
    pub(super) fn close_ended(&mut self, core: &mut Coordinator, now: Monotonic) {
        let over = |topic: &OpenTopic| topic.ended.is_some_and(|(since, _)| now.since(since) >= LINGER);
        for (id, _) in self.open.extract_if(.., |_, topic| over(topic)) {
            self.files.leave(&id);
            core.closed(&id);
        }
    }

    /// Saves where the open topics stand, and tells everybody. Of those that have ended, only what came since.
    pub(super) async fn tell(&mut self, core: &Coordinator, now: Now) -> Result<(), StoreError> {
        let news = |id: &TopicId, topic: &OpenTopic| {
            let told = |(_, told)| told >= topic.master.complete_to();
            !topic.ended.is_some_and(told) || topic.told_of_files != self.files.trouble(id)
        };
        let ids: Vec<TopicId> =
            self.open.iter().filter(|(id, topic)| news(id, topic)).map(|(id, _)| id.clone()).collect();
        let mut all = Vec::new();
        for id in ids.iter().filter(|id| core.is_open(id)) {
            all.extend(self.record(core, id, now).await?);
        }
        let mut closed = self.vouching.take_news();
        let troubled = core.topics().filter(|topic| !topic.state.is_ended());
        closed.extend(
            troubled.filter(|topic| self.troubles.problem(&topic.id).is_some()).map(|topic| topic.id.clone()),
        );
        closed.sort_unstable();
        closed.dedup();
        for id in closed.iter().filter(|id| !core.is_open(id)) {
            all.extend(self.record_closed(core, id, now).await?);
        }
        self.measures.lost(self.vouching.measure(core));
        self.announce(&all).await;
        Measures::count(core);
        self.measure_replicas(core, now.monotonic);
        if self.deaf.is_none() {
            self.measures.queues(self.context.bus.as_ref(), now.monotonic).await;
        }
        self.files.global(core.topics().cloned().collect(), core.producers(), now);
        Ok(())
    }

    /// Saves where one topic stands, and tells everybody.
    pub(super) async fn tell_one(
        &mut self,
        core: &Coordinator,
        id: &TopicId,
        now: Now,
    ) -> Result<(), StoreError> {
        let news = self.record(core, id, now).await?;
        self.announce(news.as_slice()).await;
        Ok(())
    }

    async fn announce(&self, all: &[News]) {
        if self.deaf.is_none() {
            join_all(all.iter().map(|news| news.announce(self.context))).await;
        }
    }

    /// Saves first, so that whoever asks the registry is not behind those who listen; what cannot be saved is still said.
    async fn record(
        &mut self,
        core: &Coordinator,
        id: &TopicId,
        now: Now,
    ) -> Result<Option<News>, StoreError> {
        let open = self.open.get(id).filter(|_| core.is_open(id));
        let Some((topic, status)) = open.zip(core.status(id, now)) else { return Ok(None) };
        let files = self.files.trouble(id);
        let filter = Some(self.filter_numbers(id, topic, now.monotonic));
        let status = TopicStatus { filter, ..self.with_problem(core, status) };
        let (run, to, ended) = (topic.run, topic.master.complete_to(), status.topic.state.is_ended());
        let generation = topic.master.bits().generation();
        let published = topic.published.complete_to();
        let label = [id.as_str()];
        catalogue::TOPIC_ATTRIBUTES.set_whole(status.attributes, label);
        catalogue::TOPIC_COVERAGE.set(status.coverage.unwrap_or(0.0), label);
        catalogue::TOPIC_COMPLETENESS.set(status.completeness.map_or(0.0, |said| said.completeness), label);
        if let Some(said) = status.completeness {
            let Estimate { total, low, high, .. } = said.estimate;
            for (bound, number) in [("estimate", total), ("low", low), ("high", high)] {
                catalogue::TOPIC_ESTIMATED_ATTRIBUTES.set(number, [id.as_str(), bound]);
            }
        }
        for (reason, count) in &status.rejections {
            catalogue::TOPIC_REJECTED.set_whole(*count, [id.as_str(), reason.as_str()]);
        }
        if status.topic.judge {
            let doubted = status.judging.doubted.len() as u64;
            let kept = status.judging.judged.saturating_sub(doubted);
            for (verdict, count) in [("kept", kept), ("doubted", doubted)] {
                catalogue::TOPIC_JUDGED.set_whole(count, [id.as_str(), verdict]);
            }
        }
        catalogue::OUTBOX_LAG_ENTRIES.set_whole(to.saturating_sub(published), label);
        catalogue::FILTER_GENERATION.set_whole(u64::from(generation), label);
        let rate = topic.master.measured().rate().unwrap_or(0.0);
        catalogue::FILTER_FALSE_POSITIVE_RATE.set(rate, label);
        self.files.status(&status);
        if !self.troubles.rests(Some(id), Step::SaveStatus, now.monotonic) {
            let saved = BTreeMap::from([
                (checkpoints::STATUS.to_owned(), checkpoints::encode(&status)),
                (checkpoints::PUBLISHED.to_owned(), checkpoints::encode(&published)),
            ]);
            let saved = self.context.store.save_checkpoints(id, run, self.epoch, saved).await;
            let saved = self.troubles.note(Some(id), Step::SaveStatus, saved, now.monotonic)?;
            if let (Some(()), Some(topic)) = (saved, self.open.get_mut(id)) {
                let before = topic.ended.filter(|(_, told)| *told == to);
                let since = before.map_or(now.monotonic, |(since, _)| since);
                topic.ended = ended.then_some((since, to));
                topic.told_of_files = files;
            }
        }
        let (topic, fingerprints, edition, first) = (id.clone(), Vec::new(), 0, 0);
        let version = FilterDelta { topic, run, generation, from: to + 1, to, fingerprints, edition, first };
        let name = format!("status-{id}-{}-{}", self.epoch, now.monotonic.0);
        Ok(Some(News { name, event: StatusEvent { status }, version: Some(version) }))
    }

    /// A topic that cannot be opened stands where it stood, and why it does not move is said all the same.
    async fn record_closed(
        &mut self,
        core: &Coordinator,
        id: &TopicId,
        now: Now,
    ) -> Result<Option<News>, StoreError> {
        let Some(fresh) = core.status(id, now) else { return Ok(None) };
        let run = fresh.topic.run;
        let before = self.checkpoint::<TopicStatus>(id, run, checkpoints::STATUS).await.ok().flatten();
        // Of one that has ended nobody counts here.
        if before.is_none() && fresh.topic.state.is_ended() {
            return Ok(None);
        }
        let before = before.unwrap_or_else(|| fresh.clone());
        let TopicStatus { topic, epoch, at, problem, .. } = fresh;
        let status = TopicStatus { topic, epoch, at, problem, ..before };
        let status = self.with_problem(core, status);
        let saved = BTreeMap::from([(checkpoints::STATUS.to_owned(), checkpoints::encode(&status))]);
        match self.context.store.save_checkpoints(id, run, self.epoch, saved).await {
            Err(error) if self.troubles.ends_the_term(&error) => return Err(error),
            // Its trouble is known.
            Ok(()) | Err(_) => {}
        }
        let name = format!("status-{id}-{}-{}", self.epoch, now.monotonic.0);
        Ok(Some(News { name, event: StatusEvent { status }, version: None }))
    }

    fn with_problem(&self, core: &Coordinator, status: TopicStatus) -> TopicStatus {
        let nobody = self.deaf.as_ref().or(self.untold.as_ref()).filter(|_| !status.topic.state.is_ended());
        let now = self.context.clock.now().monotonic;
        let refused = self.refusals.reason(&status.topic.id, status.topic.run, now);
        let put_back = self.vouching.problem(&status.topic.id).map(str::to_owned);
        let refused_now = refused.clone().filter(|_| !status.topic.state.is_ended());
        let stands =
            put_back.or(refused_now).map(|why| match core.unresolved(&status.topic.id, status.topic.run) {
                0 => why,
                waiting => format!("{why}. {waiting} answers that producers have published for it wait"),
            });
        let own = stands.or_else(|| self.troubles.problem(&status.topic.id)).or(nobody.cloned());
        let here = self.context.troubles.reasons(now).into_iter().next().or(refused);
        let moves = match (here, &status.problem) {
            // Of a topic that has ended it explains no more than what is missing.
            (Some(why), Some(missing)) if status.topic.state.is_ended() => Some(format!("{missing}: {why}")),
            (Some(why), _) if !status.topic.state.is_ended() => own.or(Some(why)),
            (Some(_) | None, _) => own.or(status.problem),
        };
        let problems: Vec<String> = moves.into_iter().chain(self.files.trouble(&status.topic.id)).collect();
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        TopicStatus { problem, ..status }
    }

    /// Publishes from the log what no integrator says it has published.
    pub(super) async fn publish_left_out(&mut self, now: Monotonic) -> Result<(), StoreError> {
        if is_on(Bug::OutboxNeverRepeated) {
            return Ok(());
        }
        for (id, topic) in &mut self.open {
            let complete = topic.published.complete_to();
            if complete > topic.outbox.0 || complete >= topic.master.complete_to() {
                topic.outbox = (complete, now);
            } else if self.deaf.is_none() && now.since(topic.outbox.1) >= OUTBOX_PATIENCE {
                let published = republish(self.context, id, topic, complete).await;
                self.troubles.note(Some(id), Step::Announce, published, now)?;
                topic.outbox.1 = now;
            }
        }
        Ok(())
    }
}

async fn republish(
    context: &Context,
    id: &TopicId,
    topic: &mut OpenTopic,
    after: LogIndex,
) -> Result<(), StoreError> {
    let entries = context.store.log(id, topic.run, after, PAGE).await?;
    let portions = entries.iter().map(|entry| Portion {
        topic: id.clone(),
        run: topic.run,
        from: entry.index,
        to: entry.index,
        first: entry.tail.first_new,
        edition: topic.edition,
        texts: entry.tail.new.clone(),
        fingerprints: fingerprints(entry),
        seeded: entry.is_seeded(),
    });
    for portion in merge(portions) {
        let (from, to) = (portion.from, portion.to);
        let published = tokio::time::timeout(PATIENCE, portion.publish(context)).await;
        match published {
            Ok(Ok(())) => topic.published.insert(from, to),
            Ok(Err(error)) => {
                warn!(topic = %id, error = %error, "what a commit brought is not announced yet");
                return Ok(());
            }
            Err(_) => {
                warn!(topic = %id, "what a commit brought is not announced in time");
                return Ok(());
            }
        }
    }
    info!(topic = %id, entries = entries.len(), "commits that nobody had announced are announced");
    Ok(())
}
