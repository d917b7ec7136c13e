//! Looking at a queue.

use async_trait::async_trait;
use tokio::sync::OwnedMutexGuard;

use crate::bus::{BusError, Consumer, Delivery, DeliveryTag, Look};

/// What a look has in hand. The consumer gives it back when it is dropped.
#[derive(Debug)]
pub(super) struct MemoryLook {
    consumer: Box<dyn Consumer>,
    deliveries: Vec<Delivery>,
    is_whole: bool,
    _alone: OwnedMutexGuard<()>,
}

impl MemoryLook {
    pub(super) fn take(
        mut consumer: Box<dyn Consumer>,
        alone: OwnedMutexGuard<()>,
        most: usize,
        bytes: usize,
    ) -> Self {
        let (mut deliveries, mut held, mut is_whole) = (Vec::new(), 0, false);
        while deliveries.len() < most && held < bytes && !is_whole {
            match consumer.try_next() {
                Some(delivery) => {
                    held += delivery.payload.len();
                    deliveries.push(delivery);
                }
                None => is_whole = true,
            }
        }
        Self { consumer, deliveries, is_whole, _alone: alone }
    }
}

#[async_trait]
impl Look for MemoryLook {
    fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }

    async fn take_out(&mut self, tag: DeliveryTag) -> Result<(), BusError> {
        self.consumer.ack(tag).await
    }

    async fn end(self: Box<Self>) -> Result<(), BusError> {
        Ok(())
    }
}
