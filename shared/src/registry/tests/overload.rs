//! What does not fit in beside the topics under way.

use igentai_core::topic::{MAX_LOAD, MAX_PROMPT_BYTES, MAX_UNDER_WAY, Overload};

use super::*;
use crate::store::embedded::EmbeddedStore;

fn request(name: &str, prompt: usize) -> StartRequest {
    let prompt = (prompt > 0).then(|| "p".repeat(prompt));
    StartRequest { name: name.to_owned(), prompt, ..StartRequest::default() }
}

fn set_prompt(bytes: usize) -> impl FnMut(&Topic) -> Result<Option<Topic>, RegistryError> {
    move |topic| {
        let (prompt, version) = (Some("p".repeat(bytes)), topic.version + 1);
        Ok(Some(Topic { prompt, version, ..topic.clone() }))
    }
}

async fn ended(store: &dyn Store, id: &TopicId) {
    let topic = end(store, id, EndReason::Stopped).await.unwrap().unwrap();
    let (state, version) = (TopicState::Ended(EndReason::Stopped), topic.version + 1);
    store.put_topic(&Topic { state, version, ..topic.clone() }, Some(topic.version)).await.unwrap();
}

#[tokio::test]
async fn one_topic_more_than_may_be_under_way_is_refused_until_another_has_ended() {
    let store = EmbeddedStore::in_memory().unwrap();
    let mut started = Vec::new();
    for number in 0..MAX_UNDER_WAY {
        started.push(start(store.as_ref(), &request(&format!("topic {number}"), 0), NOW).await.unwrap());
    }
    let more = request("one more", 0);
    let refused = start(store.as_ref(), &more, NOW).await;
    assert!(matches!(refused, Err(RegistryError::Overload(Overload::TooMany))), "{refused:?}");
    assert_eq!(store.topics().await.unwrap().len(), MAX_UNDER_WAY, "nothing is left of it");
    end(store.as_ref(), &started[0].id, EndReason::Stopped).await.unwrap().unwrap();
    let refused = start(store.as_ref(), &more, NOW).await;
    assert!(refused.is_err(), "one that is ending is told to producers, too");
    ended(store.as_ref(), &started[1].id).await;
    start(store.as_ref(), &more, NOW).await.unwrap();
    let again = start(store.as_ref(), &request("topic 1", 0), NOW).await;
    assert!(matches!(again, Err(RegistryError::Overload(Overload::TooMany))), "{again:?}");
}

#[tokio::test]
async fn prompts_that_come_to_too_much_together_are_refused_when_they_are_given_or_changed() {
    let store = EmbeddedStore::in_memory().unwrap();
    let most = MAX_LOAD / (MAX_PROMPT_BYTES + 800);
    for number in 0..most {
        start(store.as_ref(), &request(&format!("t{number}"), MAX_PROMPT_BYTES), NOW).await.unwrap();
    }
    let refused = start(store.as_ref(), &request("one more", MAX_PROMPT_BYTES), NOW).await;
    let Err(RegistryError::Overload(error @ Overload::TooLarge { .. })) = &refused else {
        unreachable!("it is refused: {refused:?}")
    };
    assert!(error.to_string().contains("shorten the prompt, stop another topic"), "{error}");
    let id = start(store.as_ref(), &request("one more", 1), NOW).await.unwrap().id;
    let refused = alter(store.as_ref(), &id, set_prompt(MAX_PROMPT_BYTES)).await;
    assert!(matches!(refused, Err(RegistryError::Overload(Overload::TooLarge { .. }))), "{refused:?}");
    assert_eq!(store.topic(&id).await.unwrap().unwrap().prompt.as_deref(), Some("p"));
    // What takes no more than before is never refused, and what has ended takes nothing.
    alter(store.as_ref(), &id, set_prompt(1)).await.unwrap();
    ended(store.as_ref(), &id).await;
    alter(store.as_ref(), &id, set_prompt(MAX_PROMPT_BYTES)).await.unwrap();
    let again = start(store.as_ref(), &request("one more", 0), NOW).await;
    assert!(matches!(again, Err(RegistryError::Overload(Overload::TooLarge { .. }))), "{again:?}");
}
