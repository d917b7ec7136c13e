//! What only a server can do to its clients.

use std::sync::Arc;
use std::time::Duration;

use igentai_core::ids::WorkerId;
use igentai_shared::store::redis::{RedisConfig, RedisStore};
use igentai_shared::store::{Head, LeaseRecord, Rebuilt, Store, StoreError};
use igentai_test_support::servers::Redis;
use igentai_test_support::{eventually, free_port, until_some};

use super::batches::{batch, commit_one, committed, novel, open, texts, topic, topic_named};
use super::coordination::record;

const DEADLINE: Duration = Duration::from_secs(10);

fn store_of(server: &Redis) -> Arc<RedisStore> {
    let timeout = Duration::from_millis(500);
    RedisStore::connect(&RedisConfig { response_timeout: timeout, ..RedisConfig::new(server.url()) }).unwrap()
}

/// Asks again while the outcome is unknown or the server is away, as every caller must.
async fn commit_at_last(store: &RedisStore, seq: u64, text: &str) -> u64 {
    let try_once = || async {
        match store.commit(vec![novel(seq, &[text])]).await {
            Ok(outcomes) => Some(committed(&outcomes[0]).first_new),
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                None
            }
        }
    };
    until_some(DEADLINE, try_once).await.unwrap()
}

#[tokio::test]
async fn nothing_confirmed_is_lost_when_redis_is_killed_between_commits() {
    let mut server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    for round in 0..3_u64 {
        for seq in round * 10 + 1..=round * 10 + 10 {
            assert_eq!(commit_at_last(&store, seq, &format!("t{seq}")).await, seq);
        }
        server.kill().await.unwrap();
        let away = store.commit(vec![novel(round * 10 + 11, &["x"])]).await;
        assert!(matches!(away, Err(StoreError::Unavailable(_) | StoreError::Unknown(_))), "{away:?}");
        let away = store.head(&topic()).await;
        assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
        server.restart().await.unwrap();
        store.claim(&topic(), 1, Head { run: 1, log_index: round * 10 + 10, attributes: 0 }).await.unwrap();
        let expected: Vec<String> = (1..=round * 10 + 10).map(|seq| format!("t{seq}")).collect();
        assert_eq!(texts(&*store).await, expected);
    }
}

#[tokio::test]
async fn a_store_made_before_its_server_serves_once_it_is_there() {
    let mut server = Redis::start().await.unwrap();
    server.kill().await.unwrap();
    let store = store_of(&server);
    assert!(matches!(store.commit(vec![batch(1)]).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    server.restart().await.unwrap();
    eventually(DEADLINE, || async { store.check().await.is_ok() }).await.unwrap();
}

#[test]
fn an_address_that_is_none_is_refused_without_its_password() {
    let refused = RedisStore::connect(&RedisConfig::new("http://me:s3cret@host")).unwrap_err().to_string();
    assert!(refused.contains("host") && !refused.contains("s3cret"), "{refused}");
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_loaded_again() {
    let server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    for seq in 1..=5_u64 {
        server.cli(&["SCRIPT", "FLUSH"]).await.unwrap();
        let batches = vec![novel(seq * 3, &["a"]), novel(seq * 3 + 1, &["b"]), novel(seq * 3 + 2, &["c"])];
        let outcomes = store.commit(batches).await.unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.fresh));
        server.cli(&["SCRIPT", "FLUSH"]).await.unwrap();
        assert_eq!(store.head(&topic()).await.unwrap().log_index, seq * 3);
    }
}

#[tokio::test]
async fn killed_connections_are_replaced() {
    let server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    for seq in 1..=5 {
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]).await.unwrap();
        assert_eq!(commit_at_last(&store, seq, &format!("t{seq}")).await, seq);
    }
}

#[tokio::test]
async fn a_stalled_server_leaves_the_outcome_unknown_and_no_answer_goes_astray() {
    let mut server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    commit_one(&*store, novel(1, &["a"])).await;
    server.pause().await.unwrap();
    let stalled = store.commit(vec![novel(2, &["b", "c"])]).await;
    assert!(stalled.is_err_and(|error| error.is_transient()));
    server.resume().await.unwrap();
    // The answer to the call that was given up is on its way now; nobody may get it.
    let head = store.head(&topic()).await.unwrap();
    assert!((1..=2).contains(&head.log_index), "{head:?}");
    assert_eq!(store.lease().await.unwrap(), LeaseRecord::default());
    assert_eq!(commit_at_last(&store, 2, "b").await, 2);
    assert_eq!(committed(&commit_one(&*store, novel(3, &["d"])).await).log_index, 3);
}

#[tokio::test]
async fn a_call_that_was_given_up_leaves_no_answer_behind() {
    let mut server = Redis::start().await.unwrap();
    let one = RedisConfig { pool_size: 1, ..RedisConfig::new(server.url()) };
    let store = RedisStore::connect(&one).unwrap();
    open(&*store).await;
    for seq in 1..=10 {
        server.pause().await.unwrap();
        let given_up = store.commit(vec![novel(seq, &["x"])]);
        let waited = tokio::time::timeout(Duration::from_millis(20), given_up).await;
        assert!(waited.is_err());
        server.resume().await.unwrap();
        assert_eq!(store.lease().await.unwrap(), LeaseRecord::default());
        let outcome = commit_one(&*store, novel(seq, &["x"])).await;
        assert_eq!(committed(&outcome).log_index, seq);
    }
}

#[tokio::test]
async fn a_server_that_became_read_only_refuses_and_is_used_again_afterwards() {
    let server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    commit_one(&*store, novel(1, &["a"])).await;
    let nowhere = free_port().unwrap().to_string();
    server.cli(&["REPLICAOF", "127.0.0.1", &nowhere]).await.unwrap();
    let refused = store.commit(vec![novel(2, &["b"]), novel(3, &["c"])]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let taken = store.take_lease(&WorkerId::parse("a").unwrap(), &LeaseRecord::default(), 0).await;
    assert!(matches!(taken, Err(StoreError::Unavailable(_))), "{taken:?}");
    server.cli(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
    assert_eq!(commit_at_last(&store, 2, "b").await, 2);
    assert_eq!(store.head(&topic()).await.unwrap().log_index, 2);
}

#[tokio::test]
async fn a_server_out_of_memory_refuses_a_batch_whole() {
    let server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    commit_one(&*store, novel(1, &["a"])).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]).await.unwrap();
    let before = store.head(&topic()).await.unwrap();
    for seq in 2..10 {
        let refused = store.commit(vec![novel(seq, &["b", "c"])]).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    assert_eq!(store.head(&topic()).await.unwrap(), before);
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
    assert_eq!(committed(&commit_one(&*store, novel(2, &["b"])).await).first_new, 2);
    assert_eq!(texts(&*store).await, ["a", "b"]);
}

#[tokio::test]
async fn a_server_that_may_evict_is_not_trusted() {
    let server = Redis::start_with(&["--maxmemory-policy", "allkeys-lru"]).await.unwrap();
    let store = store_of(&server);
    let refused = store.check().await;
    assert!(matches!(&refused, Err(StoreError::Unsafe(text)) if text.contains("noeviction")), "{refused:?}");
    server.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await.unwrap();
    assert!(store.check().await.is_ok());
    server.cli(&["CONFIG", "SET", "appendfsync", "everysec"]).await.unwrap();
    assert!(store.check().await.unwrap().warnings[0].contains("appendfsync always"));
}

#[tokio::test]
async fn a_server_of_a_cluster_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = folder.path().join("nodes.conf");
    let server = Redis::start_with(&[
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &free_port().unwrap().to_string(),
        "--cluster-config-file",
        nodes.to_str().unwrap(),
    ])
    .await
    .unwrap();
    let store = store_of(&server);
    let refused = store.check().await;
    assert!(
        matches!(&refused, Err(StoreError::Unsafe(text)) if text.contains("cluster-enabled")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_instance_changes_with_a_restart() {
    let mut server = Redis::start().await.unwrap();
    let store = store_of(&server);
    let before = store.check().await.unwrap().instance;
    server.restart().await.unwrap();
    assert_ne!(store.check().await.unwrap().instance, before);
}

#[tokio::test]
async fn the_registry_stays_itself_over_a_restart_and_is_another_one_when_the_server_was_emptied() {
    let mut server = Redis::start().await.unwrap();
    let store = store_of(&server);
    assert_eq!(store.identity("first").await.unwrap(), "first");
    server.restart().await.unwrap();
    assert_eq!(store.identity("second").await.unwrap(), "first");
    server.cli(&["FLUSHALL"]).await.unwrap();
    assert_eq!(store.identity("second").await.unwrap(), "second");
}

#[tokio::test]
async fn a_topic_whose_parts_do_not_fit_is_not_written_to() {
    let server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    commit_one(&*store, novel(1, &["a", "b"])).await;
    server.cli(&["DEL", "igentai:{rivers}:seen"]).await.unwrap();
    let refused = store.commit(vec![novel(2, &["c"])]).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    server.cli(&["SET", "igentai:{rivers}:log", "x"]).await.unwrap();
    let refused = store.commit(vec![novel(2, &["c"])]).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    assert_eq!(store.head(&topic()).await.unwrap().log_index, 1);
}

#[tokio::test]
async fn a_definition_that_cannot_be_read_stands_in_the_way_of_no_other() {
    let server = Redis::start().await.unwrap();
    let store = store_of(&server);
    for name in ["rivers", "lakes"] {
        store.put_topic(&record(name, 1, 0), None).await.unwrap();
    }
    server.cli(&["HSET", "igentai:topics", "zzz", "garbage"]).await.unwrap();
    // A record that stands under another topic's id is nobody's.
    server
        .cli(&[
            "EVAL",
            "redis.call('HSET', KEYS[1], 'moors', redis.call('HGET', KEYS[1], 'lakes'))",
            "1",
            "igentai:topics",
        ])
        .await
        .unwrap();
    let ids: Vec<String> =
        store.topics().await.unwrap().into_iter().map(|topic| topic.id.to_string()).collect();
    assert_eq!(ids, ["lakes", "rivers"]);
    let alone = store.topic(&topic_named("zzz")).await;
    assert!(matches!(alone, Err(StoreError::Corrupt(_))), "{alone:?}");
    store.put_topic(&record("rivers", 2, 0), Some(1)).await.unwrap();
}

#[tokio::test]
async fn receipts_that_are_settled_leave_the_server() {
    let server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    let kept = || async { server.cli(&["HLEN", "igentai:{rivers}:producers"]).await.unwrap() };
    let batches = (1..=700).map(batch).collect();
    store.commit(batches).await.unwrap();
    assert!(kept().await.contains("701"));
    // Far more than one call removes: the next ones go on with it.
    for seq in 701..=702 {
        let mut next = batch(seq);
        next.lowest_unresolved = seq;
        commit_one(&*store, next).await;
    }
    let left = kept().await;
    assert!(left == "2" || left.ends_with(" 2"), "{left}");
}

#[tokio::test]
async fn every_key_has_its_documented_name() {
    let server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    commit_one(&*store, novel(1, &["a"])).await;
    store.save_checkpoints(&topic(), 1, 1, [("f".to_owned(), vec![1])].into()).await.unwrap();
    store.take_lease(&WorkerId::parse("a").unwrap(), &LeaseRecord::default(), 0).await.unwrap().unwrap();
    store.identity("r1").await.unwrap();
    let listed = server.cli(&["KEYS", "*"]).await.unwrap();
    let mut names: Vec<&str> = listed.split_whitespace().collect();
    names.sort_unstable();
    let of_topic = ["checkpoint", "epoch", "log", "producers", "seen", "totals"];
    let mut expected: Vec<String> =
        of_topic.iter().map(|name| format!("igentai:{{rivers}}:{name}")).collect();
    expected.extend(["igentai:lease", "igentai:registry"].map(str::to_owned));
    expected.sort_unstable();
    assert_eq!(names, expected);
}

/// What a store has learnt of a server it may claim only as long as the server holds it.
#[tokio::test]
async fn what_is_known_of_a_registry_is_not_claimed_of_one_that_has_forgotten_it() {
    let server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    commit_one(&*store, novel(1, &["a", "b", "c"])).await;
    server.cli(&["FLUSHALL"]).await.unwrap();
    open(&*store).await;
    // As it was before; but it holds other attributes under those numbers.
    let other = store_of(&server);
    commit_one(&*other, novel(2, &["c", "d", "e"])).await;
    let again = committed(&commit_one(&*store, novel(3, &["a", "b", "d"])).await).clone();
    assert_eq!((again.first_new, again.new, again.known), (4, 2, 1));
    assert_eq!(texts(&*store).await, ["c", "d", "e", "a", "b"]);
}

/// A server that comes back may be an older copy of itself: whoever leads looks before anything is given a number.
#[tokio::test]
async fn nothing_is_committed_after_a_restart_before_a_leader_has_looked() {
    let mut server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    commit_one(&*store, novel(1, &["a"])).await;
    server.restart().await.unwrap();
    let early = store.commit(vec![novel(2, &["b"])]).await;
    assert!(matches!(early, Err(StoreError::Unavailable(_))), "{early:?}");
    assert_eq!(store.head(&topic()).await.unwrap().log_index, 1);
    // A leader that claimed it before the restart, and changes its cap now, has not looked.
    store.open_run(&topic(), 1, 1, Some(9)).await.unwrap();
    let early = store.commit(vec![novel(2, &["b"])]).await;
    assert!(matches!(early, Err(StoreError::Unavailable(_))), "{early:?}");
    // A redelivery is no question of numbers.
    assert!(!commit_one(&*store, novel(1, &["a"])).await.fresh);
    let look = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        store.claim(&topic(), 1, Head { run: 1, log_index: 1, attributes: 1 }).await.unwrap();
    };
    let (outcome, ()) = futures::future::join(commit_one(&*store, novel(2, &["b"])), look).await;
    assert_eq!(committed(&outcome).first_new, 2);
}

/// Such as one whose definition cannot be read: it is no reason for others of the same call to wait.
#[tokio::test]
async fn a_topic_that_no_leader_knows_of_is_refused_after_a_restart_once_all_others_are_claimed() {
    let mut server = Redis::start().await.unwrap();
    let store = store_of(&server);
    open(&*store).await;
    let nobodys = topic_named("nobody's");
    store.open_run(&nobodys, 1, 1, None).await.unwrap();
    let mut lost = novel(1, &["x"]);
    lost.id.topic = nobodys.clone();
    server.restart().await.unwrap();
    store.claim(&topic(), 1, Head::default()).await.unwrap();
    let waits = store.commit(vec![lost.clone(), novel(1, &["a"])]).await;
    assert!(matches!(waits, Err(StoreError::Unavailable(_))), "he may still come to it: {waits:?}");
    // What he claimed in a life before is not claimed in this one.
    store.all_claimed(1, "another life").await.unwrap();
    let waits = store.commit(vec![lost.clone()]).await;
    assert!(matches!(waits, Err(StoreError::Unavailable(_))), "{waits:?}");
    store.all_claimed(1, &store.check().await.unwrap().instance).await.unwrap();
    let refused = store.commit(vec![lost, novel(2, &["b"])]).await;
    assert!(
        matches!(&refused, Err(StoreError::Unsafe(why)) if why.contains(nobodys.as_str())),
        "{refused:?}"
    );
    assert_eq!(texts(&*store).await, ["a", "b"], "the others are committed");
    // With the next restart he has to say it again.
    server.restart().await.unwrap();
    let waits = store.commit(vec![novel(3, &["c"])]).await;
    assert!(matches!(waits, Err(StoreError::Unavailable(_))), "{waits:?}");
}

#[tokio::test]
async fn numbers_that_were_told_before_a_topic_was_rebuilt_are_not_claimed() {
    let server = Redis::start().await.unwrap();
    let (store, other) = (store_of(&server), store_of(&server));
    open(&*store).await;
    commit_one(&*store, novel(1, &["a", "b", "c"])).await;
    let from = topic_named("rivers rebuilt");
    other.open_run(&from, 1, 1, None).await.unwrap();
    let mut rebuilt = novel(1, &["b", "a", "c"]);
    rebuilt.id.topic = from.clone();
    commit_one(&*other, rebuilt).await;
    other.settle(&topic(), 1, Some(Rebuilt { from, run: 1 })).await.unwrap();
    commit_one(&*store, novel(2, &["a", "c"])).await;
    let mut again = store.log(&topic(), 1, 1, 1).await.unwrap()[0].tail.again.clone();
    again.sort_unstable();
    assert_eq!(again, [2, 3]);
}

/// The server's data, copied or put in the place of what it has.
fn copy_data(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test]
async fn what_was_committed_from_here_and_is_there_no_more_is_noticed_by_the_next_commit_though_nobody_had_read_it()
 {
    let mut server = Redis::start().await.unwrap();
    let (store, other) = (store_of(&server), store_of(&server));
    open(&*store).await;
    commit_one(&*store, novel(1, &["a"])).await;
    let (data, copy) =
        (server.folder().unwrap().join("appendonlydir"), server.folder().unwrap().join("copy"));
    copy_data(&data, &copy);
    commit_one(&*store, novel(2, &["b"])).await;
    commit_one(&*store, novel(3, &["c"])).await;
    server.kill().await.unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    copy_data(&copy, &data);
    server.restart().await.unwrap();
    store.claim(&topic(), 1, Head { run: 1, log_index: 1, attributes: 1 }).await.unwrap();
    let refused = store.commit(vec![novel(4, &["d"])]).await;
    assert!(matches!(refused, Err(StoreError::Unsafe(_))), "{refused:?}");
    let known = Head { run: 1, log_index: 3, attributes: 0 };
    assert_eq!(store.put_back(&topic()).await.unwrap(), Some(known));
    assert!(other.commit(vec![novel(5, &["e"])]).await.is_err(), "by nobody else, either");
    assert_eq!(store.head(&topic()).await.unwrap().log_index, 1);
    // Settled as it is, it goes on: what was known before is of another edition.
    store.settle(&topic(), 1, None).await.unwrap();
    assert_eq!(committed(&commit_one(&*store, novel(4, &["d"])).await).log_index, 2);
}

/// Runs and numbers come again where a server was emptied, within a second, too.
#[tokio::test]
async fn a_log_that_was_replaced_or_begun_again_is_of_another_edition() {
    let server = Redis::start().await.unwrap();
    let store = store_of(&server);
    let edition = async || server.cli(&["HGET", "igentai:{rivers}:epoch", "edition"]).await.unwrap();
    let mut editions = std::collections::BTreeSet::new();
    for _ in 0..3 {
        open(&*store).await;
        editions.insert(edition().await);
        open(&*store).await;
        editions.insert(edition().await);
        store.settle(&topic(), 1, None).await.unwrap();
        editions.insert(edition().await);
        server.cli(&["FLUSHALL"]).await.unwrap();
    }
    assert_eq!(editions.len(), 6, "a run that is opened once more is the same: {editions:?}");
}
