//! The bus: each case runs on the in-process adapter and on RabbitMQ.

mod broadcast;
mod lifecycle;
mod look;
mod work;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use igentai_shared::bus::amqp::{AmqpBus, AmqpConfig};
use igentai_shared::bus::memory::MemoryBus;
use igentai_shared::bus::{Bus, Consumer, Delivery, Exchange, Incoming, Outgoing, Source, WorkQueue};
use igentai_test_support::servers::Broker;

/// Makes another client of the broker of the test.
pub(crate) type NewClient<'a> = &'a dyn Fn() -> Arc<dyn Bus>;

/// Nothing in these tests takes that long unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

macro_rules! contract {
    ($($module:ident: $($case:ident),+;)+) => {
        mod memory {
            $($(
                #[tokio::test]
                async fn $case() {
                    let first = super::MemoryBus::new();
                    super::$module::$case(&|| first.another_client()).await;
                }
            )+)+
        }

        mod amqp {
            $($(
                #[tokio::test]
                async fn $case() {
                    let broker = super::Broker::for_test().await.unwrap();
                    let config = super::AmqpConfig::new(broker.amqp_url(), "contract").unwrap();
                    super::$module::$case(&|| super::AmqpBus::connect(config.clone())).await;
                }
            )+)+
        }
    };
}

contract! {
    work:
        a_message_published_to_a_work_queue_reaches_exactly_one_consumer,
        everything_of_a_message_arrives,
        competing_consumers_share_the_work,
        order_is_kept_from_one_publisher_on_one_queue,
        prefetch_bounds_what_a_consumer_holds,
        unacknowledged_work_is_delivered_again_when_its_consumer_is_dropped,
        requeued_work_comes_again_with_the_flag,
        acknowledging_a_stale_foreign_or_repeated_tag_is_harmless,
        several_acknowledged_at_once_leave_what_is_held_between_them,
        an_unroutable_task_lands_in_unrouted_and_an_unread_event_does_not,
        depth_counts_what_waits;
    look:
        a_look_shows_what_waits_and_gives_it_back,
        a_look_is_bounded_in_messages_and_bytes,
        what_is_taken_out_is_gone_and_the_rest_is_not,
        however_many_are_taken_out_in_one_look_are_gone,
        who_looks_while_another_looks_waits_and_sees_everything,
        a_look_that_is_dropped_loses_nothing,
        a_look_through_a_client_that_is_closed_is_refused;
    broadcast:
        a_broadcast_reaches_every_subscriber_whose_pattern_matches,
        a_subscriber_with_several_patterns_hears_a_message_once,
        broadcasts_need_no_acknowledgement,
        a_broadcast_queue_is_gone_with_its_reader;
    lifecycle:
        try_next_takes_what_is_there_and_never_waits,
        dropping_the_future_of_next_loses_nothing,
        many_publishes_at_once_are_all_confirmed,
        a_closed_client_gives_its_work_back,
        publishing_on_a_closed_bus_fails_with_closed,
        a_waiting_consumer_ends_with_closed;
}

/// A batch of some topic.
pub(crate) fn batch(id: impl Into<String>) -> Outgoing {
    message(Exchange::Batches, "topic-1", id)
}

/// A message whose payload is its id.
pub(crate) fn message(exchange: Exchange, routing_key: &str, id: impl Into<String>) -> Outgoing {
    let message_id: String = id.into();
    Outgoing {
        exchange,
        routing_key: routing_key.to_owned(),
        content_type: "text/plain".to_owned(),
        payload: Bytes::from(message_id.clone()),
        message_id,
        headers: std::collections::BTreeMap::new(),
    }
}

/// A consumer of a work queue.
pub(crate) async fn worker(bus: &dyn Bus, queue: WorkQueue, prefetch: u16) -> Box<dyn Consumer> {
    bus.consume(Source::Work(queue), prefetch).await.unwrap()
}

/// The next delivery, whatever is said about connections in between.
pub(crate) async fn next(consumer: &mut dyn Consumer) -> Delivery {
    let delivery = async {
        loop {
            if let Incoming::Delivery(delivery) = consumer.next().await.unwrap() {
                return delivery;
            }
        }
    };
    tokio::time::timeout(DEADLINE, delivery).await.expect("a delivery in time")
}

/// The next delivery, acknowledged; its id.
pub(crate) async fn next_acked(consumer: &mut dyn Consumer) -> String {
    let delivery = next(consumer).await;
    consumer.ack(delivery.tag).await.unwrap();
    delivery.message_id
}
