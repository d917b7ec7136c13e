//! RabbitMQ at its worst: killed, hung, closing on us, refusing, and with its queues taken away.

mod broker;
mod line;
mod topology;

use std::sync::Arc;
use std::time::Duration;

use igentai_shared::bus::amqp::{AmqpBus, AmqpConfig};
use igentai_shared::bus::{Bus, BusState, Consumer, Outgoing, PublishError};
use igentai_test_support::eventually;
use tokio::time::timeout;

use crate::bus::{DEADLINE, batch, next_acked};

/// Deadlines short enough for a test, in the proportions of the usual ones.
fn hasty(url: &str) -> AmqpConfig {
    let mut config = AmqpConfig::new(url, "faults").unwrap();
    config.confirm_deadline = Duration::from_secs(2);
    config.connect_deadline = Duration::from_secs(1);
    config.answer_deadline = Duration::from_secs(1);
    config.close_deadline = Duration::from_secs(1);
    config.heartbeat = Duration::from_secs(1);
    config.check_interval = Duration::from_millis(500);
    config.renew_interval = Duration::from_millis(500);
    config.reconnect_max = Duration::from_millis(500);
    config
}

async fn until_connected(bus: &AmqpBus) {
    eventually(DEADLINE, || std::future::ready(bus.state() == BusState::Connected)).await.unwrap();
}

/// Publishes a batch again and again under its id, as the port asks for, until it is confirmed.
async fn publish_stubbornly(bus: &Arc<AmqpBus>, id: &str) {
    loop {
        match bus.publish(batch(id)).await {
            Ok(()) => return,
            Err(PublishError::Unknown(_) | PublishError::Disconnected(_)) => {}
            Err(error @ (PublishError::Refused(_) | PublishError::Closed)) => {
                unreachable!("nobody refuses or closes here: {error}")
            }
        }
    }
}

/// Publishes a broadcast again and again until the reader hears one: it may miss what is sent while it is away.
async fn until_heard(bus: &AmqpBus, reader: &mut dyn Consumer, message: &Outgoing) {
    let hear = async {
        loop {
            let published = bus.publish(message.clone()).await.is_ok();
            if published && timeout(Duration::from_millis(200), next_acked(reader)).await.is_ok() {
                return;
            }
        }
    };
    timeout(DEADLINE, hear).await.expect("a broadcast heard in time");
}
