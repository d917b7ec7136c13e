//! Every metric there is. The doc comment is the help text that Prometheus shows.
//!
//! Labels and what bounds them (beyond [`super::metrics::LABEL_VALUES`] values of a label, `other` stands for the rest):
//!
//! | label | values |
//! |---|---|
//! | `provider` | names of providers, from the configuration |
//! | `outcome` | kinds of outcomes of a request, a fixed list in the code |
//! | `direction` | `input`, `output` |
//! | `reason` | kinds of reasons for a dead letter, a fixed list in the code; never a message |
//! | `state` | states of topics, a fixed list in the code; of producers `live` alone, who were heard of late |
//! | `result` | two words, named in the metric's help |
//! | `producer` | ids of producers that were heard of late |
//! | `topic` | topic ids |
//! | `queue` | names of work queues, a fixed list in the code |
//! | `version` | one |

use super::metrics::{Counter, Gauge, Metric, Money, Seconds};

macro_rules! catalogue {
    ($($(#[doc = $help:literal])+ $id:ident: $kind:ident = $name:literal [$($label:literal),*];)*) => {
        $(
            $(#[doc = $help])+
            pub const $id: $kind<{ <[&str]>::len(&[$($label),*]) }> =
                $kind::new($name, concat!($($help),+), &[$($label),*]);
        )*

        /// All of them, in the order of this file.
        pub const CATALOGUE: &[Metric] = &[$($id.metric()),*];
    };
}

catalogue! {
    /// Answers and failed requests, by provider and outcome.
    RESPONSES_TOTAL: Counter = "igentai_responses_total" ["provider", "outcome"];
    /// Candidates that models proposed. A commit whose answer was lost is left out, and one that was repeated after a refusal of what was committed with it.
    CANDIDATES_TOTAL: Counter = "igentai_candidates_total" [];
    /// Candidates accepted as unique. A commit whose answer was lost is left out, and one that was repeated after a refusal of what was committed with it.
    ATTRIBUTES_TOTAL: Counter = "igentai_attributes_total" [];
    /// Candidates that named a known attribute again. A commit whose answer was lost is left out, and one that was repeated after a refusal of what was committed with it.
    DUPLICATES_TOTAL: Counter = "igentai_duplicates_total" [];
    /// Batches committed to the registry. A commit whose answer was lost is left out, and one that was repeated after a refusal of what was committed with it.
    COMMITS_TOTAL: Counter = "igentai_commits_total" [];
    /// Time of one commit to the registry.
    COMMIT_SECONDS: Seconds = "igentai_commit_seconds" [];
    /// Batches of an older run, acknowledged and not committed.
    BATCHES_STALE_TOTAL: Counter = "igentai_batches_stale_total" [];
    /// Messages that the broker delivered again.
    REDELIVERIES_TOTAL: Counter = "igentai_redeliveries_total" [];
    /// Messages given up as dead letters, by the kind of reason.
    DEAD_LETTERS_TOTAL: Counter = "igentai_dead_letters_total" ["reason"];
    /// Batches of this process's producers that were put to the dead letters and are not published again.
    BATCHES_REFUSED_TOTAL: Counter = "igentai_batches_refused_total" [];
    /// Candidates without text that the registry did not hold, and asked for: false positives of filters, and numbers of a log that was replaced. A commit whose answer was lost is left out, and one that was repeated after a refusal of what was committed with it.
    FALSE_POSITIVES_TOTAL: Counter = "igentai_false_positives_total" [];
    /// Tokens of answered requests, by provider and direction.
    TOKENS_TOTAL: Counter = "igentai_tokens_total" ["provider", "direction"];
    /// Cost of answered requests in US dollars, by provider.
    SPEND_USD_TOTAL: Money = "igentai_spend_usd_total" ["provider"];
    /// Requests under way, by provider.
    IN_FLIGHT_REQUESTS: Gauge = "igentai_in_flight_requests" ["provider"];
    /// Whether all producers leave a provider alone since it fails, as the leader has found out: 1 or 0.
    PROVIDER_RESTS: Gauge = "igentai_provider_rests" ["provider"];
    /// Producers, by state.
    PRODUCERS: Gauge = "igentai_producers" ["state"];
    /// Topics, by state.
    TOPICS: Gauge = "igentai_topics" ["state"];
    /// Topics that are not worked on since the registry holds less of them than it held: `igentai repair` says more.
    TOPICS_PUT_BACK: Gauge = "igentai_topics_put_back" [];
    /// Unique attributes of a topic.
    TOPIC_ATTRIBUTES: Gauge = "igentai_topic_attributes" ["topic"];
    /// Strings of answers about a topic that were rejected, by reason: no items, or items that do not fit the topic's rules.
    TOPIC_REJECTED: Gauge = "igentai_topic_rejected" ["topic", "reason"];
    /// Probability that the next mention is of a known attribute, from 0 to 1.
    TOPIC_COVERAGE: Gauge = "igentai_topic_coverage" ["topic"];
    /// Found share of all attributes that models would name, by the estimate, from 0 to 1; 0 where nothing can be said.
    TOPIC_COMPLETENESS: Gauge = "igentai_topic_completeness" ["topic"];
    /// Number of attributes that models would name in all: the estimate, and the ends of its 95 % interval (`estimate`, `low`, `high`).
    TOPIC_ESTIMATED_ATTRIBUTES: Gauge = "igentai_topic_estimated_attributes" ["topic", "bound"];
    /// Attributes of a topic that one answer alone has named and a judge has seen, by what it says: `kept` or `doubted`.
    TOPIC_JUDGED: Gauge = "igentai_topic_judged" ["topic", "verdict"];
    /// Whether this process leads: 1 or 0.
    LEADER: Gauge = "igentai_leader" [];
    /// The epoch of the lease that this process knows.
    LEASE_EPOCH: Gauge = "igentai_lease_epoch" [];
    /// Log entries of a topic that are committed and not yet published.
    OUTBOX_LAG_ENTRIES: Gauge = "igentai_outbox_lag_entries" ["topic"];
    /// Bytes written of checkpoints, with which a new leader need not read the logs from their beginning.
    CHECKPOINT_BYTES_TOTAL: Counter = "igentai_checkpoint_bytes_total" [];
    /// How often a topic's filter was made anew.
    FILTER_GENERATION: Gauge = "igentai_filter_generation" ["topic"];
    /// Share of the keys new of late that a topic's filter took for known, from 0 to 1.
    FILTER_FALSE_POSITIVE_RATE: Gauge = "igentai_filter_false_positive_rate" ["topic"];
    /// Items of answers looked up in filters, by what the filter said: `hit` (probably known) or `miss` (surely new).
    FILTER_LOOKUPS_TOTAL: Counter = "igentai_filter_lookups_total" ["result"];
    /// Log entries that a producer's filters lack, of the topic where it lacks most.
    FILTER_STALE_ENTRIES: Gauge = "igentai_filter_stale_entries" ["producer"];
    /// For how long a producer's filters have lacked entries of the log, of the topic where it is longest.
    FILTER_STALE_SECONDS: Gauge = "igentai_filter_stale_seconds" ["producer"];
    /// Comparisons of a producer's filter with what the log gives, by result: `same` or `different`.
    FILTER_AUDITS_TOTAL: Counter = "igentai_filter_audits_total" ["result"];
    /// Filter snapshots sent to producers.
    FILTER_SNAPSHOTS_TOTAL: Counter = "igentai_filter_snapshots_total" [];
    /// Whether this process is connected to the broker: 1 or 0.
    BUS_CONNECTED: Gauge = "igentai_bus_connected" [];
    /// Connections to the broker, the first ones included; a connection lost and made anew counts again.
    BUS_CONNECTIONS_TOTAL: Counter = "igentai_bus_connections_total" [];
    /// Subscriptions of work that the broker had delivered to without anything coming, until they were made anew.
    BUS_DEAF_CONSUMERS_TOTAL: Counter = "igentai_bus_deaf_consumers_total" [];
    /// Whether the store answers: 1 or 0.
    STORE_UP: Gauge = "igentai_store_up" [];
    /// Messages that no queue took and nobody has looked at yet.
    UNROUTED_MESSAGES: Gauge = "igentai_unrouted_messages" [];
    /// Messages ready in a work queue.
    QUEUE_MESSAGES: Gauge = "igentai_queue_messages" ["queue"];
    /// The program's version; the value is always 1.
    BUILD_INFO: Gauge = "igentai_build_info" ["version"];
    /// When this process started, in seconds since 1970.
    PROCESS_START_TIME_SECONDS: Gauge = "igentai_process_start_time_seconds" [];
}
