//! Broadcasts: everybody who asked hears them, and nobody else pays.

use igentai_shared::bus::{Bus, Consumer, Exchange, Source};

use super::{NewClient, message, next, next_acked};

async fn reader(bus: &dyn Bus, name: &str, bindings: &[(Exchange, &str)]) -> Box<dyn Consumer> {
    let bindings = bindings.iter().map(|(exchange, key)| (*exchange, (*key).to_owned())).collect();
    bus.consume(Source::Broadcast { name: name.to_owned(), bindings }, 4).await.unwrap()
}

pub(super) async fn a_broadcast_reaches_every_subscriber_whose_pattern_matches(client: NewClient<'_>) {
    let (bus, other) = (client(), client());
    let mut all = reader(&*bus, "igentai.test.all", &[(Exchange::Events, "#")]).await;
    let mut topics = reader(&*other, "igentai.test.topics", &[(Exchange::Events, "topic.*")]).await;
    let mut system = reader(&*other, "igentai.test.system", &[(Exchange::Events, "system")]).await;
    for key in ["topic.a", "topic.a.b", "attributes.a", "system"] {
        bus.publish(message(Exchange::Events, key, key)).await.unwrap();
    }
    for expected in ["topic.a", "topic.a.b", "attributes.a", "system"] {
        assert_eq!(next_acked(&mut *all).await, expected);
    }
    assert_eq!(next_acked(&mut *topics).await, "topic.a");
    assert_eq!(next_acked(&mut *system).await, "system");
    // Of what comes next, each hears only its own: nothing else was waiting.
    bus.publish(message(Exchange::Events, "topic.z", "topic.z")).await.unwrap();
    bus.publish(message(Exchange::Events, "system", "system again")).await.unwrap();
    assert_eq!(next_acked(&mut *topics).await, "topic.z");
    assert_eq!(next_acked(&mut *system).await, "system again");
}

pub(super) async fn a_subscriber_with_several_patterns_hears_a_message_once(client: NewClient<'_>) {
    let bus = client();
    let bindings = [
        (Exchange::Commands, "all"),
        (Exchange::Commands, "producer.*"),
        (Exchange::Commands, "producer.one"),
        (Exchange::Filters, "#"),
    ];
    let mut reader = reader(&*bus, "igentai.test.one", &bindings).await;
    bus.publish(message(Exchange::Commands, "producer.one", "receipt")).await.unwrap();
    bus.publish(message(Exchange::Filters, "delta.t", "delta")).await.unwrap();
    bus.publish(message(Exchange::Commands, "all", "command")).await.unwrap();
    for expected in ["receipt", "delta", "command"] {
        assert_eq!(next_acked(&mut *reader).await, expected);
    }
}

pub(super) async fn broadcasts_need_no_acknowledgement(client: NewClient<'_>) {
    let bus = client();
    let mut reader = reader(&*bus, "igentai.test.lazy", &[(Exchange::Events, "#")]).await;
    for number in 0..50 {
        bus.publish(message(Exchange::Events, "system", number.to_string())).await.unwrap();
    }
    for number in 0..50 {
        assert_eq!(next(&mut *reader).await.message_id, number.to_string());
    }
}

pub(super) async fn a_broadcast_queue_is_gone_with_its_reader(client: NewClient<'_>) {
    let (bus, other) = (client(), client());
    let bindings = [(Exchange::Events, "#")];
    let mut first = reader(&*bus, "igentai.test.same", &bindings).await;
    other.publish(message(Exchange::Events, "system", "heard")).await.unwrap();
    assert_eq!(next(&mut *first).await.message_id, "heard");
    bus.close().await;
    other.publish(message(Exchange::Events, "system", "missed")).await.unwrap();
    let mut second = reader(&*other, "igentai.test.same", &bindings).await;
    other.publish(message(Exchange::Events, "system", "heard again")).await.unwrap();
    assert_eq!(next(&mut *second).await.message_id, "heard again");
}
