//! A bus that notes when an integrator hands receipts over: after the commit, and after what it told before. So commits are noted late, never early.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use igentai_shared::bus::{
    Bus, BusError, BusState, Consumer, Exchange, Look, Outgoing, PublishError, Source, WorkQueue,
};
use igentai_shared::wire::{self, Receipts};
use tokio::time::Instant;

/// Now, finer than the clock's milliseconds.
#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
pub(super) fn instant() -> Instant {
    Instant::now()
}

/// See the [module](self). What it notes is read only when the measurement is over.
#[derive(Debug)]
pub(super) struct Witness {
    bus: Arc<dyn Bus>,
    receipts: Mutex<Vec<(Instant, Outgoing)>>,
}

impl Witness {
    pub(super) fn of(bus: &Arc<dyn Bus>) -> Arc<Self> {
        Arc::new(Self { bus: Arc::clone(bus), receipts: Mutex::default() })
    }

    /// When which batch was committed at the latest, by its number.
    pub(super) fn committed(&self) -> Vec<(u64, Instant)> {
        let receipts = std::mem::take(&mut *self.receipts.lock().unwrap_or_else(PoisonError::into_inner));
        let of_message = |(at, message): (Instant, Outgoing)| {
            let read = wire::decode(&message.content_type, &message.payload);
            let receipts = read.map_or_else(|_| Vec::new(), |Receipts { receipts }| receipts);
            receipts.into_iter().map(move |receipt| (receipt.id.seq, at))
        };
        receipts.into_iter().flat_map(of_message).collect()
    }
}

#[async_trait]
impl Bus for Witness {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        if message.exchange == Exchange::Commands {
            let receipt = (instant(), message.clone());
            self.receipts.lock().unwrap_or_else(PoisonError::into_inner).push(receipt);
        }
        self.bus.publish(message).await
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        self.bus.consume(source, prefetch).await
    }

    fn state(&self) -> BusState {
        self.bus.state()
    }

    async fn depth(&self, queue: WorkQueue) -> Option<u64> {
        self.bus.depth(queue).await
    }

    async fn look(&self, queue: WorkQueue, most: usize, bytes: usize) -> Result<Box<dyn Look>, BusError> {
        self.bus.look(queue, most, bytes).await
    }

    async fn close(&self) {
        self.bus.close().await;
    }
}
