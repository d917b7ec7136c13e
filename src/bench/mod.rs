//! `igentai bench`: what broker and store can do, what the whole way does, and the ratios, in one run.

mod ceilings;
mod load;
mod report;
mod small;
mod whole;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::time::Monotonic;
use igentai_orchestrator::{Context, Options};
use igentai_shared::bus::Bus;
use igentai_shared::bus::amqp::{AmqpBus, AmqpConfig};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::trouble::Troubles;
use igentai_shared::clock::{Clock, SystemClock};
use igentai_shared::config::{Config, Keys};
use igentai_shared::id;
use igentai_shared::shutdown::Shutdown;
use igentai_shared::store::Store;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::redis::{RedisConfig, RedisStore};

use self::load::{Load, NEW};
use self::report::{in_words, rate, report};
use self::whole::Way;
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::{output, parts, settings};

/// How long a server is given to tidy up before it is measured again.
const TIDYING: Duration = Duration::from_secs(30);

/// `igentai bench`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Bench {
    /// How long each measurement lasts
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Measure RabbitMQ and Redis (`AMQP_URL`, `REDIS_URL`) instead of the embedded bus and store
    #[arg(long)]
    distributed: bool,
    /// Measure even though topics are active there; both sides are slower then
    #[arg(long, requires = "distributed")]
    force: bool,
    /// The numbers as JSON
    #[arg(long)]
    json: bool,
}

/// What is measured, and the folder that goes away with it.
struct Bed {
    bus: Arc<dyn Bus>,
    store: Arc<dyn Store>,
    redis: Option<Arc<RedisStore>>,
    folder: Option<PathBuf>,
}

/// What was settled, and in which time.
#[derive(Clone, Debug, Default)]
struct Measured {
    batches: u64,
    /// That they were published in.
    messages: u64,
    seconds: f64,
    /// From publishing to the receipt, in milliseconds, sorted; where it was measured.
    latencies_ms: Vec<f64>,
    /// The same, from publishing until it was committed, at the latest.
    commits_ms: Vec<f64>,
}

/// Everything that was measured in one run.
#[derive(Debug, Default)]
struct Measurements {
    broker: Measured,
    store: Measured,
    whole: Measured,
    /// With three producers that follow the filter.
    followed: Measured,
    /// With half of the load, and with a tenth of it.
    half: Measured,
    tenth: Measured,
    wire_bytes: f64,
    filter_ns: f64,
    redis: Option<OfRedis>,
}

/// What is compared with a Redis that does nothing else.
#[derive(Debug, Default)]
struct OfRedis {
    bare: Measured,
    bare_known: Measured,
    store_known: Measured,
    bytes_per_attribute: f64,
    question_ns: f64,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, format!("the measurement broke off: {error}"))
}

fn since(clock: &Arc<dyn Clock>, begin: Monotonic) -> Duration {
    clock.now().monotonic.since(begin)
}

pub(crate) async fn bench(arguments: Bench, common: &Common) -> Result<Exit, Failure> {
    let (config, _) = settings::load(common, &[], Keys::NotNeeded)?;
    let bed = if arguments.distributed { distributed(&config)? } else { embedded(&config)? };
    let shutdown = Shutdown::new();
    parts::listen(&shutdown, None)?;
    let measured = async {
        refuse_active(&bed, arguments.force).await?;
        measure_all(&bed, Duration::from_secs(arguments.seconds), &shutdown).await
    };
    let result = measured.await;
    bed.bus.close().await;
    bed.store.close().await;
    if let Some(folder) = &bed.folder {
        drop(std::fs::remove_dir_all(folder));
        // The output folder, too, if it was made for this: one that holds anything stays.
        drop(folder.parent().map(std::fs::remove_dir));
    }
    let report = report(&result?);
    output::line(&if arguments.json { report.to_string() } else { in_words(&report) });
    Ok(Exit::Done)
}

fn embedded(config: &Config) -> Result<Bed, Failure> {
    // Beside the results, so that it is their disk that is measured.
    let folder = config.run.out.join(format!(".igentai-bench-{}", std::process::id()));
    let store = EmbeddedStore::open(&folder)?;
    Ok(Bed { bus: MemoryBus::new(), store, redis: None, folder: Some(folder) })
}

fn distributed(config: &Config) -> Result<Bed, Failure> {
    let (Some(amqp), Some(redis)) = (&config.bus.amqp_url, &config.store.redis_url) else {
        return Err(Failure::usage("set AMQP_URL and REDIS_URL, or leave --distributed out"));
    };
    let amqp = AmqpConfig::new(amqp.expose(), "igentai bench")
        .map_err(|error| Failure::usage(format!("AMQP_URL cannot be used: {error}")))?;
    let redis = RedisConfig { layout: config.store.redis_layout, ..RedisConfig::new(redis.expose()) };
    let redis = RedisStore::connect(&redis)
        .map_err(|error| Failure::usage(format!("REDIS_URL cannot be used: {error}")))?;
    Ok(Bed { bus: AmqpBus::connect(amqp), store: redis.clone(), redis: Some(redis), folder: None })
}

async fn refuse_active(bed: &Bed, force: bool) -> Result<(), Failure> {
    let topics = bed.store.topics().await?;
    let active = topics.iter().filter(|topic| !topic.state.is_ended()).count();
    if active == 0 || force {
        return Ok(());
    }
    let what = format!(
        "{active} topics are active there, and would be slowed down; wait, stop them, or use --force"
    );
    Err(Failure::new(Exit::Failed, what))
}

/// Measures one after the other. What it put into a shared registry is removed again, also when it is interrupted.
async fn measure_all(bed: &Bed, time: Duration, shutdown: &Shutdown) -> Result<Measurements, Failure> {
    let mut random = parts::random()?;
    let suffix = id::random_suffix(&mut random);
    let producer = WorkerId::of_role("bench", &suffix);
    let topic = |part: &str| {
        TopicId::from_name(&format!("igentai bench {suffix} {part}"))
            .map_err(|error| Failure::new(Exit::Failed, error.to_string()))
    };
    let topics = [topic("store")?, topic("known")?, topic("whole")?, topic("bare")?, topic("bare known")?];
    let bench = Measuring { bed, clock: Arc::new(SystemClock::new()), time, producer, suffix };
    let result = tokio::select! {
        biased;
        () = shutdown.stop_token().cancelled() => Err(Failure::new(Exit::Interrupted, "interrupted: nothing was measured")),
        result = bench.all(&topics) => result,
    };
    let Some(redis) = &bed.redis else { return result };
    let mut removed = Ok(());
    for topic in &topics {
        removed = removed.and(redis.remove(topic).await);
    }
    let result = result?;
    removed?;
    Ok(result)
}

struct Measuring<'a> {
    bed: &'a Bed,
    clock: Arc<dyn Clock>,
    time: Duration,
    producer: WorkerId,
    suffix: String,
}

impl Measuring<'_> {
    async fn all(&self, topics: &[TopicId; 5]) -> Result<Measurements, Failure> {
        let (bed, clock, time) = (self.bed, &self.clock, self.time);
        let [alone, known, way, bare, bare_known] = topics;
        let load = Load::new(way.clone(), self.producer.clone(), NEW);
        let mut found = Measurements {
            broker: ceilings::broker(&bed.bus, clock, &load, time).await?,
            ..Default::default()
        };
        let at_90_percent = Load { new: 5, ..load.clone() };
        found.wire_bytes = small::bytes_saved(&at_90_percent);
        found.filter_ns = small::filter_check(clock, &load);

        let of_store = self.open(load.of(alone.clone())).await?;
        let before = self.used_memory().await?;
        found.store = ceilings::store(&bed.store, clock, &of_store, time).await?;
        if let Some(redis) = &bed.redis {
            let bytes_per_attribute = per_attribute(before, self.used_memory().await?, &found.store);
            let question_ns = small::question(redis, clock, &of_store).await?;
            redis.remove(alone).await?;
            let of_known = self.open(Load { new: 2, ..load.of(known.clone()) }).await?;
            let store_known = ceilings::store(&bed.store, clock, &of_known, time).await?;
            let of_bare = load.of(bare.clone());
            redis.add_bare(bare, of_bare.seeds()).await?;
            self.until_tidy().await?;
            let bare = ceilings::bare(redis, clock, &of_bare, time).await?;
            let of_bare = Load { new: 2, ..load.of(bare_known.clone()) };
            redis.add_bare(bare_known, of_bare.seeds()).await?;
            self.until_tidy().await?;
            let bare_known = ceilings::bare(redis, clock, &of_bare, time).await?;
            found.redis = Some(OfRedis { bare, bare_known, store_known, bytes_per_attribute, question_ns });
        }

        let way = Way { time, offered: None, followers: 0 };
        found.whole = self.whole(&load, way).await?;
        found.followed = self.whole(&load, Way { followers: 3, ..way }).await?;
        let whole = rate(&found.whole);
        found.half = self.whole(&load, Way { offered: Some(whole / 2.0), ..way }).await?;
        found.tenth = self.whole(&load, Way { offered: Some(whole / 10.0), ..way }).await?;
        Ok(found)
    }

    /// Opens the load's topic and commits what its batches name again.
    async fn open(&self, mut load: Load) -> Result<Load, Failure> {
        // Whoever led there has left an epoch behind, and a write under an older one is refused.
        let store = &self.bed.store;
        let epoch = store.lease().await?.epoch;
        load.run = store.head(&load.topic).await?.run + 1;
        store.open_run(&load.topic, load.run, epoch, None).await?;
        load.edition = store.edition(&load.topic).await?;
        for commit in load.seeding() {
            store.commit(vec![commit]).await?;
        }
        self.until_tidy().await?;
        Ok(load)
    }

    /// One measurement does not pay for what another has left: the server removes it and writes its log anew before, and not by chance meanwhile.
    async fn until_tidy(&self) -> Result<(), Failure> {
        let Some(redis) = &self.bed.redis else { return Ok(()) };
        let begin = self.clock.now().monotonic;
        self.while_tidying(redis, begin).await?;
        redis.write_log_anew().await?;
        self.while_tidying(redis, begin).await
    }

    async fn while_tidying(&self, redis: &RedisStore, begin: Monotonic) -> Result<(), Failure> {
        while redis.is_tidying().await? {
            if since(&self.clock, begin) >= TIDYING {
                let waited = TIDYING.as_secs();
                output::note(&format!(
                    "Redis is not done tidying up after {waited} s: what is measured next is slower for it"
                ));
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn whole(&self, load: &Load, way: Way) -> Result<Measured, Failure> {
        let load = self.open(load.clone()).await?;
        let context = Context {
            id: self.producer.clone(),
            new_registry_id: self.suffix.clone(),
            bus: Arc::clone(&self.bed.bus),
            store: Arc::clone(&self.bed.store),
            clock: Arc::clone(&self.clock),
            options: Options::default(),
            troubles: Troubles::default(),
        };
        whole::whole(context, &load, way).await
    }

    async fn used_memory(&self) -> Result<u64, Failure> {
        match &self.bed.redis {
            Some(redis) => Ok(redis.used_memory().await?),
            None => Ok(0),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for showing")]
fn per_attribute(before: u64, after: u64, measured: &Measured) -> f64 {
    after.saturating_sub(before) as f64 / (measured.batches * NEW).max(1) as f64
}
