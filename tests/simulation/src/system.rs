//! The whole system in one thread and in virtual time: its processes live, die and come back, until the topic has ended and all is quiet.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use igentai_core::coordinator::Settings;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::log::Entry;
use igentai_core::status::TopicStatus;
use igentai_core::topic::{Seeds, StartRequest, Topic};
use igentai_producer::pool::ProviderPool;
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::bus::{Bus, WorkQueue};
use igentai_shared::clock::{Clock, VirtualClock};
use igentai_shared::registry::{self, RegistryError};
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Replayed, Store, StoredAttribute, checkpoints, replay};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::deeds;
use crate::faults::bus::FaultyBus;
use crate::faults::clock::FaultyClock;
use crate::faults::store::FaultyStore;
use crate::faults::{Faults, Kind, Life};
use crate::history;
use crate::model::{Asked, Model};
use crate::plan::{ORCHESTRATORS, PRODUCERS, Plan};
use crate::reader::{self, Read};
use crate::stage::{MORNING, in_virtual_time};
use crate::things::Things;
use crate::witness::{LifeId, Seen, Witness};

/// The topic must have ended so long after the last fault.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// How long the system is left alone when the topic has ended, before it must be quiet.
pub(crate) const SETTLING: Duration = Duration::from_secs(35);

/// What is left of a run, for the invariants.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) plan: Plan,
    pub(crate) topic: Topic,
    pub(crate) ended_at: Option<u64>,
    /// What came of making its decisions again.
    pub(crate) replayed: Result<Replayed, String>,
    pub(crate) log: Vec<Entry>,
    pub(crate) attributes: Vec<StoredAttribute>,
    pub(crate) status: Option<TopicStatus>,
    pub(crate) journal: Vec<Asked>,
    pub(crate) things: Arc<Things>,
    pub(crate) killed: BTreeSet<LifeId>,
    pub(crate) seen: Seen,
    pub(crate) read: Read,
    pub(crate) quiet: Quiet,
    pub(crate) ended_by_themselves: Vec<usize>,
    pub(crate) stopped_in_time: bool,
    pub(crate) struck: std::collections::BTreeMap<Kind, u64>,
    pub(crate) trace: (u64, Vec<String>),
    /// Where a part of the system panicked; some begin anew afterwards.
    pub(crate) panics: Vec<String>,
}

/// What the broker holds when all should be quiet.
#[derive(Debug)]
pub(crate) struct Quiet {
    /// Messages ready in each work queue.
    pub(crate) depths: Vec<(WorkQueue, u64)>,
    /// Messages with batches that are in somebody's hands.
    pub(crate) in_hand: usize,
    /// Dead letters, by their message ids.
    pub(crate) dead: BTreeSet<String>,
}

/// Runs a plan from its beginning to its end.
pub(crate) fn simulate(plan: Plan, keep_trace: bool) -> Evidence {
    panics::begin();
    in_virtual_time(async || World::new(plan, keep_trace).run().await)
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) topic: TopicId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bus: Arc<MemoryBus>,
    pub(crate) store: Arc<EmbeddedStore>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) witness: Arc<Witness>,
    model: Arc<Model>,
    stop: CancellationToken,
    killed: Mutex<BTreeSet<LifeId>>,
    ended: Mutex<Vec<usize>>,
}

impl World {
    fn new(plan: Plan, keep_trace: bool) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(MORNING));
        Self {
            topic: TopicId::from_name("Seeded things").unwrap(),
            bus: MemoryBus::new(),
            store: EmbeddedStore::in_memory().unwrap(),
            faults: Faults::new(plan.seed, plan.faults.clone(), Arc::clone(&clock), keep_trace),
            witness: Witness::new(
                Arc::clone(&clock),
                plan.limits_at.is_none()
                    && (plan.limits.max_requests.is_some() || plan.limits.max_cost.is_some()),
            ),
            model: Model::new(&plan, Arc::clone(&clock)),
            stop: CancellationToken::new(),
            killed: Mutex::default(),
            ended: Mutex::default(),
            clock,
            plan,
        }
    }

    async fn run(self) -> Evidence {
        let world = Arc::new(self);
        let read = Arc::new(Mutex::new(Read::default()));
        let (bus, store, topic) = (world.bus.another_client(), Arc::clone(&world.store), world.topic.clone());
        let mut reading = JoinSet::new();
        let looks = world.plan.loses_events();
        reading.spawn(reader::read(bus, store, topic, looks, Arc::clone(&read)));
        world.start_topic().await;
        history::fill(&world.store, &world.model, &world.topic, &world.plan, MORNING).await;
        reading.spawn(Arc::clone(&world).change_limits());
        reading.spawn(deeds::poison(Arc::clone(&world)));
        reading.spawn(deeds::change(Arc::clone(&world)));
        let mut operator = JoinSet::new();
        operator.spawn(deeds::stop_and_go(Arc::clone(&world)));
        let mut processes = JoinSet::new();
        for process in 0..PRODUCERS + ORCHESTRATORS {
            processes.spawn(Arc::clone(&world).live(process));
        }
        let ended_at = world.wait_for_the_end(&mut operator).await;
        tokio::time::sleep(SETTLING).await;
        let mut depths = Vec::new();
        for queue in WorkQueue::ALL {
            depths.push((queue, world.bus.depth(queue).await.unwrap()));
        }
        let in_hand = world.witness.seen().in_hand.len();
        let dead = deeds::dead_letters(&world.bus.another_client()).await;
        world.stop.cancel();
        let all_stop = async { while processes.join_next().await.is_some() {} };
        let stopped_in_time = tokio::time::timeout(Duration::from_mins(1), all_stop).await.is_ok();
        processes.shutdown().await;
        // The reader may ask the registry once more.
        tokio::time::sleep(Duration::from_secs(1)).await;
        reading.shutdown().await;
        let read = std::mem::take(&mut *read.lock().unwrap());
        let quiet = Quiet { depths, in_hand, dead };
        world.gather(ended_at, read, quiet, stopped_in_time).await
    }

    async fn start_topic(&self) {
        let request = StartRequest {
            seeds: self.seeds(false).await,
            name: "Seeded things".to_owned(),
            limits: self.plan.limits_at.is_none().then_some(self.plan.limits),
            items_per_request: Some(self.plan.items_per_request),
            partition: Some(self.plan.partition),
            judge: Some(self.plan.judge),
            ..StartRequest::default()
        };
        let topic = Topic::start(None, self.topic.clone(), request, self.clock.now().unix).unwrap();
        self.store.put_topic(&topic, None).await.unwrap();
    }

    /// Keeps a list of known things for a start, if the plan says so.
    pub(crate) async fn seeds(&self, later: bool) -> Option<Seeds> {
        let list = self.plan.seeds(&self.model.things(), later)?;
        Some(registry::keep_seeds(self.store.as_ref(), "Seeded things", &list).await.unwrap())
    }

    /// An operator sets the limits while the topic runs, if the plan says so.
    async fn change_limits(self: Arc<Self>) {
        let Some(at) = self.plan.limits_at else { return };
        tokio::time::sleep(Duration::from_millis(at)).await;
        let limits = self.plan.limits;
        let change = |topic: &Topic| {
            let changed = Topic { limits, version: topic.version + 1, ..topic.clone() };
            Ok::<_, RegistryError>(topic.state.is_live().then_some(changed))
        };
        registry::alter(self.store.as_ref(), &self.topic, change).await.unwrap();
    }

    async fn wait_for_the_end(&self, operator: &mut JoinSet<()>) -> Option<u64> {
        let mut ended_at = None;
        let faults_end = self.plan.faults_end();
        loop {
            let now = self.faults.now();
            let topic = self.store.topic(&self.topic).await.unwrap().unwrap();
            ended_at = topic.state.is_ended().then(|| ended_at.unwrap_or(now));
            while operator.try_join_next().is_some() {}
            let over = Duration::from_millis(now.saturating_sub(faults_end));
            if (ended_at.is_some() && operator.is_empty() && now >= faults_end) || over > PATIENCE {
                return ended_at;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A process: one life after the other.
    async fn live(self: Arc<Self>, process: usize) {
        for number in 0.. {
            let life = Life { process, number, crash: CancellationToken::new() };
            let incarnation = (self.clock.now().unix.0 << 8) + number;
            let role = self.role(&life, number, incarnation);
            let died = tokio::select! {
                biased;
                () = life.crash.cancelled() => true,
                () = role => false,
            };
            if !died {
                if !self.stop.is_cancelled() {
                    self.ended.lock().unwrap().push(process);
                }
                return;
            }
            if process < PRODUCERS {
                self.killed.lock().unwrap().insert((format!("producer-{process}"), incarnation));
            }
            tokio::time::sleep(self.faults.down(process)).await;
        }
    }

    fn role(
        &self,
        life: &Life,
        number: u64,
        incarnation: u64,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        let process = life.process;
        let bus: Arc<dyn Bus> = Arc::new(FaultyBus {
            inner: self.bus.another_client(),
            faults: Arc::clone(&self.faults),
            life: life.clone(),
            witness: Arc::clone(&self.witness),
            lures: Arc::new(self.model.lures()),
        });
        let clock = FaultyClock { inner: Arc::clone(&self.clock), faults: Arc::clone(&self.faults), process };
        let (clock, stop): (Arc<dyn Clock>, _) = (Arc::new(clock), self.stop.clone());
        if process < PRODUCERS {
            let id = WorkerId::of_role("producer", process);
            let life = (id.to_string(), incarnation);
            let seed = self.plan.seed.wrapping_mul(31).wrapping_add(incarnation);
            let pool = ProviderPool::of(self.model.providers(&life), seed, Arc::clone(&clock));
            let options =
                igentai_producer::Options { concurrency: 2, sharers: 1, heartbeat: Duration::from_secs(1) };
            let context = igentai_producer::Context {
                id,
                incarnation,
                bus,
                clock,
                pool,
                options,
                seed,
                troubles: Troubles::default(),
            };
            return Box::pin(async move {
                igentai_producer::run(context, stop, CancellationToken::new()).await;
            });
        }
        // Some orchestrators keep their name, others are named anew for each life.
        let keeps_name = self.plan.seed.is_multiple_of(2);
        let name = if keeps_name { process.to_string() } else { format!("{process}-{number}") };
        let settings = Settings { dry_after: self.plan.dry_after, ..Settings::default() };
        let options = igentai_orchestrator::Options {
            settings,
            checkpoint_after: 20,
            ..igentai_orchestrator::Options::default()
        };
        let store: Arc<dyn Store> = Arc::new(FaultyStore {
            inner: Arc::clone(&self.store),
            faults: Arc::clone(&self.faults),
            life: life.clone(),
            witness: Arc::clone(&self.witness),
            lease_ttl: options.lease_ttl,
        });
        let id = WorkerId::of_role("orchestrator", name);
        let context = igentai_orchestrator::Context {
            id,
            new_registry_id: format!("registry-{process}-{number}"),
            bus,
            store,
            clock,
            options,
            troubles: Troubles::default(),
        };
        Box::pin(igentai_orchestrator::run(context, stop))
    }

    async fn gather(
        &self,
        ended_at: Option<u64>,
        read: Read,
        quiet: Quiet,
        stopped_in_time: bool,
    ) -> Evidence {
        let (topic, store) = (&self.topic, &self.store);
        let status = store.checkpoint(topic, 1, checkpoints::STATUS).await.unwrap();
        Evidence {
            plan: Plan { faults: self.plan.faults.clone(), ..self.plan },
            topic: store.topic(topic).await.unwrap().unwrap(),
            ended_at,
            replayed: replay(store.as_ref(), topic, 1).await.map_err(|error| error.to_string()),
            log: store.log(topic, 1, 0, 100_000).await.unwrap(),
            attributes: store.attributes(topic, 1, 0, 100_000).await.unwrap(),
            status: status.map(|bytes| checkpoints::decode(&bytes).unwrap()),
            journal: self.model.journal(),
            things: self.model.things(),
            killed: self.killed.lock().unwrap().clone(),
            seen: std::mem::take(&mut self.witness.seen()),
            read,
            quiet,
            ended_by_themselves: self.ended.lock().unwrap().clone(),
            stopped_in_time,
            struck: self.faults.struck(),
            trace: self.faults.traced(),
            panics: panics::end(),
        }
    }
}

/// Panics in this thread, which runs a whole system.
mod panics {
    use std::cell::RefCell;
    use std::panic;
    use std::sync::Once;

    thread_local! {
        static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn begin() {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                SEEN.with_borrow_mut(|seen| seen.push(info.to_string()));
                before(info);
            }));
        });
        SEEN.take();
    }

    pub(super) fn end() -> Vec<String> {
        SEEN.take()
    }
}
