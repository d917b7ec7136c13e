//! Several batches are one transaction of the server: what becomes of them when it is cut in the middle, or fails in part.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use igentai_shared::store::redis::{RedisConfig, RedisStore};
use igentai_shared::store::{Commit, Store};
use igentai_test_support::proxy::{Direction, Proxy};
use igentai_test_support::servers::Redis;
use igentai_test_support::until_some;

use super::batches::{commit_one, committed, novel, open, texts, topic, topic_named};

const DEADLINE: Duration = Duration::from_secs(10);

fn store_at(url: String) -> Arc<RedisStore> {
    let response_timeout = Duration::from_secs(2);
    RedisStore::connect(&RedisConfig { response_timeout, ..RedisConfig::new(url) }).unwrap()
}

/// Cuts the connection after so many bytes, and ever more of them, until all of a transaction's have passed; the answer is how often it was cut. What
/// stands there after each cut is all of the transaction or `nothing`.
async fn cut_ever_later(way: Direction, step: usize, nothing: bool) -> usize {
    let server = Redis::start().await.unwrap();
    let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()))).await.unwrap();
    let (near, far) = (store_at(server.url()), store_at(format!("redis://{}/", proxy.addr())));
    open(&*near).await;
    // The server knows the script, so that a transaction is one exchange.
    commit_one(&*near, novel(1, &["t1"])).await;
    let (mut expected, mut cuts) = (vec!["t1".to_owned()], 0);
    for bytes in (1..).step_by(step) {
        let seqs: Vec<u64> = (2..=4).map(|number| cuts * 3 + number).collect();
        let group = || seqs.iter().map(|seq| novel(*seq, &[&format!("t{seq}")])).collect::<Vec<Commit>>();
        // A connection that is there.
        far.head(&topic()).await.unwrap();
        proxy.reset_after(way, bytes);
        let told = far.commit(group()).await;
        if let Err(error) = &told {
            assert!(error.is_transient(), "{error}");
            let there = if nothing { seqs[0] - 1 } else { seqs[2] };
            assert_eq!(
                near.head(&topic()).await.unwrap().log_index,
                there,
                "cut {way:?} after {bytes} bytes"
            );
        }
        proxy.heal().await.unwrap();
        let again = until_some(DEADLINE, || async { far.commit(group()).await.ok() }).await.unwrap();
        for (outcome, seq) in again.iter().zip(&seqs) {
            let committed = committed(outcome);
            assert_eq!((committed.log_index, committed.first_new, committed.new), (*seq, *seq, 1));
        }
        expected.extend(seqs.iter().map(|seq| format!("t{seq}")));
        if told.is_ok() {
            break;
        }
        cuts += 1;
    }
    assert_eq!(texts(&*near).await, expected, "each once, in order");
    usize::try_from(cuts).unwrap()
}

#[tokio::test]
async fn of_a_transaction_that_is_cut_on_its_way_nothing_is_there_and_tried_again_nothing_is_there_twice() {
    let cuts = cut_ever_later(Direction::ToServer, 97, true).await;
    assert!(cuts >= 10, "it was cut {cuts} times only");
}

#[tokio::test]
async fn of_a_transaction_whose_answer_is_cut_all_is_there_and_tried_again_nothing_is_there_twice() {
    let cuts = cut_ever_later(Direction::ToClient, 19, false).await;
    assert!(cuts >= 5, "it was cut {cuts} times only");
}

/// The server carries out the others all the same.
#[tokio::test]
async fn where_one_batch_of_a_transaction_fails_none_is_told_and_tried_again_nothing_is_there_twice() {
    let server = Redis::start().await.unwrap();
    let store = store_at(server.url());
    open(&*store).await;
    let lakes = topic_named("lakes");
    store.open_run(&lakes, 1, 1, None).await.unwrap();
    let mut of_lakes = novel(1, &["b"]);
    of_lakes.id.topic = lakes.clone();
    let group = || vec![novel(1, &["a"]), of_lakes.clone(), novel(2, &["c"])];
    server.cli(&["SET", "igentai:{lakes}:log", "x"]).await.unwrap();
    let refused = store.commit(group()).await.unwrap_err();
    assert!(!refused.is_transient(), "{refused}");
    assert!(store.commit(vec![of_lakes.clone()]).await.is_err());
    for (seq, text) in [(1, "a"), (2, "c")] {
        let outcome = commit_one(&*store, novel(seq, &[text])).await;
        assert_eq!((committed(&outcome).log_index, committed(&outcome).first_new), (seq, seq));
    }
    server.cli(&["DEL", "igentai:{lakes}:log"]).await.unwrap();
    let indices: Vec<u64> =
        store.commit(group()).await.unwrap().iter().map(|outcome| committed(outcome).log_index).collect();
    assert_eq!(indices, [1, 1, 2]);
    assert_eq!(texts(&*store).await, ["a", "c"]);
    assert_eq!(store.head(&lakes).await.unwrap().attributes, 1);
}
