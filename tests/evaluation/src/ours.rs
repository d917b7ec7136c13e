//! igentai: a producer and an orchestrator as they are, over the in-process adapters and in virtual time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::batch::Outcome;
use igentai_core::fold::TopicFold;
use igentai_core::gate::Scope;
use igentai_core::ids::WorkerId;
use igentai_core::routing::what_if::Answers;
use igentai_core::status::TopicStatus;
use igentai_core::topic::{Topic, TopicState};
use igentai_producer::pool::ProviderPool;
use igentai_producer::provider::{Provider, Question, Reply};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::clock::{Clock, VirtualClock};
use igentai_shared::config::providers::ProviderConfig;
use igentai_shared::store::Store;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_simulation::stage::{MORNING, in_virtual_time, scripted_provider};
use igentai_test_support::world::{self, Request, World};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::course::{Course, End, Record, Tally, needed};
use crate::failing::{Sent, Trouble};
use crate::known::Known;
use crate::quotes::{Asking, Promise};
use crate::told::Told;
use crate::{How, SHARES, topic};

/// How often is looked whether it is time to stop.
const LOOK: Duration = Duration::from_millis(250);

/// Roles that are asked to stop do so within this.
const PATIENCE: Duration = Duration::from_mins(5);

/// Entries of the log that are read at once.
const PAGE: usize = 500;

/// The models of a world, and what they were asked.
#[derive(Debug)]
struct Service {
    world: Arc<World>,
    clock: Arc<dyn Clock>,
    trouble: Option<Trouble>,
    known: Known,
    state: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    requests: u64,
    named: BTreeSet<usize>,
    sent: Vec<Sent>,
}

impl Service {
    fn since_morning(&self) -> Duration {
        Duration::from_millis(self.clock.now().unix.0.saturating_sub(MORNING.0))
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn providers(self: &Arc<Self>, how: &How) -> Vec<(ProviderConfig, Arc<dyn Provider>)> {
        let providers = self.world.models().iter().enumerate().map(|(number, model)| {
            let config = ProviderConfig {
                base_url: format!("http://{}.invalid/v1", model.name),
                max_concurrency: how.concurrency,
                timeout_seconds: 120.0,
                ..scripted_provider(&model.name, model.price)
            };
            let provider = Model { service: Arc::clone(self), number };
            (config, Arc::new(provider) as Arc<dyn Provider>)
        });
        providers.collect()
    }
}

#[derive(Debug)]
struct Model {
    service: Arc<Service>,
    number: usize,
}

#[async_trait]
impl Provider for Model {
    async fn ask(&self, question: &Question) -> Reply {
        let number = {
            let mut asked = self.service.asked();
            asked.requests += 1;
            let at = self.service.since_morning();
            asked.sent.push(Sent { at, ended: None, model: self.number, failed: false });
            asked.requests
        };
        let request =
            Request { model: self.number, number, system: &question.system, prompt: &question.user };
        let mut answer = self.service.world.answer(request);
        let trouble = self.service.trouble.filter(|trouble| trouble.model == self.number);
        if trouble.is_some_and(|trouble| trouble.strikes(number, self.service.since_morning())) {
            answer.fail();
        }
        tokio::time::sleep(answer.latency).await;
        // Whoever is gone altogether takes what is under way with it.
        if trouble.is_some_and(|trouble| {
            trouble.is_total() && trouble.strikes(number, self.service.since_morning())
        }) {
            answer.fail();
        }
        {
            let ended = self.service.since_morning();
            let mut asked = self.service.asked();
            asked.named.extend(answer.truths.iter().filter(|item| !self.service.known.holds(**item)));
            if let Some(sent) = asked.sent.get_mut(number as usize - 1) {
                (sent.ended, sent.failed) = (Some(ended), answer.end != world::End::Listed);
            }
        }
        let (outcome, retry_after) = match answer.end {
            world::End::Listed | world::End::Declined => (Outcome::Answered, None),
            world::End::RateLimited => (Outcome::RateLimited, Some(Duration::from_secs(1))),
            world::End::Broken => (Outcome::ServerError, None),
        };
        let failed = outcome != Outcome::Answered;
        Reply {
            outcome,
            scope: Scope::Provider,
            text: text(&answer, question.list),
            truncated: false,
            input_tokens: answer.input_tokens,
            output_tokens: answer.output_tokens,
            retry_after,
            detail: if failed { "as scripted".to_owned() } else { String::new() },
        }
    }
}

/// The answer as it is written: in JSON where a list was asked for, unless there is talk around it.
fn text(answer: &world::Answer, list: bool) -> String {
    let talks = answer.said.first().is_some_and(|first| first.ends_with(':'));
    match answer.end {
        world::End::Listed if list && !talks => serde_json::json!({ "items": answer.said }).to_string(),
        world::End::Listed | world::End::Declined | world::End::RateLimited | world::End::Broken => {
            answer.said.join("\n")
        }
    }
}

/// Every request of a run that lasts so long, with its own providers for each producer, as they have in processes of their own.
pub(crate) fn watch(
    world: &Arc<World>,
    how: &How,
    trouble: Trouble,
    lasts: Duration,
    seed: u64,
) -> Vec<Sent> {
    in_virtual_time(async || {
        let stage = Stage::new(Arc::clone(world), how, Some(trouble), seed).await;
        tokio::time::sleep(lasts).await;
        let service = stage.end().await.0;
        std::mem::take(&mut service.asked().sent)
    })
}

/// Enumerates a world.
pub(crate) fn run(world: &Arc<World>, how: &How, seed: u64) -> Course {
    in_virtual_time(async || enumerate(Arc::clone(world), how, seed).await)
}

/// Enumerates a world to its end, for what its log says then.
pub(crate) fn log(world: &Arc<World>, how: &How, seed: u64) -> (Topic, Answers) {
    in_virtual_time(async || {
        let stage = Stage::new(Arc::clone(world), how, None, seed).await;
        wait(&stage.service, &stage.store, &stage.topic, how).await;
        let (_, store, topic) = stage.end().await;
        let answers = igentai_shared::store::answers(store.as_ref(), &topic.id, topic.run).await.unwrap();
        (topic, answers)
    })
}

async fn enumerate(world: Arc<World>, how: &How, seed: u64) -> Course {
    let stage = Stage::new(Arc::clone(&world), how, None, seed).await;
    let end = wait(&stage.service, &stage.store, &stage.topic, how).await;
    let (service, store, topic) = stage.end().await;
    let replayed = igentai_shared::store::replay(store.as_ref(), &topic.id, topic.run).await.unwrap();
    assert_eq!(replayed.differs, None, "of {} decisions", replayed.decisions);
    let (record, promises) = follow(&world, &store, &topic, how).await;
    Course { promises, ..record.end(service.known.besides(&world), end) }
}

/// The roles at work.
struct Stage {
    service: Arc<Service>,
    store: Arc<EmbeddedStore>,
    topic: Topic,
    stop: CancellationToken,
    no_more: CancellationToken,
    orchestrator: JoinSet<()>,
    producers: JoinSet<()>,
}

impl Stage {
    async fn new(world: Arc<World>, how: &How, trouble: Option<Trouble>, seed: u64) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(MORNING));
        let (bus, store) = (MemoryBus::new(), EmbeddedStore::in_memory().unwrap());
        let mut topic = topic::topic(&world, how, MORNING);
        let known = Known::draw(&world, how.known, seed);
        known.tell(&world, store.as_ref(), &mut topic).await;
        store.put_topic(&topic, None).await.unwrap();
        let state = Mutex::default();
        let service = Arc::new(Service { world, clock: Arc::clone(&clock), trouble, known, state });
        let (stop, no_more) = (CancellationToken::new(), CancellationToken::new());
        let (mut orchestrator, mut producers) = (JoinSet::new(), JoinSet::new());
        orchestrator.spawn(igentai_orchestrator::run(
            igentai_orchestrator::Context {
                id: WorkerId::of_role("orchestrator", 0),
                new_registry_id: "evaluation".to_owned(),
                bus: bus.another_client(),
                store: Arc::clone(&store) as Arc<dyn Store>,
                clock: Arc::clone(&clock),
                options: igentai_orchestrator::Options {
                    sole: true,
                    ..igentai_orchestrator::Options::default()
                },
                troubles: Troubles::default(),
            },
            stop.clone(),
        ));
        let pool = |seed| ProviderPool::of(service.providers(how), seed, Arc::clone(&clock));
        let shared = pool(seed);
        for number in 0..how.producers {
            let own = trouble.is_some();
            let options = igentai_producer::Options {
                concurrency: how.concurrency.div_ceil(how.producers),
                sharers: if own { 1 } else { how.producers },
                ..igentai_producer::Options::default()
            };
            let context = igentai_producer::Context {
                id: WorkerId::of_role("producer", number),
                incarnation: 1,
                bus: bus.another_client(),
                clock: Arc::clone(&clock),
                pool: if own { pool(seed.wrapping_add(u64::from(number) << 32)) } else { shared.clone() },
                options,
                seed: seed.wrapping_mul(31).wrapping_add(u64::from(number)),
                troubles: Troubles::default(),
            };
            let stop = no_more.clone();
            producers.spawn(async move {
                igentai_producer::run(context, stop, CancellationToken::new()).await;
            });
        }
        Self { service, store, topic, stop, no_more, orchestrator, producers }
    }

    /// What is under way is answered, and committed before the orchestrator leaves.
    async fn end(self) -> (Arc<Service>, Arc<EmbeddedStore>, Topic) {
        self.no_more.cancel();
        leave(self.producers).await;
        self.stop.cancel();
        leave(self.orchestrator).await;
        (self.service, self.store, self.topic)
    }
}

async fn leave(mut roles: JoinSet<()>) {
    let all = async { while roles.join_next().await.is_some() {} };
    assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "the roles do not stop");
}

/// Waits until the topic has ended, or may be stopped.
async fn wait(service: &Service, store: &EmbeddedStore, topic: &Topic, how: &How) -> End {
    let enough = needed(service.known.besides(&service.world), SHARES[SHARES.len() - 1]);
    loop {
        if let TopicState::Ended(reason) = store.topic(&topic.id).await.unwrap().unwrap().state {
            return End::ByItself(reason);
        }
        {
            let asked = service.asked();
            if !how.to_the_end && asked.named.len() >= enough {
                return End::Enough;
            }
            if asked.requests >= how.max_requests {
                return End::UsedUp;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Reads the log as the coordinator did, and notes after each entry what it said.
async fn follow(world: &World, store: &EmbeddedStore, topic: &Topic, how: &How) -> (Record, Vec<Promise>) {
    let (mut record, mut fold, mut asking) = (Record::default(), TopicFold::default(), Asking::default());
    loop {
        let entries = store.log(&topic.id, topic.run, fold.log_index(), PAGE).await.unwrap();
        if entries.is_empty() {
            return (record, asking.end());
        }
        for entry in entries {
            fold.apply(&entry).unwrap();
            let totals = fold.totals();
            let spent = Tally {
                requests: totals.requests(),
                tokens: totals.input_tokens + totals.output_tokens,
                cost: totals.cost,
            };
            let named = entry.attributes().filter(|_| !entry.is_seeded());
            let named = named.filter_map(|(_, text)| world.item(text));
            if how.quotes {
                asking.note(&fold, spent, how);
                record.note(spent, named, None);
                continue;
            }
            let status = TopicStatus::of(topic.clone(), &fold, 1, entry.head.at);
            let status = TopicStatus { completeness: fold.completeness(), ..status };
            record.note(spent, named, Some(Told::of(&status)));
        }
    }
}
