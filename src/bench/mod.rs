//! `igentai bench`: what broker and store can do, what the whole way does, and the ratios, in one run.

mod load;
mod measure;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
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
use serde_json::{Value, json};

use self::load::{Load, NEW, STRINGS};
use self::measure::Measured;
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::{output, parts, settings};

/// `igentai bench`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Bench {
    /// How long each of the three measurements lasts
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
    let [broker, store, whole] = result?;
    let report = report(arguments.distributed, &broker, &store, &whole);
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
    let redis = RedisStore::connect(&RedisConfig::new(redis.expose()))
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
async fn measure_all(bed: &Bed, time: Duration, shutdown: &Shutdown) -> Result<[Measured; 3], Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut random = parts::random()?;
    let suffix = id::random_suffix(&mut random);
    let producer = WorkerId::of_role("bench", &suffix);
    let load = |part: &str| {
        TopicId::from_name(&format!("igentai bench {suffix} {part}"))
            .map(|topic| Load::new(topic, producer.clone()))
            .map_err(|error| Failure::new(Exit::Failed, error.to_string()))
    };
    let (alone, way) = (load("store")?, load("whole")?);
    let measured = async {
        let broker = measure::broker(&bed.bus, &clock, &way, time).await?;
        // Whoever led there has left an epoch behind, and a write under an older one is refused.
        let epoch = bed.store.lease().await?.epoch;
        for load in [&alone, &way] {
            bed.store.open_run(&load.topic, 1, epoch, None).await?;
            bed.store.commit(vec![load.seeding()]).await?;
        }
        let store = measure::store(&bed.store, &clock, &alone, time).await?;
        let context = Context {
            id: producer.clone(),
            new_registry_id: suffix.clone(),
            bus: Arc::clone(&bed.bus),
            store: Arc::clone(&bed.store),
            clock: Arc::clone(&clock),
            options: Options::default(),
            troubles: Troubles::default(),
        };
        let whole = measure::whole(context, &way, time).await?;
        Ok([broker, store, whole])
    };
    let result = tokio::select! {
        biased;
        () = shutdown.stop_token().cancelled() => Err(Failure::new(Exit::Interrupted, "interrupted: nothing was measured")),
        result = measured => result,
    };
    let Some(redis) = &bed.redis else { return result };
    let (first, second) = (redis.remove(&alone.topic).await, redis.remove(&way.topic).await);
    let result = result?;
    first.and(second)?;
    Ok(result)
}

#[expect(clippy::cast_precision_loss, reason = "for showing")]
fn rate(measured: &Measured) -> f64 {
    if measured.seconds > 0.0 { measured.batches as f64 / measured.seconds } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index within the list, for showing"
)]
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "for showing")]
fn report(distributed: bool, broker: &Measured, store: &Measured, whole: &Measured) -> Value {
    let line = |measured: &Measured| {
        let rate = rate(measured);
        json!({
            "batches_per_second": rate,
            "strings_per_second": rate * STRINGS as f64,
            "attributes_per_second": rate * NEW as f64,
        })
    };
    let share_of = |ceiling: f64| if ceiling > 0.0 { rate(whole) / ceiling } else { 0.0 };
    json!({
        "shape": if distributed { "distributed" } else { "embedded" },
        "strings_per_batch": STRINGS,
        "new_per_batch": NEW,
        "broker": line(broker),
        "store": line(store),
        "whole": line(whole),
        "publish_to_receipt_p50_ms": percentile(&whole.latencies_ms, 0.5),
        "publish_to_receipt_p99_ms": percentile(&whole.latencies_ms, 0.99),
        "whole_to_broker": share_of(rate(broker)),
        "whole_to_store": share_of(rate(store)),
        "whole_to_least_ceiling": share_of(rate(broker).min(rate(store))),
    })
}

fn in_words(report: &Value) -> String {
    let number = |path: &str| report.pointer(path).and_then(Value::as_f64).unwrap_or(0.0);
    let line = |label: &str, part: &str| {
        let of = |what: &str| number(&format!("/{part}/{what}_per_second"));
        let (batches, strings, new) = (of("batches"), of("strings"), of("attributes"));
        format!(
            "  {label:<15}{batches:>9.0} batches/s {strings:>10.0} strings/s {new:>10.0} new attributes/s"
        )
    };
    let (p50, p99) = (number("/publish_to_receipt_p50_ms"), number("/publish_to_receipt_p99_ms"));
    [
        format!(
            "{}: batches of {STRINGS} strings of 20 bytes, half of them known",
            report["shape"].as_str().unwrap_or_default()
        ),
        line("broker ceiling", "broker"),
        line("store ceiling", "store"),
        line("end to end", "whole"),
        format!("  publish to receipt: p50 {p50:.0} ms, p99 {p99:.0} ms at that rate"),
        format!(
            "  end to end ÷ broker ceiling: {:.2}, ÷ store ceiling: {:.2}, ÷ the lower of the two: {:.2}",
            number("/whole_to_broker"),
            number("/whole_to_store"),
            number("/whole_to_least_ceiling")
        ),
    ]
    .join("\n")
}
