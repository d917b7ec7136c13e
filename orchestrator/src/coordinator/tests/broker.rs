//! A broker that is away, refuses a queue, or takes a message nowhere.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_away_costs_nobody_the_lease_and_topics_can_still_be_stopped() {
    for half_open in [false, true] {
        let mut desk = Desk::new();
        desk.start("birds").await;
        desk.start("fish").await;
        desk.run();
        desk.until_state("birds", TopicState::Running).await;
        desk.bus.hangs.store(true, Relaxed);
        desk.bus.says_so.store(!half_open, Relaxed);
        tokio::time::sleep(Duration::from_secs(30)).await;
        if !half_open {
            let problem = desk.problem("birds").await.unwrap();
            assert!(problem.contains("no connection to the broker"), "{problem}");
        }
        registry::end(desk.store.as_ref(), &id("birds"), EndReason::Stopped).await.unwrap();
        desk.until_state("birds", TopicState::Ended(EndReason::Stopped)).await;
        assert_eq!(desk.epoch().await, 1, "half open: {half_open}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_refused_costs_no_term_and_topics_can_still_be_stopped() {
    let mut desk = Desk::new();
    desk.start("birds").await;
    desk.bus.refuses_queue.store(true, Relaxed);
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.until("birds says why", async || {
        desk.problem("birds").await.is_some_and(|why| why.contains("producers are not heard"))
    })
    .await;
    assert_eq!(desk.troubles().len(), 1);
    registry::end(desk.store.as_ref(), &id("birds"), EndReason::Stopped).await.unwrap();
    desk.until_state("birds", TopicState::Ended(EndReason::Stopped)).await;
    desk.start("fish").await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    desk.bus.refuses_queue.store(false, Relaxed);
    desk.until("nobody is heard, since there is nobody", async || {
        desk.problem("fish").await.is_some_and(|why| why == "no producer is connected")
    })
    .await;
    assert_eq!(desk.troubles(), [""; 0]);
    desk.stop.cancel();
    desk.running.join_next().await.unwrap().unwrap();
    assert_eq!(desk.epoch().await, 1, "nobody lost the lease over it");
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_to_stop_while_its_queue_is_refused_stops() {
    let mut desk = Desk::new();
    desk.bus.refuses_queue.store(true, Relaxed);
    desk.run();
    desk.until("somebody leads", async || desk.epoch().await == 1).await;
    desk.stop.cancel();
    tokio::time::timeout(Duration::from_millis(100), desk.running.join_next()).await.unwrap();
}

/// What the registry refuses can still come about: by starts at the same moment, or from an earlier version.
#[tokio::test(start_paused = true)]
async fn a_command_that_nobody_would_read_is_not_sent_and_every_topic_says_so() {
    let mut desk = Desk::new();
    for number in 0..130 {
        let name = format!("topic {number}");
        let prompt = Some("p".repeat(8_164));
        let request = StartRequest { name: name.clone(), prompt, ..StartRequest::default() };
        let topic = Topic::start(None, id(&name), request, desk.context.clock.now().unix).unwrap();
        desk.store.put_topic(&topic, None).await.unwrap();
    }
    let bindings = vec![(Exchange::Commands, "producer.p1".to_owned())];
    let source = Source::Broadcast { name: "igentai.producer.p1".to_owned(), bindings };
    let mut commands = desk.bus.consume(source, 100).await.unwrap();
    desk.run();
    desk.until_state("topic 99", TopicState::Running).await;
    let mut seq = 0;
    let mut says = async |desk: &Desk, what: bool| {
        desk.until("it says so", async || {
            seq += 1;
            desk.beat("p1", seq).await;
            let says =
                desk.problem("topic 99").await.is_some_and(|why| why.contains("cannot be told what to do"));
            says == what
        })
        .await;
    };
    says(&desk, true).await;
    assert!(desk.troubles().iter().any(|why| why.contains("sending `command`")), "{:?}", desk.troubles());
    while let Some(command) = commands.try_next() {
        let command: Command = wire::decode(&command.content_type, &command.payload).unwrap();
        assert_eq!(command.topics, [], "nothing was to be done yet");
    }
    for number in 0..90 {
        registry::end(desk.store.as_ref(), &id(&format!("topic {number}")), EndReason::Stopped)
            .await
            .unwrap();
    }
    says(&desk, false).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(desk.troubles(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn messages_that_no_queue_took_and_dead_letters_are_warned_of_as_long_as_this_process_leads() {
    let mut desk = Desk::new();
    desk.run();
    let warned = || desk.context.troubles.warnings().join("; ");
    desk.until("it leads", async || desk.epoch().await == 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(warned(), "");
    let hint = igentai_shared::wire::Hint { topic: id("birds") };
    send(&desk.context, Exchange::Unrouted, "x".to_owned(), "one".to_owned(), &hint).await.unwrap();
    desk.until("it is warned of", async || warned().contains("1 messages that no queue took")).await;
    send(&desk.context, Exchange::Dead, "x".to_owned(), "two".to_owned(), &hint).await.unwrap();
    desk.until("it is warned of", async || warned().contains("1 dead letters wait")).await;
    let seen = desk.store.lease().await.unwrap();
    desk.store.take_lease(&WorkerId::parse("o2").unwrap(), &seen, 0).await.unwrap().unwrap();
    desk.until("it is the other's to know", async || warned().is_empty()).await;
}
