//! Faults of the broker.

use igentai_test_support::servers::RabbitMq;

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
        let words: &[&str] = match self {
            Self::Killed => {
                // One whose queue was declared a moment ago would have none that works afterwards: its own fault, and nobody's but an operator's to mend.
                broker.settle().await.unwrap();
                return broker.kill().await.unwrap();
            }
            Self::Hangs => return broker.pause().await.unwrap(),
            Self::QueueReplaced => return broker.replace_queue("igentai.integrate").await.unwrap(),
            Self::BindingRemoved => {
                // The checker's own copies would count as routed.
                broker.unbind("igentai.batches", "checker.batches").await.unwrap();
                broker.unbind("igentai.batches", "igentai.integrate").await.unwrap();
                return;
            }
            Self::ConnectionsClosed => {
                for _ in 0..3 {
                    // One whose peer does not answer is waited for.
                    broker.ctl(&["--timeout", "10", "close_all_connections", "chaos"]).await.ok();
                }
                return;
            }
            Self::Stopped => &["stop_app"],
            Self::MemoryAlarm => &["set_vm_memory_high_watermark", "0"],
            Self::DiskAlarm => &["set_disk_free_limit", "900000GB"],
            Self::QueueDeleted => &["delete_queue", "igentai.integrate"],
        };
        broker.ctl(words).await.unwrap();
    }

    pub(crate) async fn end(self, broker: &mut RabbitMq) {
        let words: &[&str] = match self {
            Self::Killed => return broker.restart().await.unwrap(),
            Self::Hangs => return broker.resume().await.unwrap(),
            Self::BindingRemoved => {
                return broker.bind("igentai.batches", "checker.batches", "#").await.unwrap();
            }
            Self::ConnectionsClosed | Self::QueueDeleted | Self::QueueReplaced => return,
            Self::Stopped => &["start_app"],
            Self::MemoryAlarm => &["set_vm_memory_high_watermark", "0.4"],
            Self::DiskAlarm => &["set_disk_free_limit", "50MB"],
        };
        broker.ctl(words).await.unwrap();
    }
}
