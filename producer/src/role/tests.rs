#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::time::Duration;

use async_trait::async_trait;
use igentai_core::command::{Lease, TopicOrder};
use igentai_core::cost::Cost;
use igentai_core::ids::WorkerId;
use igentai_core::time::UnixMillis;
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::bus::{BusError, WorkQueue};
use igentai_shared::clock::{Clock, VirtualClock};
use igentai_shared::config::providers::{ProviderConfig, ProviderKind};

use super::*;
use crate::Options;
use crate::pool::ProviderPool;
use crate::provider::{Provider, Question, Reply};

mod badly;
mod commands;

/// Is never asked.
#[derive(Debug)]
struct Idle;

#[async_trait]
impl Provider for Idle {
    async fn ask(&self, _: &Question) -> Reply {
        std::future::pending().await
    }
}

fn context(providers: usize) -> Context {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(UnixMillis(1)));
    let config = |number| ProviderConfig::new(&format!("p{number}"), ProviderKind::OpenAi, "m");
    let providers = (0..providers).map(|number| (config(number), Arc::new(Idle) as Arc<dyn Provider>));
    Context {
        id: WorkerId::parse("producer-1").unwrap(),
        incarnation: 1,
        bus: MemoryBus::new(),
        pool: ProviderPool::of(providers.collect(), 1, Arc::clone(&clock)),
        clock,
        options: Options::default(),
        seed: 1,
        troubles: Troubles::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_nobody_would_read_is_not_sent_and_said_instead() {
    for (providers, says) in [(1_000, 0), (1_001, 1)] {
        let context = context(providers);
        let source = Source::Work(WorkQueue::Coordinate);
        let mut heard = context.bus.consume(source, 10).await.unwrap();
        let mut running = JoinSet::new();
        running.spawn(run(context.clone(), CancellationToken::new(), CancellationToken::new()));
        let first: Result<Result<Incoming, BusError>, _> =
            tokio::time::timeout(Duration::from_secs(5), heard.next()).await;
        assert_eq!(first.is_err(), says == 1, "{providers}: {first:?}");
        let reasons = context.troubles.reasons(context.clock.now().monotonic);
        assert_eq!(reasons.len(), says, "{reasons:?}");
        assert!(
            reasons.iter().all(|reason| reason.contains("sending `heartbeat` does not work")),
            "{reasons:?}"
        );
    }
}

pub(super) fn order(requests: u64) -> TopicOrder {
    TopicOrder {
        phrasings: Vec::new(),
        topic: TopicId::from_name("birds").unwrap(),
        run: 1,
        name: "birds".to_owned(),
        prompt: None,
        items_per_request: 2,
        provider_weights: BTreeMap::new(),
        shares: None,
        ask: true,
        abandon: false,
        lease: Lease { requests, cost: Cost::ZERO },
        capped_cost: false,
        rules: igentai_core::rules::ItemRules::default(),
        aims: None,
        max_attributes: None,
    }
}
