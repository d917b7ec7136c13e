//! Faults of the broker.

use std::cell::RefCell;
use std::time::Duration;

use igentai_test_support::eventually;
use igentai_test_support::servers::{RabbitMq, ServerError};

/// The exchange of batches, the queue that integrators read, and the checker's own.
const BATCHES: &str = "igentai.batches";
const QUEUE: &str = "igentai.integrate";
const TAP: &str = "checker.batches";

/// The longest that it takes until a fault is made: rabbitmqctl starts an Erlang machine each time.
const PATIENCE: Duration = Duration::from_mins(1);

faults! {
    /// What happens to the broker.
    BrokerFault {
        /// SIGKILL, and started again on its data.
        Killed = "broker killed",
        /// `rabbitmqctl stop_app`, `start_app`.
        Stopped = "broker application stopped",
        /// SIGSTOP: nothing is answered, connections stay open.
        Hangs = "broker hangs",
        /// `rabbitmqctl close_all_connections`, three times.
        ConnectionsClosed = "all connections closed, again and again",
        /// A watermark of memory that everything is above.
        MemoryAlarm = "memory alarm of the broker",
        /// A limit of free disk that everything is below.
        DiskAlarm = "disk alarm of the broker",
        /// The integrators' queue, with what is in it.
        QueueDeleted = "work queue deleted",
        /// The same, and declared again so soon that its consumers are not told.
        QueueReplaced = "work queue deleted and declared at once",
        /// What brings batches to the integrators' queue.
        BindingRemoved = "binding removed",
    }
}

impl BrokerFault {
    pub(crate) const fn lasts(self) -> (u64, u64) {
        match self {
            Self::Hangs => (1_000, 4_000),
            Self::MemoryAlarm | Self::DiskAlarm => (1_500, 3_000),
            Self::Killed
            | Self::Stopped
            | Self::ConnectionsClosed
            | Self::QueueDeleted
            | Self::QueueReplaced
            | Self::BindingRemoved => (0, 1_000),
        }
    }

    pub(crate) async fn begin(self, broker: &mut RabbitMq) {
        match self {
            Self::Killed => {
                // One whose queue was declared a moment ago would have none that works afterwards: its own fault, and nobody's but an operator's to mend.
                until_done(|| broker.settle()).await;
                broker.kill().await.unwrap();
            }
            Self::Hangs => broker.pause().await.unwrap(),
            Self::QueueReplaced => until_done(|| broker.replace_queue(QUEUE)).await,
            Self::BindingRemoved => {
                // The checker's own copies would count as routed.
                until_done(|| broker.unbind(BATCHES, TAP)).await;
                until_done(|| broker.unbind(BATCHES, QUEUE)).await;
            }
            Self::ConnectionsClosed => {
                for _ in 0..3 {
                    until_done(|| close_all_connections(broker)).await;
                }
            }
            Self::Stopped => until_told(broker, &["stop_app"]).await,
            Self::MemoryAlarm => until_told(broker, &["set_vm_memory_high_watermark", "0"]).await,
            Self::DiskAlarm => until_told(broker, &["set_disk_free_limit", "900000GB"]).await,
            Self::QueueDeleted => until_told(broker, &["delete_queue", QUEUE]).await,
        }
    }

    pub(crate) async fn end(self, broker: &mut RabbitMq) {
        match self {
            Self::Killed => broker.restart().await.unwrap(),
            Self::Hangs => broker.resume().await.unwrap(),
            Self::BindingRemoved => until_done(|| broker.bind(BATCHES, TAP, "#")).await,
            Self::ConnectionsClosed | Self::QueueDeleted | Self::QueueReplaced => {}
            Self::Stopped => until_told(broker, &["start_app"]).await,
            Self::MemoryAlarm => until_told(broker, &["set_vm_memory_high_watermark", "0.4"]).await,
            Self::DiskAlarm => until_told(broker, &["set_disk_free_limit", "50MB"]).await,
        }
    }
}

/// Does it until it is done. What the broker answers depends on what others do just now: a queue is away until whoever reads it has declared it again.
async fn until_done<Attempt>(mut attempt: impl FnMut() -> Attempt)
where
    Attempt: Future<Output = Result<(), ServerError>>,
{
    let refused = RefCell::new(None);
    let done = eventually(PATIENCE, || {
        let attempt = attempt();
        async { attempt.await.map_err(|error| refused.replace(Some(error))).is_ok() }
    });
    let done = done.await;
    assert!(done.is_ok(), "a fault cannot be made within {PATIENCE:?}: {:?}", refused.into_inner());
}

/// Until rabbitmqctl has done it.
async fn until_told(broker: &RabbitMq, words: &[&str]) {
    until_done(|| async { broker.ctl(words).await.map(drop) }).await;
}

/// One whose peer does not answer is waited for, and not for ever: then some are closed, and that is all right.
async fn close_all_connections(broker: &RabbitMq) -> Result<(), ServerError> {
    match broker.ctl(&["--timeout", "10", "close_all_connections", "chaos"]).await {
        Err(ServerError::Command { output, .. }) if output.contains("timed out") => Ok(()),
        closed => closed.map(drop),
    }
}
