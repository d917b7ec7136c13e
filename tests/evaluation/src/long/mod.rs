//! A run of very many answers, and how long it takes to make all its decisions again.
//!
//! The coordinator is the real one, fed with heartbeats and log entries as its leader feeds it; log and decisions are in a real store in a file, from which
//! they are replayed as `igentai replay` does. Producers and models are numbers.

mod catalogue;
mod leader;

use std::fmt;
use std::time::{Duration, Instant};

use igentai_core::topic::Partition;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{self, StoreError};

pub(crate) use catalogue::Catalogue;
use leader::Leader;

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Long {
    /// Responses, failed requests included.
    pub responses: u64,
    /// Names that there are.
    pub names: usize,
    /// How the topic is cut into parts.
    pub partition: Partition,
    /// Completeness that is wanted, whether it is reached or not: each decision then looks at how far it is.
    pub wanted: Option<f64>,
    /// Of all that is drawn.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct LongReport {
    long: Long,
    /// Log entries that were taken in again.
    pub entries: u64,
    /// Items that were found.
    pub found: u64,
    /// Decisions that stand written.
    pub decisions: u64,
    /// Those that follow from the log, and came out the same.
    pub same: u64,
    /// The first that did not.
    pub differs: Option<String>,
    /// What the run took.
    pub made_in: Duration,
    /// What the replay took, by the clock.
    pub replayed_in: Duration,
    /// The same of processors, where the system tells it.
    pub processors: Option<Duration>,
}

/// Runs, and replays.
#[expect(clippy::disallowed_methods, reason = "how long it takes is the question")]
#[expect(clippy::missing_panics_doc, reason = "a log that was just written is there")]
pub fn long(long: Long) -> Result<LongReport, StoreError> {
    let folder = tempfile::tempdir().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = EmbeddedStore::open(folder.path())?;
        let began = Instant::now();
        let (topic, found) = Leader::new(long, std::sync::Arc::clone(&store)).run().await?;
        let made_in = began.elapsed();
        let (began, used) = (Instant::now(), processor_time());
        let replayed = store::replay(store.as_ref(), &topic.id, topic.run).await.unwrap();
        let replayed_in = began.elapsed();
        let processors = processor_time().zip(used).map(|(now, used)| now.saturating_sub(used));
        store::Store::close(store.as_ref()).await;
        Ok(LongReport {
            long,
            entries: replayed.entries,
            found,
            decisions: replayed.decisions,
            same: replayed.same,
            differs: replayed.differs.map(|differs| differs.to_string()),
            made_in,
            replayed_in,
            processors,
        })
    })
}

/// What this process has used, where there is a `/proc`: its clock ticks a hundred times a second.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name before it, in brackets, may hold anything.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 10))
}

impl fmt::Display for LongReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { long, entries, found, decisions, same, differs, made_in, replayed_in, processors } = self;
        writeln!(
            f,
            "{entries} responses of three models, {}, {} names of which {found} and what was made up were found: made in {:.1} s",
            long.partition.as_str(),
            long.names,
            made_in.as_secs_f64()
        )?;
        let seconds = replayed_in.as_secs_f64();
        let processors =
            processors.map_or(String::new(), |used| format!(" ({:.1} s of processors)", used.as_secs_f64()));
        writeln!(
            f,
            "replayed in {seconds:.1} s{processors}, {:.1} µs a response: {same} of {decisions} decisions follow from the log and came out the same",
            seconds * 1e6 / (*entries).max(1) as f64
        )?;
        match differs {
            None => writeln!(f, "no difference"),
            Some(differs) => writeln!(f, "a difference: {differs}"),
        }
    }
}
