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
        self.told("memory", "used_memory").await
    }

    /// Whether the server still frees what was removed, or writes its log or a snapshot anew, beside what it is asked.
    pub async fn is_tidying(&self) -> Result<bool, StoreError> {
        let mut tidies = false;
        for (section, field) in [
            ("memory", "lazyfree_pending_objects"),
            ("persistence", "aof_rewrite_in_progress"),
            ("persistence", "aof_rewrite_scheduled"),
            ("persistence", "rdb_bgsave_in_progress"),
        ] {
            tidies |= self.told(section, field).await? > 0;
        }
        Ok(tidies)
    }

    /// Has the server write its log anew now, so that it does not begin to by itself a little later. One that keeps no log, or does not let this user ask
    /// for it, does not.
    pub async fn write_log_anew(&self) -> Result<(), StoreError> {
        if self.told("persistence", "aof_enabled").await? > 0 {
            drop(self.client.read(vec![redis::cmd("BGREWRITEAOF")]).await);
        }
        Ok(())
    }

    /// A number that the server tells of itself; 0 where it does not.
    async fn told(&self, section: &str, field: &str) -> Result<u64, StoreError> {
        let mut info = self.client.read(vec![redis::cmd("INFO").arg(section).take()]).await?;
        let info: String = parse(info.pop().unwrap_or(Value::Nil))?;
        let told = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(told.and_then(|told| told.trim().parse().ok()).unwrap_or_default())
    }
}
