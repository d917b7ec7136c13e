//! The registry opened by a command that works on it without the roles.

use std::sync::Arc;

use igentai_shared::config::Config;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::redis::RedisStore;
use igentai_shared::store::{Store, StoreError};

use crate::exit::{Exit, Failure};
use crate::roles;

/// Whether the registry is the one in the folder of the files: where that is said, or no Redis is configured.
pub(crate) const fn is_embedded(config: &Config, said: bool) -> bool {
    said || config.store.redis_url.is_none()
}

/// Whether there is anything in the folder of the files.
pub(crate) fn is_there(config: &Config) -> bool {
    config.run.out.join(".igentai").exists()
}

/// The registry in the folder of the files; one that is lost begins anew.
pub(crate) fn open_embedded(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    EmbeddedStore::open(&config.run.out.join(".igentai")).map(|store| store as Arc<dyn Store>)
}

/// Where the process that has it open can be asked.
pub(crate) fn served_at(config: &Config) -> Option<String> {
    EmbeddedStore::served_at(&config.run.out.join(".igentai"))
}

/// That there is none in the folder of the files.
pub(crate) fn missing(config: &Config, advice: &str) -> Failure {
    let folder = config.run.out.join(".igentai");
    let text = format!(
        "there is no registry in {}; name another folder with --out, or a Redis with REDIS_URL{advice}",
        folder.display()
    );
    Failure::new(Exit::Store, text)
}

/// The registry of the roles.
pub(crate) async fn open_redis(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    let redis = roles::registry(config)?;
    let store = RedisStore::connect(&redis).map_err(|error| Failure::usage(error.to_string()))?;
    let refused = |error: StoreError| {
        if error.is_transient() {
            Failure::new(Exit::Store, format!("{}: {error}", redis.redacted_url()))
        } else {
            error.into()
        }
    };
    store.check().await.map_err(refused)?;
    Ok(store)
}
