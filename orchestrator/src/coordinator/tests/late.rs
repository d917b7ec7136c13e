//! What comes when a topic has ended long ago.

use igentai_core::coordinator::LINGER;
use igentai_shared::wire::Published;

use super::*;

impl Desk {
    async fn told(&self, name: &str) -> Option<TopicStatus> {
        let bytes = self.store.checkpoint(&id(name), 1, checkpoints::STATUS).await.unwrap()?;
        Some(checkpoints::decode(&bytes).unwrap())
    }

    async fn attributes(&self, name: &str) -> u64 {
        self.told(name).await.map_or(0, |status| status.attributes)
    }

    /// With an attribute, and nobody follows it any more.
    async fn ended_long_ago(&self, name: &str) {
        self.start(name).await;
        self.until_state(name, TopicState::Running).await;
        self.commit(name, 1, "Wren").await;
        self.until("it is told", async || self.attributes(name).await == 1).await;
        registry::end(self.store.as_ref(), &id(name), EndReason::Stopped).await.unwrap();
        self.until_state(name, TopicState::Ended(EndReason::Stopped)).await;
        tokio::time::sleep(LINGER + Duration::from_secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_long_after_the_end_is_counted_although_nobody_says_so() {
    let mut desk = Desk::new();
    desk.run();
    for name in ["ants", "birds", "cats"] {
        desk.ended_long_ago(name).await;
    }
    for (seq, text) in [(2, "Owl"), (3, "Tit")] {
        desk.commit("birds", seq, text).await;
        desk.until("it is counted", async || desk.attributes("birds").await == seq).await;
        assert_eq!(desk.topic("birds").await.state, TopicState::Ended(EndReason::Stopped));
        tokio::time::sleep(LINGER + Duration::from_secs(10)).await;
    }
    assert_eq!((desk.attributes("ants").await, desk.attributes("cats").await), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_an_integrator_says_it_has_published_of_an_ended_topic_is_read_at_once() {
    let mut desk = Desk::new();
    desk.run();
    desk.ended_long_ago("birds").await;
    // So many that it takes long until one is looked at by itself.
    for number in 0..500 {
        let topic = desk.start(&format!("a{number:03}")).await;
        let ended = Topic { version: 2, state: TopicState::Ended(EndReason::Stopped), ..topic };
        desk.store.put_topic(&ended, Some(1)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    desk.commit("birds", 2, "Owl").await;
    let note = Published { topic: id("birds"), run: 1, from: 2, to: 2 };
    send(&desk.context, Exchange::Status, "orchestrator.o2".to_owned(), "n".to_owned(), &note).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(desk.attributes("birds").await, 2);
}
