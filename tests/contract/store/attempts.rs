//! Notes of attempts at messages that may crash whoever works on them.

use igentai_shared::store::Store;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::redis::{RedisConfig, RedisStore};
use igentai_test_support::servers::Redis;

use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    attempts_are_noted_for_each_message_apart_and_forgotten_at_zero,
    many_notes_are_taken,
}

async fn attempts_are_noted_for_each_message_apart_and_forgotten_at_zero(store: Subject) {
    assert_eq!(store.attempts("a").await.unwrap(), 0);
    store.note_attempts("a", 0).await.unwrap();
    store.note_attempts("a", 1).await.unwrap();
    store.note_attempts("b ü", 7).await.unwrap();
    store.note_attempts("a", 2).await.unwrap();
    assert_eq!((store.attempts("a").await.unwrap(), store.attempts("b ü").await.unwrap()), (2, 7));
    store.note_attempts("a", 0).await.unwrap();
    assert_eq!((store.attempts("a").await.unwrap(), store.attempts("b ü").await.unwrap()), (0, 7));
}

async fn many_notes_are_taken(store: Subject) {
    for number in 0..1_200_u32 {
        let message = format!("message-{number}");
        store.note_attempts(&message, 1).await.unwrap();
        assert_eq!(store.attempts(&message).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_note_outlives_the_process_that_made_it() {
    let folder = tempfile::tempdir().unwrap();
    EmbeddedStore::open(folder.path()).unwrap().note_attempts("a", 1).await.unwrap();
    assert_eq!(EmbeddedStore::open(folder.path()).unwrap().attempts("a").await.unwrap(), 1);

    let mut server = Redis::start().await.unwrap();
    let store = || RedisStore::connect(&RedisConfig::new(server.url())).unwrap();
    store().note_attempts("a", 1).await.unwrap();
    let expires: u64 = server.cli(&["TTL", "igentai:attempts"]).await.unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&expires), "{expires}");
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    let store = RedisStore::connect(&RedisConfig::new(server.url())).unwrap();
    assert_eq!(store.attempts("a").await.unwrap(), 1);
}
