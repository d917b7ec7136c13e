//! Faults of the store.

use igentai_test_support::servers::Redis;

faults! {
    /// What happens to the store.
    StoreFault {
        /// SIGKILL, and started again on its data.
        Killed = "store killed",
        /// `DEBUG SLEEP`.
        Stalled = "store stalls",
        /// SIGSTOP.
        Hangs = "store hangs",
        /// `REPLICAOF` a server that is not there.
        ReadOnly = "store is read-only",
        /// `maxmemory` below what it holds.
        Full = "store is full",
    }
}

impl StoreFault {
    pub(crate) async fn begin(self, store: &mut Redis) {
        let words: &[&str] = match self {
            Self::Killed => return store.kill().await.unwrap(),
            Self::Hangs => return store.pause().await.unwrap(),
            Self::Stalled => &["DEBUG", "SLEEP", "2"],
            Self::ReadOnly => &["REPLICAOF", "127.0.0.1", "1"],
            Self::Full => &["CONFIG", "SET", "maxmemory", "1mb"],
        };
        store.cli(words).await.unwrap();
    }

    pub(crate) async fn end(self, store: &mut Redis) {
        let words: &[&str] = match self {
            Self::Killed => return store.restart().await.unwrap(),
            Self::Hangs => return store.resume().await.unwrap(),
            Self::Stalled => return,
            Self::ReadOnly => &["REPLICAOF", "NO", "ONE"],
            Self::Full => &["CONFIG", "SET", "maxmemory", "0"],
        };
        store.cli(words).await.unwrap();
    }
}
