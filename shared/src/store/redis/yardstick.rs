//! What a server does when nothing but the plain part of the work is asked of it: what the rest costs is measured against that.

use deadpool_redis::redis::{self, Value};
use igentai_core::folder::TopicId;
use igentai_core::key::Fingerprint;

use super::commit::kept;
use super::keys::Keys;
use super::{RedisStore, parse};
use crate::store::StoreError;

impl RedisStore {
    /// Adds each of the batches to a plain set by one `SADD`, all in one exchange.
    pub async fn add_bare(&self, topic: &TopicId, batches: Vec<Vec<Fingerprint>>) -> Result<(), StoreError> {
        let key = Keys::of(topic).seen();
        let commands = batches.into_iter().map(|batch| {
            let mut command = redis::cmd("SADD");
            command.arg(&key);
            for fingerprint in &batch {
                command.arg(fingerprint.as_bytes().as_slice());
            }
            command
        });
        // It may be said twice without harm, as a read may.
        self.client.read(commands.collect()).await.map(drop)
    }

    /// Asks whether a topic's set holds a key.
    pub async fn ask_bare(&self, topic: &TopicId, fingerprint: &Fingerprint) -> Result<bool, StoreError> {
        let key = Keys::of(topic).seen();
        let command = redis::cmd("HEXISTS").arg(key).arg(kept(fingerprint)).take();
        let mut values = self.client.read(vec![command]).await?;
        parse(values.pop().unwrap_or(Value::Nil))
    }

    /// Bytes that the server has allocated.
    pub async fn used_memory(&self) -> Result<u64, StoreError> {
        let mut info = self.client.read(vec![redis::cmd("INFO").arg("memory").take()]).await?;
        let info: String = parse(info.pop().unwrap_or(Value::Nil))?;
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(used.and_then(|used| used.trim().parse().ok()).unwrap_or_default())
    }
}
