//! The leader of the run, and its producers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use igentai_core::batch::{BatchId, Named, Numbered, Outcome, Rejections, ResponseMeta, Told};
use igentai_core::command::{
    Command, FilterReport, Heartbeat, OrderedAim, ProviderReport, ProviderState, TopicOrder, TopicReport,
};
use igentai_core::coordinator::{Action, Coordinator, Settings};
use igentai_core::cost::Price;
use igentai_core::decision::Chunk;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{Entry, EntryHead, EntryKind, EntryTail};
use igentai_core::phrasing::{Phrasing, Wording};
use igentai_core::time::{Monotonic, Now, UnixMillis};
use igentai_core::topic::{Limits, Share, StartRequest, Topic};
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Commit, Store, StoreError, checkpoints};
use igentai_simulation::stage::MORNING;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Long;
use super::catalogue::{Catalogue, MODELS, Said};

const EPOCH: u64 = 1;

/// Producers, and requests that each has under way at once.
const PRODUCERS: u32 = 3;
const PLACES: u32 = 8;

/// Milliseconds from one answer to the next.
const PACE: u64 = 50;

/// Batches that are committed at once.
const GROUP: usize = 512;

/// That a request fails.
const FAILS: f64 = 0.01;

const PROVIDERS: [(&str, f64); MODELS] = [("small", 0.15), ("medium", 0.5), ("large", 2.5)];

#[derive(Debug)]
struct Producer {
    id: WorkerId,
    command: Option<Command>,
    beats: u64,
    sent: u64,
    committed: u64,
    in_flight: u32,
}

/// A request under way.
#[derive(Debug)]
struct Flight {
    producer: usize,
    aim: OrderedAim,
}

#[derive(Debug)]
pub(super) struct Leader {
    store: Arc<EmbeddedStore>,
    core: Coordinator,
    topic: Topic,
    random: StdRng,
    catalogue: Catalogue,
    producers: Vec<Producer>,
    flights: VecDeque<Flight>,
    /// The numbers of names by their places in the catalogue; 0 for what was not named.
    numbers: Vec<u64>,
    found: u64,
    made_up: u64,
    log: u64,
    clock: u64,
    edition: u64,
    commits: Vec<Commit>,
    chunks: BTreeMap<u64, Chunk>,
}

impl Leader {
    pub(super) fn new(long: Long, store: Arc<EmbeddedStore>) -> Self {
        let completeness = long.wanted.map(Share::new);
        let limits = Limits { max_requests: Some(long.responses), completeness, ..Limits::default() };
        let request = StartRequest {
            name: "Names".to_owned(),
            partition: Some(long.partition),
            limits: Some(limits),
            ..StartRequest::default()
        };
        let topic = Topic::start(None, TopicId::from_name("Names").unwrap(), request, MORNING).unwrap();
        // Made-up names come as long as anybody is asked, and a topic this long is not dry by chance.
        let settings = Settings { dry_after: u64::MAX, ..Settings::default() };
        let mut core = Coordinator::new("evaluation".to_owned(), EPOCH, settings);
        core.topic(topic.clone(), now(0));
        let mut random = StdRng::seed_from_u64(long.seed);
        let catalogue = Catalogue::new(long.names, &mut random);
        let producer = |number| Producer {
            id: WorkerId::of_role("producer", number),
            command: None,
            beats: 0,
            sent: 0,
            committed: 0,
            in_flight: 0,
        };
        Self {
            store,
            core,
            topic,
            random,
            numbers: vec![0; catalogue.len()],
            catalogue,
            producers: (0..PRODUCERS).map(producer).collect(),
            flights: VecDeque::new(),
            found: 0,
            made_up: 0,
            log: 0,
            clock: 0,
            edition: 0,
            commits: Vec::new(),
            chunks: BTreeMap::new(),
        }
    }

    /// Runs to the end; the topic, and how many names of the catalogue were found.
    pub(super) async fn run(mut self) -> Result<(Topic, u64), StoreError> {
        let (id, run) = (self.topic.id.clone(), self.topic.run);
        self.store.put_topic(&self.topic, None).await?;
        self.store.open_run(&id, run, EPOCH, None).await?;
        self.edition = self.store.edition(&id).await?;
        while !self.topic.state.is_ended() {
            let before = self.log;
            for producer in 0..self.producers.len() {
                while let Some(aim) = self.send(producer) {
                    self.flights.push_back(Flight { producer, aim });
                }
            }
            let of = self.flights.len().min(PLACES as usize);
            if of > 0 {
                let which = self.random.random_range(0..of);
                let flight = self.flights.swap_remove_front(which).unwrap();
                self.answer(&flight);
            }
            self.clock += if self.log > before { PACE } else { 20 * PACE };
            (0..self.producers.len()).for_each(|producer| self.beat(producer));
            self.decide().await?;
            if self.commits.len() >= GROUP {
                self.commit().await?;
            }
        }
        self.commit().await?;
        self.save().await?;
        Ok((self.topic, self.found - self.made_up))
    }

    fn order(&self, producer: usize) -> Option<&TopicOrder> {
        self.producers[producer].command.as_ref()?.topics.first()
    }

    /// The next request of a producer, if it may send one.
    fn send(&mut self, producer: usize) -> Option<OrderedAim> {
        let (number, order) = (self.producers[producer].sent, self.order(producer)?);
        let has_place = self.producers[producer].in_flight < PLACES;
        if !has_place || !order.ask || number >= order.lease.requests {
            return None;
        }
        let aim = if let Some(aims) = &order.aims {
            aims.iter().find(|aim| aim.number == number)?.clone()
        } else {
            let items = order.items_per_request;
            OrderedAim {
                number,
                cell: None,
                provider: None,
                items,
                leave_out: Vec::new(),
                numbers: Vec::new(),
            }
        };
        self.producers[producer].sent += 1;
        self.producers[producer].in_flight += 1;
        Some(aim)
    }

    /// A request is answered, or fails, and stands in the log.
    fn answer(&mut self, flight: &Flight) {
        let Flight { producer, aim } = flight;
        let phrasing = self
            .order(*producer)
            .map_or(Phrasing::Plain, |order| Wording::turn(&order.phrasings, aim.number));
        let model = PROVIDERS.iter().position(|(name, _)| aim.provider.as_deref() == Some(*name));
        let model = model.unwrap_or_else(|| self.random.random_range(0..MODELS));
        let fails = self.random.random_bool(FAILS);
        let asked = (aim.cell.as_deref(), aim.items as usize, aim.leave_out.as_slice());
        let said = if fails { Vec::new() } else { self.catalogue.answer(model, asked, &mut self.random) };
        let copied = said.iter().filter(|said| match said {
            Said::Name(number) => aim.leave_out.iter().any(|text| text == self.catalogue.text(*number)),
            Said::MadeUp(_) => false,
        });
        let copied = copied.count() as u32;
        let (mut new, mut again): (Vec<String>, Vec<(u64, usize)>) = (Vec::new(), Vec::new());
        let first_new = self.found + 1;
        for said in said {
            match said {
                Said::Name(number) if self.numbers[number] > 0 => again.push((self.numbers[number], number)),
                Said::Name(number) => {
                    self.found += 1;
                    self.numbers[number] = self.found;
                    new.push(self.catalogue.text(number).to_owned());
                }
                Said::MadeUp(text) => {
                    self.found += 1;
                    self.made_up += 1;
                    new.push(text);
                }
            }
        }
        let (name, usd) = PROVIDERS[model];
        let (input, output) = (120 + 8 * aim.leave_out.len() as u64, 8 * (new.len() + again.len()) as u64);
        let outcome = if fails { Outcome::RateLimited } else { Outcome::Answered };
        let cost = Price::per_million(usd, 4.0 * usd).of(input, output);
        let meta = ResponseMeta {
            provider: name.to_owned(),
            model: name.to_owned(),
            cell: aim.cell.clone(),
            probe: false,
            prompt_hash: 0,
            outcome,
            latency_ms: 1_000,
            input_tokens: input,
            output_tokens: output,
            cost,
            worst_case: cost,
            repeated: 0,
            rejected: 0,
            rejections: Rejections::default(),
            asked: aim.items,
            left_out: aim.leave_out.len() as u32,
            copied,
            categories: Told::default(),
            judged: None,
            phrasing,
        };
        self.log += 1;
        let at = UnixMillis(MORNING.0 + self.clock);
        let producer = &mut self.producers[*producer];
        producer.committed += 1;
        producer.in_flight -= 1;
        let (seq, kind) = (producer.committed, EntryKind::Response(meta));
        let head = EntryHead { producer: producer.id.clone(), incarnation: 1, seq, at, kind };
        let first_new = if new.is_empty() { 0 } else { first_new };
        let numbers = again.iter().map(|(number, _)| *number).collect();
        let tail = EntryTail { first_new, new: new.clone(), again: numbers, ..EntryTail::default() };
        let entry = Entry { index: self.log, head: head.clone(), tail };
        self.core.entries(&self.topic.id, self.topic.run, &[entry], self.log, now(self.clock)).unwrap();
        let largest = again.iter().max().map(|(_, number)| named(self.catalogue.text(*number)).fingerprint);
        let numbered = largest.and_then(|largest| {
            Numbered::of(self.edition, again.iter().map(|(number, _)| (*number, largest)).collect())
        });
        let (topic, run) = (self.topic.id.clone(), self.topic.run);
        self.commits.push(Commit {
            id: BatchId { topic, run, producer: producer.id.clone(), incarnation: 1, seq },
            lowest_unresolved: seq,
            head,
            novel: new.iter().map(|text| named(text)).collect(),
            spellings: Vec::new(),
            sightings: Vec::new(),
            numbered,
        });
    }

    fn beat(&mut self, producer: usize) {
        let now = now(self.clock);
        let Producer { id, command, beats, sent, in_flight, .. } = &mut self.producers[producer];
        *beats += 1;
        let report = |order: &TopicOrder| TopicReport {
            topic: order.topic.clone(),
            run: order.run,
            sent: *sent,
            in_flight: *in_flight,
            places: PLACES,
            unresolved: 0,
            risked: igentai_core::cost::Cost::ZERO,
            lease: order.lease,
            capped_cost: order.capped_cost,
            request_cost: igentai_core::cost::Cost::ZERO,
            dearest_cost: igentai_core::cost::Cost::ZERO,
            hopeless: None,
            refused: 0,
            filter: FilterReport::default(),
        };
        let ready = |(name, _): (&str, f64)| ProviderReport {
            name: name.to_owned(),
            model: name.to_owned(),
            weight_millis: None,
            rests: false,
            key_waits_ms: 0,
            state: ProviderState::Ready,
            detail: String::new(),
        };
        let heartbeat = Heartbeat {
            producer: id.clone(),
            incarnation: 1,
            seq: *beats,
            registry: command.as_ref().map(|command| command.registry.clone()),
            command: command.as_ref().map_or((0, 0), |command| (command.epoch, command.version)),
            concurrency: PLACES,
            draining: false,
            left: false,
            topics: command.iter().flat_map(|command| &command.topics).map(report).collect(),
            providers: PROVIDERS.map(ready).to_vec(),
        };
        self.core.heartbeat(heartbeat, now);
    }

    async fn decide(&mut self) -> Result<(), StoreError> {
        loop {
            let actions = self.core.decide(now(self.clock));
            if actions.is_empty() {
                return Ok(());
            }
            for action in actions {
                match action {
                    Action::Open { topic, run, max_attributes } => {
                        self.core.opened(&topic, run, max_attributes, None);
                    }
                    Action::Put { topic, .. } => {
                        self.topic = *topic;
                        self.core.topic(self.topic.clone(), now(self.clock));
                    }
                    Action::SaveLedger { topic, run, ledger } => self.core.ledger_saved(&topic, run, ledger),
                    Action::SaveDecisions { topic, run, chunks } => {
                        let end = chunks.last().map_or(0, Chunk::end);
                        self.chunks.extend(chunks.into_iter().map(|chunk| (chunk.first, chunk)));
                        if self.chunks.len() > 1 {
                            self.save().await?;
                        }
                        self.core.decisions_saved(&topic, run, end);
                    }
                    Action::Send { producer, command } => {
                        let known = self.producers.iter_mut().find(|known| known.id == producer);
                        known.unwrap().command = Some(command);
                    }
                    Action::Snapshot { .. } | Action::Note(_) => {}
                }
            }
        }
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        let commits = std::mem::take(&mut self.commits);
        let all = commits.iter().map(|commit| commit.novel.len()).sum::<usize>();
        let outcomes = self.store.commit(commits).await?;
        let new = outcomes.iter().map(|outcome| outcome.new.len()).sum::<usize>();
        assert!(
            new == all && outcomes.iter().all(|outcome| outcome.fresh),
            "the store sees what the leader saw"
        );
        Ok(())
    }

    /// Whole chunks of decisions by their numbers, and the open one.
    async fn save(&mut self) -> Result<(), StoreError> {
        let open = self.chunks.pop_last();
        let whole = std::mem::take(&mut self.chunks);
        let named = whole.into_iter().map(|(first, chunk)| (checkpoints::decisions_from(first), chunk));
        let named = named.chain(open.clone().map(|(_, chunk)| (checkpoints::DECISIONS.to_owned(), chunk)));
        let saved = named.map(|(name, chunk)| (name, checkpoints::encode_decisions(&chunk))).collect();
        self.store.save_checkpoints(&self.topic.id, self.topic.run, EPOCH, saved).await?;
        self.chunks.extend(open);
        Ok(())
    }
}

fn now(ms: u64) -> Now {
    Now { monotonic: Monotonic(ms), unix: UnixMillis(MORNING.0 + ms) }
}

fn named(text: &str) -> Named {
    Named { text: text.to_owned(), fingerprint: Fingerprint::of(&Key::of(text).unwrap()) }
}
