#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::sync::Mutex;

use async_trait::async_trait;
use igentai_core::ids::{Epoch, LogIndex, Run, Seq};
use igentai_core::log::Entry;
use igentai_core::topic::{StartMode, TopicState};

use super::*;
use crate::store::{Commit, CommitOutcome, Head, LeaseRecord, Rebuilt, StoreCheck, StoredAttribute};

mod overload;

/// What becomes of the next write.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Done, and the answer is lost.
    DoneUnknown,
    /// Done, the answer is lost, and the coordinator takes the topic further.
    DoneAndTakenFurther,
    /// Not done, and no answer.
    UndoneUnknown,
    /// Not done, no answer, and the coordinator takes the topic further.
    UndoneButTakenFurther,
    /// Somebody else is quicker.
    Raced,
}

/// A registry of one topic.
#[derive(Debug, Default)]
struct One {
    topic: Mutex<Option<Topic>>,
    fates: Mutex<Vec<Fate>>,
}

fn not_asked<T>() -> Result<T, StoreError> {
    Err(StoreError::Unsafe("nobody should ask for that".to_owned()))
}

#[async_trait]
impl Store for One {
    async fn topics(&self) -> Result<Vec<Topic>, StoreError> {
        Ok(self.topic.lock().unwrap().iter().cloned().collect())
    }

    async fn topic(&self, id: &TopicId) -> Result<Option<Topic>, StoreError> {
        Ok(self.topic.lock().unwrap().clone().filter(|topic| topic.id == *id))
    }

    async fn put_topic(&self, topic: &Topic, expected: Option<u64>) -> Result<(), StoreError> {
        let mut stored = self.topic.lock().unwrap();
        let lost = || Err(StoreError::Unknown("as wished".to_owned()));
        let fate = self.fates.lock().unwrap().pop();
        let further = |topic: &Topic| Topic {
            state: TopicState::Running,
            epoch: 3,
            version: topic.version + 1,
            ..topic.clone()
        };
        if matches!(fate, Some(Fate::UndoneUnknown | Fate::UndoneButTakenFurther)) {
            if matches!(fate, Some(Fate::UndoneButTakenFurther)) {
                *stored = stored.as_ref().map(further);
            }
            return lost();
        }
        if let (Some(Fate::Raced), Some(stored)) = (fate, stored.as_mut()) {
            (stored.prompt, stored.version) = (Some("theirs".to_owned()), stored.version + 1);
        }
        let current = stored.as_ref().map(|stored| stored.version);
        if current != expected {
            return Err(StoreError::Conflict { expected, current });
        }
        *stored = Some(topic.clone());
        match fate {
            None | Some(Fate::Raced | Fate::UndoneUnknown | Fate::UndoneButTakenFurther) => Ok(()),
            Some(Fate::DoneUnknown) => lost(),
            Some(Fate::DoneAndTakenFurther) => {
                *stored = Some(further(topic));
                lost()
            }
        }
    }

    async fn commit(&self, _: Vec<Commit>) -> Result<Vec<CommitOutcome>, StoreError> {
        not_asked()
    }

    async fn head(&self, _: &TopicId) -> Result<Head, StoreError> {
        not_asked()
    }

    async fn log(&self, _: &TopicId, _: Run, _: LogIndex, _: usize) -> Result<Vec<Entry>, StoreError> {
        not_asked()
    }

    async fn attributes(
        &self,
        _: &TopicId,
        _: Run,
        _: Seq,
        _: usize,
    ) -> Result<Vec<StoredAttribute>, StoreError> {
        not_asked()
    }

    async fn claim(&self, _: &TopicId, _: Epoch, _: Head) -> Result<Head, StoreError> {
        not_asked()
    }

    async fn all_claimed(&self, _: Epoch, _: &str) -> Result<(), StoreError> {
        not_asked()
    }

    async fn put_back(&self, _: &TopicId) -> Result<Option<Head>, StoreError> {
        Ok(None)
    }

    async fn edition(&self, _: &TopicId) -> Result<u64, StoreError> {
        not_asked()
    }

    async fn settle(&self, _: &TopicId, _: Epoch, _: Option<Rebuilt>) -> Result<Head, StoreError> {
        not_asked()
    }

    async fn open_run(&self, _: &TopicId, _: Run, _: Epoch, _: Option<u64>) -> Result<Head, StoreError> {
        not_asked()
    }

    async fn save_checkpoints(
        &self,
        _: &TopicId,
        _: Run,
        _: Epoch,
        _: BTreeMap<String, Vec<u8>>,
    ) -> Result<(), StoreError> {
        not_asked()
    }

    async fn checkpoint(&self, _: &TopicId, _: Run, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        not_asked()
    }

    async fn keep_seeds(&self, _: &TopicId, _: &str, _: u32, _: &[String]) -> Result<(), StoreError> {
        not_asked()
    }

    async fn seeds(&self, _: &TopicId, _: &str, _: u32) -> Result<Option<Vec<String>>, StoreError> {
        not_asked()
    }

    async fn forget_other_seeds(&self, _: &TopicId, _: &str) -> Result<(), StoreError> {
        not_asked()
    }

    async fn lease(&self) -> Result<LeaseRecord, StoreError> {
        not_asked()
    }

    async fn take_lease(
        &self,
        _: &WorkerId,
        _: &LeaseRecord,
        _: Epoch,
    ) -> Result<Option<LeaseRecord>, StoreError> {
        not_asked()
    }

    async fn renew_lease(&self, _: &WorkerId, _: Epoch) -> Result<Option<LeaseRecord>, StoreError> {
        not_asked()
    }

    async fn release_lease(&self, _: &WorkerId, _: Epoch) -> Result<(), StoreError> {
        not_asked()
    }

    async fn attempts(&self, _: &str) -> Result<u32, StoreError> {
        not_asked()
    }

    async fn note_attempts(&self, _: &str, _: u32) -> Result<(), StoreError> {
        not_asked()
    }

    async fn identity(&self, _: &str) -> Result<String, StoreError> {
        not_asked()
    }

    async fn check(&self) -> Result<StoreCheck, StoreError> {
        not_asked()
    }

    async fn close(&self) {}
}

fn one(fates: &[Fate]) -> One {
    One { topic: Mutex::default(), fates: Mutex::new(fates.iter().rev().copied().collect()) }
}

fn birds() -> StartRequest {
    StartRequest { name: "birds".to_owned(), ..StartRequest::default() }
}

fn id() -> TopicId {
    TopicId::from_name("birds").unwrap()
}

const NOW: UnixMillis = UnixMillis(1_000);

#[tokio::test]
async fn a_start_whose_answer_is_lost_is_one_start_and_no_conflict() {
    use Fate::{DoneAndTakenFurther, DoneUnknown, UndoneUnknown};
    for fates in [&[DoneUnknown][..], &[DoneAndTakenFurther], &[UndoneUnknown], &[UndoneUnknown, DoneUnknown]]
    {
        let store = one(fates);
        let started = start(&store, &birds(), NOW).await;
        assert!(started.is_ok(), "{fates:?}: {started:?}");
        assert!(store.topic.lock().unwrap().as_ref().unwrap().version <= 2, "{fates:?}");
    }
    let store = one(&[]);
    start(&store, &birds(), NOW).await.unwrap();
    assert!(start(&store, &birds(), UnixMillis(2_000)).await.is_err(), "it runs");
}

/// Nothing but the record is written here, so that no list can be removed either.
#[tokio::test]
async fn a_start_with_a_list_is_made_also_where_older_lists_cannot_be_removed() {
    let (store, list) = (one(&[]), SeedList::of(["Wren"]).unwrap().seeds());
    let request = StartRequest { seeds: Some(list.clone()), ..birds() };
    assert_eq!(start(&store, &request, NOW).await.unwrap().seeds, Some(list));
}

#[tokio::test]
async fn an_end_whose_answer_is_lost_is_known_to_have_been_made() {
    for fate in [Fate::DoneUnknown, Fate::UndoneUnknown, Fate::UndoneButTakenFurther, Fate::Raced] {
        let store = one(&[]);
        start(&store, &birds(), NOW).await.unwrap();
        store.fates.lock().unwrap().push(fate);
        let ending = |topic: &Topic| Ok::<_, RegistryError>(topic.end(EndReason::Stopped));
        let altered = alter(&store, &id(), ending).await.unwrap().unwrap();
        assert!(
            matches!(&altered, Altered::Made(topic) if topic.state.reason().is_some()),
            "{fate:?}: {altered:?}"
        );
        assert_eq!(end(&store, &id(), EndReason::Stopped).await.unwrap(), Some(altered.topic()));
    }
    assert_eq!(end(&one(&[]), &id(), EndReason::Stopped).await.unwrap(), None);
}

#[tokio::test]
async fn a_change_is_made_on_what_somebody_else_made_of_the_topic_meanwhile() {
    let store = one(&[]);
    start(&store, &birds(), NOW).await.unwrap();
    store.fates.lock().unwrap().push(Fate::Raced);
    let raise = |topic: &Topic| {
        let (items_per_request, version) = (9, topic.version + 1);
        Ok::<_, RegistryError>(Some(Topic { items_per_request, version, ..topic.clone() }))
    };
    let topic = alter(&store, &id(), raise).await.unwrap().unwrap().topic();
    assert_eq!((topic.prompt.as_deref(), topic.items_per_request), (Some("theirs"), 9));
}

#[tokio::test]
async fn a_process_that_works_alone_takes_on_what_a_dead_one_left_and_changes_nothing_when_it_is_refused() {
    let left = async || {
        let store = one(&[]);
        start(&store, &birds(), NOW).await.unwrap();
        store
    };
    let store = left().await;
    let topic = start_alone(&store, &birds(), UnixMillis(2_000)).await.unwrap();
    assert_eq!((topic.state, topic.run, topic.started_at), (TopicState::Starting, 1, UnixMillis(2_000)));
    assert_eq!(store.topic.lock().unwrap().as_ref(), Some(&topic));

    let store = left().await;
    let before = store.topic.lock().unwrap().clone();
    let too_long = StartRequest { prompt: Some("x".repeat(9_000)), ..birds() };
    let fish = StartRequest { name: "fish".to_owned(), mode: StartMode::Resume, ..birds() };
    for refused in [too_long, fish] {
        assert!(start_alone(&store, &refused, UnixMillis(2_000)).await.is_err());
        assert_eq!(*store.topic.lock().unwrap(), before);
    }
}

#[tokio::test]
async fn others_that_a_dead_process_left_are_interrupted() {
    let store = one(&[]);
    let topic = start(&store, &birds(), NOW).await.unwrap();
    abandon_others(&store, &topic.id, UnixMillis(2_000)).await.unwrap();
    assert_eq!(store.topic.lock().unwrap().as_ref(), Some(&topic));
    abandon_others(&store, &TopicId::from_name("fish").unwrap(), UnixMillis(2_000)).await.unwrap();
    let left = store.topic.lock().unwrap().clone().unwrap();
    assert_eq!(left.state, TopicState::Ended(EndReason::Interrupted));
}
