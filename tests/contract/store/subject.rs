//! The adapters under test, each with what must live as long as it does.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use igentai_shared::store::Store;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::redis::{RedisConfig, RedisLayout, RedisStore};
use igentai_test_support::servers::Redis;

/// A store; its file or server ends with it.
pub(super) struct Subject {
    store: Arc<dyn Store>,
    _home: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl Deref for Subject {
    type Target = Arc<dyn Store>;

    fn deref(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

pub(super) fn embedded_file() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&folder.path().join(".igentai")).unwrap();
    Subject { store, _home: Box::new(folder) }
}

pub(super) fn in_memory() -> Subject {
    Subject { store: EmbeddedStore::in_memory().unwrap(), _home: Box::new(()) }
}

pub(super) async fn redis() -> Subject {
    redis_with(RedisLayout::Fast).await
}

pub(super) async fn redis_compact() -> Subject {
    redis_with(RedisLayout::Compact).await
}

async fn redis_with(layout: RedisLayout) -> Subject {
    let server = Redis::start().await.unwrap();
    let store = RedisStore::connect(&RedisConfig { layout, ..RedisConfig::new(server.url()) }).unwrap();
    Subject { store, _home: Box::new(server) }
}
