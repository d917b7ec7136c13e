//! Folds that a later leader takes up.

use igentai_core::ids::LogIndex;
use igentai_shared::store::checkpoints::{FOLDS, Manifest};

use super::*;

impl Desk {
    fn saving_after(entries: u64) -> Self {
        let mut desk = Self::new();
        desk.context.options.checkpoint_after = entries;
        desk
    }

    async fn status(&self, name: &str) -> Option<TopicStatus> {
        let bytes = self.store.checkpoint(&id(name), 1, checkpoints::STATUS).await.unwrap()?;
        Some(checkpoints::decode(&bytes).unwrap())
    }

    async fn manifest(&self, name: &str) -> Option<Manifest> {
        let bytes = self.store.checkpoint(&id(name), 1, FOLDS).await.unwrap()?;
        Some(checkpoints::decode(&bytes).unwrap())
    }

    /// Commits entries until there are as many, and waits until the leader has told of them.
    async fn grow(&self, name: &str, from: u64, to: u64) {
        for seq in from..=to {
            self.commit(name, seq, &format!("bird {seq}")).await;
        }
        self.until("they are told of", async || {
            self.status(name).await.is_some_and(|status| status.log_index == to)
        })
        .await;
    }

    /// Ends the process at once, or in good order.
    async fn end(&mut self, orderly: bool) {
        if orderly {
            self.stop.cancel();
            while self.running.join_next().await.is_some() {}
            self.stop = CancellationToken::new();
        } else {
            self.running.shutdown().await;
        }
    }

    /// The entries behind which logs were read since this was asked last.
    fn read_behind(&self) -> Vec<LogIndex> {
        std::mem::take(&mut self.store.read_behind.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_goes_on_from_a_checkpoint_and_reads_only_what_came_since() {
    let mut desk = Desk::saving_after(10);
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.grow("birds", 1, 30).await;
    desk.until("it is saved", async || desk.manifest("birds").await.is_some()).await;
    desk.grow("birds", 31, 35).await;
    let before = desk.status("birds").await.unwrap();
    desk.end(false).await;
    desk.read_behind();

    desk.run();
    desk.until("somebody else leads", async || desk.status("birds").await.unwrap().epoch == 2).await;
    let after = desk.status("birds").await.unwrap();
    assert_eq!((after.log_index, after.totals, after.frequencies), (35, before.totals, before.frequencies));
    let read = desk.read_behind();
    assert!(read.iter().all(|after| *after >= 9), "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_leaves_saves_what_came_last_and_none_that_is_not_worth_it() {
    let mut desk = Desk::saving_after(10);
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.grow("birds", 1, 9).await;
    desk.end(true).await;
    assert_eq!(desk.manifest("birds").await, None);
    desk.run();
    desk.until("somebody else leads", async || desk.status("birds").await.unwrap().epoch == 2).await;
    desk.commit("birds", 10, "bird 10").await;
    desk.until("it is folded", async || desk.status("birds").await.unwrap().log_index == 10).await;
    desk.end(true).await;
    desk.read_behind();
    desk.run();
    desk.until("a third leads", async || desk.status("birds").await.unwrap().epoch == 3).await;
    assert_eq!(desk.read_behind(), [9], "to see that it is the same log");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_is_torn_or_of_another_log_is_left_alone_and_replaced() {
    for torn in [true, false] {
        let mut desk = Desk::saving_after(10);
        desk.start("birds").await;
        desk.run();
        desk.until_state("birds", TopicState::Running).await;
        desk.grow("birds", 1, 30).await;
        desk.end(true).await;
        let manifest = desk.manifest("birds").await.unwrap();
        if torn {
            let chunk = manifest.names().next().unwrap();
            let nothing = [(chunk, vec![1, 2, 3])].into();
            desk.store.save_checkpoints(&id("birds"), 1, 1, nothing).await.unwrap();
        } else {
            // The registry was made anew from something else, with as many entries.
            let mut parts = std::collections::BTreeMap::new();
            for name in manifest.names().chain([FOLDS.to_owned()]) {
                let part = desk.store.checkpoint(&id("birds"), 1, &name).await.unwrap().unwrap();
                parts.insert(name, part);
            }
            let other = Desk::saving_after(1_000_000);
            other.store.put_topic(&desk.topic("birds").await, None).await.unwrap();
            other.store.open_run(&id("birds"), 1, 0, None).await.unwrap();
            for seq in 1..=30 {
                other.commit("birds", seq + 100, &format!("other {seq}")).await;
            }
            other.store.save_checkpoints(&id("birds"), 1, 0, parts).await.unwrap();
            desk = Desk { running: JoinSet::new(), ..other };
        }
        desk.read_behind();
        desk.run();
        desk.until("the log is read from its beginning", async || desk.read_behind().contains(&0)).await;
        desk.until("it is folded", async || {
            desk.status("birds").await.is_some_and(|status| status.log_index == 30 && status.attributes == 30)
        })
        .await;
        if torn {
            desk.until("it is replaced", async || desk.manifest("birds").await.unwrap() != manifest).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_cannot_be_saved_is_tried_again_and_holds_nothing_up() {
    let mut desk = Desk::saving_after(10);
    desk.start("birds").await;
    desk.run();
    desk.until_state("birds", TopicState::Running).await;
    desk.store.refuses_checkpoints.store(true, Relaxed);
    for seq in 1..=20 {
        desk.commit("birds", seq, &format!("bird {seq}")).await;
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(desk.manifest("birds").await, None);
    desk.store.refuses_checkpoints.store(false, Relaxed);
    desk.until("it is saved", async || desk.manifest("birds").await.is_some()).await;
    assert_eq!(desk.epoch().await, 1);
}
