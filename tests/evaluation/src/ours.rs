//! igentai: a producer and an orchestrator as they are, over the in-process adapters and in virtual time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use igentai_core::batch::Outcome;
use igentai_core::fold::TopicFold;
use igentai_core::gate::Scope;
use igentai_core::ids::WorkerId;
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
    state: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    requests: u64,
    named: BTreeSet<usize>,
}

impl Service {
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
            asked.requests
        };
        let request =
            Request { model: self.number, number, system: &question.system, prompt: &question.user };
        let answer = self.service.world.answer(request);
        tokio::time::sleep(answer.latency).await;
        self.service.asked().named.extend(&answer.truths);
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

/// Enumerates a world.
pub(crate) fn run(world: &Arc<World>, how: &How, seed: u64) -> Course {
    in_virtual_time(async || enumerate(Arc::clone(world), how, seed).await)
}

async fn enumerate(world: Arc<World>, how: &How, seed: u64) -> Course {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(MORNING));
    let (bus, store) = (MemoryBus::new(), EmbeddedStore::in_memory().unwrap());
    let topic = topic::topic(&world, how, MORNING);
    store.put_topic(&topic, None).await.unwrap();
    let service = Arc::new(Service { world: Arc::clone(&world), state: Mutex::default() });
    let (stop, no_more) = (CancellationToken::new(), CancellationToken::new());
    let (mut orchestrator, mut producers) = (JoinSet::new(), JoinSet::new());
    orchestrator.spawn(igentai_orchestrator::run(
        igentai_orchestrator::Context {
            id: WorkerId::of_role("orchestrator", 0),
            new_registry_id: "evaluation".to_owned(),
            bus: bus.another_client(),
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::clone(&clock),
            options: igentai_orchestrator::Options { sole: true, ..igentai_orchestrator::Options::default() },
            troubles: Troubles::default(),
        },
        stop.clone(),
    ));
    let pool = ProviderPool::of(service.providers(how), seed, Arc::clone(&clock));
    for number in 0..how.producers {
        let options = igentai_producer::Options {
            concurrency: how.concurrency.div_ceil(how.producers),
            sharers: how.producers,
            ..igentai_producer::Options::default()
        };
        let context = igentai_producer::Context {
            id: WorkerId::of_role("producer", number),
            incarnation: 1,
            bus: bus.another_client(),
            clock: Arc::clone(&clock),
            pool: pool.clone(),
            options,
            seed: seed.wrapping_mul(31).wrapping_add(u64::from(number)),
            troubles: Troubles::default(),
        };
        let stop = no_more.clone();
        producers.spawn(async move {
            igentai_producer::run(context, stop, CancellationToken::new()).await;
        });
    }
    let end = wait(&service, &store, &topic, how).await;
    // What is under way is answered, and committed before the orchestrator leaves.
    no_more.cancel();
    leave(producers).await;
    stop.cancel();
    leave(orchestrator).await;
    let replayed = igentai_shared::store::replay(store.as_ref(), &topic.id, topic.run).await.unwrap();
    assert_eq!(replayed.differs, None, "of {} decisions", replayed.decisions);
    let (record, promises) = follow(&world, &store, &topic, how).await;
    Course { promises, ..record.end(world.knowable(), end) }
}

async fn leave(mut roles: JoinSet<()>) {
    let all = async { while roles.join_next().await.is_some() {} };
    assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "the roles do not stop");
}

/// Waits until the topic has ended, or may be stopped.
async fn wait(service: &Service, store: &EmbeddedStore, topic: &Topic, how: &How) -> End {
    let enough = needed(service.world.knowable(), SHARES[SHARES.len() - 1]);
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
            let named = entry.attributes().filter_map(|(_, text)| world.item(text));
            if how.quotes {
                asking.note(&fold, spent, how.items);
                record.note(spent, named, None);
                continue;
            }
            let status = TopicStatus::of(topic.clone(), &fold, 1, entry.head.at);
            let status = TopicStatus { completeness: fold.completeness(), ..status };
            record.note(spent, named, Some(Told::of(&status)));
        }
    }
}
