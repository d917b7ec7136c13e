//! The store over Redis, shared by all replicas.
//!
//! # What is in it
//!
//! All keys of a topic share the hash tag `{id}`, so a script that touches them would stay in one slot of a cluster. The client speaks with one
//! server only, though, and one of a cluster is refused ([`Store::check`]).
//!
//! | key | type | content | why |
//! |---|---|---|---|
//! | `igentai:topics` | hash | topic id → record (MessagePack map with names) | one read lists all; a script reads version and epoch out of the record |
//! | `igentai:{id}:epoch` | hash | `run`, `epoch`, `cap`, `layout`; `life` of the server that it was claimed in, `putback` with what a marked topic had held, `edition` | one read decides whether a batch may be committed, and how the set is kept |
//! | `igentai:{id}:seen` | hash | first 14 bytes of the fingerprint → sequence number; compact: bucket → those bytes with their numbers, 18 bytes each | one `HMGET` looks up a whole batch |
//! | `igentai:{id}:log` | stream | entry: head, packed here, and tail, packed by the script | reading on from an entry is a range of the stream's tree, where a list would be walked. The identifier is `<log index>-<attributes after it>`, so an attribute is found without an index |
//! | `igentai:{id}:producers` | hash | `w:<producer>:<incarnation>` → watermark and how far receipts are removed; `r:<producer>:<incarnation>:<number>` → receipt | bounded by what is in flight |
//! | `igentai:{id}:totals` | hash | `entries`, `attributes`, `seeds` | the next numbers; they must fit the lengths of log and set, or the commit is refused: a half restored or tampered topic is noticed |
//! | `igentai:{id}:checkpoint` | hash | name → bytes | |
//! | `igentai:{id}:seeds` | hash | list and part of it → texts | what a topic is to know is there before the topic says so, in portions that a commit takes |
//! | `igentai:lease` | hash | `holder`, `epoch`, `beat`; `claimed`: the life of the server in which a leader has claimed all topics | |
//! | `igentai:attempts` | hash | message → attempts at it that have not ended | forgotten a day after the last note |
//! | `igentai:registry` | string | the registry's id | the first one proposed stays |
//!
//! # Costs
//!
//! | call | cost for the server |
//! |---|---|
//! | commit | O(elements), one exchange for all batches of the call; fsync per event loop round, so concurrent commits share it |
//! | log | O(log entries + limit), [`PAGE`] entries an exchange |
//! | attributes | a binary search of about 2 µs × log₂(entries), then as log |
//! | `open_run` | O(1); the old run's memory is freed in the background |
//!
//! What the process knows of the set from earlier answers is not looked up again (`known`): a commit claims the numbers, and the script checks the largest
//! of them, which stands only where all before it stand. What was told before a topic was rebuilt is of another `edition`.
//!
//! A server that was started anew has another `run_id`, and may be an older copy of itself. The script compares that of its connection with the one that the topic was claimed
//! in last, and commits nothing before a leader has claimed it again; [`Store::commit`] waits a second for that, and is then [`StoreError::Unavailable`]. Where a leader
//! has claimed all topics that it knows of ([`Store::all_claimed`]) and this is none of them, nobody will, and nobody waits: [`StoreError::Unsafe`].
//!
//! # Layouts of the set
//!
//! [`RedisLayout`] says how the set of a run that is opened is kept; it stands in `igentai:{id}:epoch`, so all who commit to the run go by it, and
//! configurations may differ. The compact one is linear hashing: with *n* attributes there are ⌈n ÷ 16⌉ buckets, all of them fields of one hash, and a commit that adds
//! some splits the next buckets.
//!
//! In the fast layout an attribute takes 94 bytes in all, in the compact one 53, and the script makes 0.42 of the batches there (`igentai bench`, some 900,000
//! attributes). What follows was measured while the set kept 16 bytes of a fingerprint
//! and the log the names of fields, and stands for how the kinds of set compare.
//! With Redis 7.0: 100,000 attributes of 20 bytes in batches of 50 of which half are known, log, receipts and all (the growth of `used_memory`), and what of it
//! is in the set (`MEMORY USAGE`); the processor time of the server for a batch (`/proc`, a pipeline of 32, on a machine with other work) and what it appends to its file.
//!
//! | set | bytes in all | in the set | in the log | time, half known here | file |
//! |---|---|---|---|---|---|
//! | fast | 120 | 74 | 41 | 74 µs; 100 µs where nothing is known here | 2.1 kB |
//! | compact | 64 | 25 | 41 | 2.2 times that | 11.5 kB |
//! | `SADD` of the same, without numbers, log and receipts | 80 | 80 | | 30 µs | 1.2 kB |
//!
//! Receipts are 0.1 bytes of it, since those below a producer's lowest unresolved number are removed, by the dozen; while a batch of his is among the dead letters, those behind it stay. With `SADD`, a redelivery and a repeated name could not be told from a new
//! one, and nothing would be known of order. A hash of its own for each bucket would take a command for each element; numbers packed as MessagePack instead of decimals save 1 µs and no
//! memory; each `redis.call` costs some 1.5 µs, each element that goes through `string.format` 0.2 µs.
//!
//! # Fences
//!
//! A script sees one slot, so a write for a topic cannot look at the lease in the same step. The lease is read in an exchange before
//! and handed in; what is checked in the script itself is the epoch stored in the topic's own slot ([`Store::open_run`],
//! [`Store::save_checkpoints`]). A new leader raises it in every topic before it reads what it decides on ([`Store::claim`]), so that a write
//! which was past the look at the lease already is refused, too. Records ([`Store::put_topic`]) lie beside the lease and belong to no topic's slot:
//! their script looks at the lease itself. (In a cluster these two keys would need a hash tag of their own.)
//!
//! # Failures
//!
//! Scripts are sent by digest and loaded again when the server has lost them. A server that refuses (read-only, loading, out of
//! memory, disk full) refuses before a script's first write: [`StoreError::Unavailable`]. A write whose answer does not come is
//! [`StoreError::Unknown`], and its connection is dropped together with all idle ones. Tested with Redis 7.0; needs 5.0.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use deadpool_redis::redis::{self, FromRedisValue, Value};
use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, LogIndex, Run, Seq, WorkerId};
use igentai_core::log::Entry;
use igentai_core::numbers::Edition;
use igentai_core::seeded::{Bug, is_on};
use igentai_core::topic::Topic;

pub use self::config::{RedisConfig, RedisConfigError, RedisLayout};

use self::client::{Access, Call, Client};
use self::keys::{ATTEMPTS, Keys, LEASE, REGISTRY, TOPICS};
use self::known::Known;
use super::checkpoints::KEPT;
use super::prepare::{prepare, representable};
use super::rows::{corrupt, decode_topic, encode_topic};
use super::unreadable::Unreadable;
use super::{
    Commit, CommitOutcome, Head, LeaseRecord, Rebuilt, Store, StoreCheck, StoreError, StoredAttribute,
};

mod check;
mod client;
mod commit;
mod commits;
mod config;
mod keys;
mod known;
mod pool;
mod read;
mod scripts;
mod seeds;
mod yardstick;

/// Log entries in one exchange at most: with the largest batches an answer is below 70 MB, with usual ones below 1 MB.
pub const PAGE: usize = 128;

/// Seconds after which notes of attempts are forgotten as a whole, since the last.
const ATTEMPTS_KEPT: u32 = 86_400;

/// See the [module](self).
#[derive(Debug)]
pub struct RedisStore {
    client: Client,
    known: Known,
    layout: RedisLayout,
    unreadable: Unreadable,
}

impl RedisStore {
    /// Prepares the connections. None is made yet, so this succeeds without a server; calls then answer [`StoreError::Unavailable`]
    /// until there is one.
    ///
    /// # Errors
    ///
    /// The URL is none of a Redis.
    pub fn connect(config: &RedisConfig) -> Result<Arc<Self>, RedisConfigError> {
        Ok(Arc::new(Self {
            client: Client::new(config)?,
            known: Known::default(),
            layout: config.layout,
            unreadable: Unreadable::default(),
        }))
    }

    /// Removes everything that a topic without a definition has left, such as one that served a measurement.
    pub async fn remove(&self, topic: &TopicId) -> Result<(), StoreError> {
        let keys = Keys::of(topic);
        let set = [keys.epoch(), keys.seen(), keys.log(), keys.producers(), keys.totals()];
        let names = [set.as_slice(), &[keys.checkpoint(), keys.seeds()]].concat();
        // It may be said twice without harm, as a read may.
        self.client.read(vec![redis::cmd("UNLINK").arg(&names).take()]).await.map(drop)
    }

    async fn lease_epoch(&self) -> Result<Epoch, StoreError> {
        let values = self.client.read(vec![redis::cmd("HGET").arg(LEASE).arg("epoch").take()]).await?;
        Ok(parse::<Vec<Option<u64>>>(Value::Array(values))?.into_iter().flatten().next().unwrap_or_default())
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn commit(&self, batches: Vec<Commit>) -> Result<Vec<CommitOutcome>, StoreError> {
        self.commit_all(&prepare(batches)?).await
    }

    async fn head(&self, topic: &TopicId) -> Result<Head, StoreError> {
        read::head(&self.client, &Keys::of(topic)).await
    }

    async fn log(
        &self,
        topic: &TopicId,
        run: Run,
        after: LogIndex,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        read::log(&self.client, &Keys::of(topic), run, after, limit).await
    }

    async fn attributes(
        &self,
        topic: &TopicId,
        run: Run,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<StoredAttribute>, StoreError> {
        read::attributes(&self.client, &Keys::of(topic), run, after, limit).await
    }

    async fn claim(&self, topic: &TopicId, epoch: Epoch, known: Head) -> Result<Head, StoreError> {
        representable(epoch)?;
        let (keys, lease) = (Keys::of(topic), self.lease_epoch().await?);
        let borrowed = self.client.borrow().await?;
        let call = Call::new(&scripts::CLAIM, &[keys.epoch(), keys.totals()])
            .arg(epoch)
            .arg(lease)
            .arg(borrowed.instance().unwrap_or_default())
            .arg(known.run)
            .arg(known.log_index)
            .arg(known.attributes);
        let answer: Vec<String> = parse(self.client.call_on(borrowed, Access::Write, call).await?)?;
        let words: Vec<&str> = answer.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["claimed", held @ .., _, _, _] => read_head(held),
            ["putback", run, entries, attributes, known @ ..] => Err(StoreError::PutBack {
                known: read_head(known)?,
                held: read_head(&[run, entries, attributes])?,
            }),
            ["fenced", held, current] => Err(fenced(held, current)?),
            _ => Err(corrupt(format!("{answer:?} in answer to claim"))),
        }
    }

    async fn all_claimed(&self, epoch: Epoch, instance: &str) -> Result<(), StoreError> {
        representable(epoch)?;
        let call = Call::new(&scripts::ALL_CLAIMED, &[LEASE.to_owned()]).arg(epoch).arg(instance);
        let answer: Vec<String> = parse(self.client.call(Access::Write, call).await?)?;
        match answer.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["noted"] => Ok(()),
            ["fenced", held, current] => Err(fenced(held, current)?),
            _ => Err(corrupt(format!("{answer:?} in answer to all_claimed"))),
        }
    }

    async fn put_back(&self, topic: &TopicId) -> Result<Option<Head>, StoreError> {
        let command = redis::cmd("HGET").arg(Keys::of(topic).epoch()).arg("putback").take();
        let marks: Vec<Option<String>> = parse(Value::Array(self.client.read(vec![command]).await?))?;
        let mark = marks.into_iter().flatten().next();
        mark.map(|mark| read_head(&mark.split(' ').collect::<Vec<_>>())).transpose()
    }

    async fn edition(&self, topic: &TopicId) -> Result<Edition, StoreError> {
        let command = redis::cmd("HGET").arg(Keys::of(topic).epoch()).arg("edition").take();
        let edition: Vec<Option<u64>> = parse(Value::Array(self.client.read(vec![command]).await?))?;
        Ok(edition.into_iter().flatten().next().unwrap_or_default())
    }

    async fn settle(
        &self,
        topic: &TopicId,
        epoch: Epoch,
        rebuilt: Option<Rebuilt>,
    ) -> Result<Head, StoreError> {
        representable(epoch)?;
        let lease = self.lease_epoch().await?;
        let borrowed = self.client.borrow().await?;
        let parts = |topic: &TopicId| {
            let keys = Keys::of(topic);
            [keys.epoch(), keys.seen(), keys.log(), keys.totals(), keys.checkpoint(), keys.producers()]
        };
        let mut keys = parts(topic).to_vec();
        keys.extend(rebuilt.iter().flat_map(|rebuilt| parts(&rebuilt.from)));
        let call = Call::new(&scripts::SETTLE, &keys)
            .arg(epoch)
            .arg(lease)
            .arg(borrowed.instance().unwrap_or_default())
            .arg(rebuilt.map_or(0, |rebuilt| rebuilt.run))
            .arg(&KEPT);
        let answer: Vec<String> = parse(self.client.call_on(borrowed, Access::Write, call).await?)?;
        let words: Vec<&str> = answer.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["settled", head @ ..] => read_head(head),
            ["fenced", held, current] => Err(fenced(held, current)?),
            _ => Err(corrupt(format!("{answer:?} in answer to settle"))),
        }
    }

    async fn open_run(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        max_attributes: Option<u64>,
    ) -> Result<Head, StoreError> {
        representable(run)?;
        representable(epoch)?;
        let (keys, lease) = (Keys::of(topic), self.lease_epoch().await?);
        let keys =
            [keys.epoch(), keys.seen(), keys.log(), keys.producers(), keys.totals(), keys.checkpoint()];
        let borrowed = self.client.borrow().await?;
        let call = Call::new(&scripts::OPEN_RUN, &keys)
            .arg(run)
            .arg(epoch)
            .arg(
                max_attributes
                    .filter(|_| !is_on(Bug::ItemCapIgnored))
                    .map_or_else(String::new, |cap| cap.to_string()),
            )
            .arg(lease)
            .arg(self.layout.as_str())
            .arg(borrowed.instance().unwrap_or_default());
        let answer: Vec<String> = parse(self.client.call_on(borrowed, Access::Write, call).await?)?;
        let words: Vec<&str> = answer.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["open", entries, attributes] => read_head(&[&run.to_string(), entries, attributes]),
            ["putback", known_run, known_entries, known_attributes, held @ ..] => {
                let known = read_head(&[known_run, known_entries, known_attributes])?;
                Err(StoreError::PutBack { known, held: read_head(held)? })
            }
            ["stale", asked, current] => Err(StoreError::Stale {
                asked: asked.parse().map_err(corrupt)?,
                current: current.parse().map_err(corrupt)?,
            }),
            ["fenced", held, current] => Err(fenced(held, current)?),
            _ => Err(corrupt(format!("{answer:?} in answer to open_run"))),
        }
    }

    async fn topics(&self) -> Result<Vec<Topic>, StoreError> {
        let mut values = self.client.read(vec![redis::cmd("HGETALL").arg(TOPICS).take()]).await?;
        let records: Vec<(Vec<u8>, Vec<u8>)> = parse(values.pop().unwrap_or(Value::Nil))?;
        Ok(self.unreadable.left_out(records))
    }

    async fn topic(&self, id: &TopicId) -> Result<Option<Topic>, StoreError> {
        let values = self.client.read(vec![redis::cmd("HGET").arg(TOPICS).arg(id.as_str()).take()]).await?;
        let record: Vec<Option<Vec<u8>>> = parse(Value::Array(values))?;
        record.into_iter().flatten().next().map(|record| decode_topic(&record)).transpose()
    }

    async fn put_topic(&self, topic: &Topic, expected: Option<u64>) -> Result<(), StoreError> {
        representable(topic.epoch)?;
        representable(topic.version)?;
        let call = Call::new(&scripts::PUT_TOPIC, &[TOPICS.to_owned(), LEASE.to_owned()])
            .arg(topic.id.as_str())
            .arg(expected.map_or_else(String::new, |version| version.to_string()))
            .arg(topic.epoch)
            .arg(encode_topic(topic)?);
        let answer: Vec<String> = parse(self.client.call(Access::Write, call).await?)?;
        match answer.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["stored"] => Ok(()),
            ["fenced", current] => {
                Err(StoreError::Fenced { held: topic.epoch, current: current.parse().map_err(corrupt)? })
            }
            ["conflict", ""] => Err(StoreError::Conflict { expected, current: None }),
            ["conflict", version] => {
                Err(StoreError::Conflict { expected, current: Some(version.parse().map_err(corrupt)?) })
            }
            _ => Err(corrupt(format!("{answer:?} in answer to put_topic"))),
        }
    }

    async fn save_checkpoints(
        &self,
        topic: &TopicId,
        run: Run,
        epoch: Epoch,
        checkpoints: BTreeMap<String, Vec<u8>>,
    ) -> Result<(), StoreError> {
        representable(epoch)?;
        let keys = Keys::of(topic);
        let mut call = Call::new(&scripts::SAVE_CHECKPOINTS, &[keys.epoch(), keys.checkpoint()])
            .arg(run)
            .arg(epoch)
            .arg(self.lease_epoch().await?);
        for (name, bytes) in checkpoints {
            call = call.arg(name).arg(bytes);
        }
        let answer: Vec<String> = parse(self.client.call(Access::Write, call).await?)?;
        match answer.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["saved"] => Ok(()),
            ["stale", asked, current] => Err(StoreError::Stale {
                asked: asked.parse().map_err(corrupt)?,
                current: current.parse().map_err(corrupt)?,
            }),
            ["fenced", held, current] => Err(fenced(held, current)?),
            _ => Err(corrupt(format!("{answer:?} in answer to save_checkpoints"))),
        }
    }

    async fn checkpoint(&self, topic: &TopicId, run: Run, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let keys = Keys::of(topic);
        let call = Call::new(&scripts::CHECKPOINT, &[keys.epoch(), keys.checkpoint()]).arg(run).arg(name);
        parse(self.client.call(Access::Read, call).await?)
    }

    async fn keep_seeds(&self, id: &TopicId, list: &str, part: u32, of: &[String]) -> Result<(), StoreError> {
        seeds::keep(&self.client, &Keys::of(id), list, part, of).await
    }

    async fn seeds(&self, id: &TopicId, list: &str, part: u32) -> Result<Option<Vec<String>>, StoreError> {
        seeds::part(&self.client, &Keys::of(id), list, part).await
    }

    async fn forget_other_seeds(&self, id: &TopicId, but: &str) -> Result<(), StoreError> {
        seeds::forget_others(&self.client, &Keys::of(id), but).await
    }

    async fn lease(&self) -> Result<LeaseRecord, StoreError> {
        let command = redis::cmd("HMGET").arg(LEASE).arg(&["holder", "epoch", "beat"]).take();
        let mut values = self.client.read(vec![command]).await?;
        let (holder, epoch, beat): (Option<String>, Option<u64>, Option<u64>) =
            parse(values.pop().unwrap_or(Value::Nil))?;
        let holder = holder.filter(|id| !id.is_empty()).map(|id| WorkerId::parse(&id)).transpose();
        Ok(LeaseRecord {
            holder: holder.map_err(corrupt)?,
            epoch: epoch.unwrap_or_default(),
            beat: beat.unwrap_or_default(),
        })
    }

    async fn take_lease(
        &self,
        holder: &WorkerId,
        seen: &LeaseRecord,
        above: Epoch,
    ) -> Result<Option<LeaseRecord>, StoreError> {
        representable(above)?;
        let call = Call::new(&scripts::TAKE_LEASE, &[LEASE.to_owned()])
            .arg(holder.as_str())
            .arg(seen.holder.as_ref().map_or("", WorkerId::as_str))
            .arg(seen.epoch)
            .arg(seen.beat)
            .arg(above);
        let taken: Option<(u64, u64)> = parse(self.client.call(Access::Write, call).await?)?;
        Ok(taken.map(|(epoch, beat)| LeaseRecord { holder: Some(holder.clone()), epoch, beat }))
    }

    async fn renew_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<Option<LeaseRecord>, StoreError> {
        let call = move_lease(holder, epoch, holder.as_str());
        let beat: Option<u64> = parse(self.client.call(Access::Write, call).await?)?;
        Ok(beat.map(|beat| LeaseRecord { holder: Some(holder.clone()), epoch, beat }))
    }

    async fn release_lease(&self, holder: &WorkerId, epoch: Epoch) -> Result<(), StoreError> {
        self.client.call(Access::Write, move_lease(holder, epoch, "")).await.map(drop)
    }

    async fn attempts(&self, message: &str) -> Result<u32, StoreError> {
        let values = self.client.read(vec![redis::cmd("HGET").arg(ATTEMPTS).arg(message).take()]).await?;
        Ok(parse::<Vec<Option<u32>>>(Value::Array(values))?.into_iter().flatten().next().unwrap_or_default())
    }

    async fn note_attempts(&self, message: &str, attempts: u32) -> Result<(), StoreError> {
        let commands = match attempts {
            0 => vec![redis::cmd("HDEL").arg(ATTEMPTS).arg(message).take()],
            _ => vec![
                redis::cmd("HSET").arg(ATTEMPTS).arg(message).arg(attempts).take(),
                redis::cmd("EXPIRE").arg(ATTEMPTS).arg(ATTEMPTS_KEPT).take(),
            ],
        };
        // It may be said twice without harm, as a read may.
        self.client.read(commands).await.map(drop)
    }

    async fn identity(&self, proposed: &str) -> Result<String, StoreError> {
        let call = Call::new(&scripts::IDENTITY, &[REGISTRY.to_owned()]).arg(proposed);
        parse(self.client.call(Access::Write, call).await?)
    }

    async fn check(&self) -> Result<StoreCheck, StoreError> {
        let mut info = self.client.read(vec![redis::cmd("INFO")]).await?;
        let info: String = parse(info.pop().unwrap_or(Value::Nil))?;
        // Managed servers often do not allow CONFIG; that is a warning and no failure.
        let setting = redis::cmd("CONFIG").arg("GET").arg("appendfsync").take();
        let setting = match self.client.read(vec![setting]).await {
            Ok(mut values) => parse::<(String, String)>(values.pop().unwrap_or(Value::Nil)).ok(),
            Err(_) => None,
        };
        check::judge(&info, setting.as_ref().map(|(_, value)| value.as_str()))
    }

    async fn close(&self) {
        self.client.close();
    }
}

fn read_head(numbers: &[&str]) -> Result<Head, StoreError> {
    match numbers {
        [run, entries, attributes] => Ok(Head {
            run: run.parse().map_err(corrupt)?,
            log_index: entries.parse().map_err(corrupt)?,
            attributes: attributes.parse().map_err(corrupt)?,
        }),
        _ => Err(corrupt(format!("{numbers:?} as the head of a log"))),
    }
}

fn fenced(held: &str, current: &str) -> Result<StoreError, StoreError> {
    Ok(StoreError::Fenced {
        held: held.parse().map_err(corrupt)?,
        current: current.parse().map_err(corrupt)?,
    })
}

fn move_lease(holder: &WorkerId, epoch: Epoch, new_holder: &str) -> Call {
    Call::new(&scripts::MOVE_LEASE, &[LEASE.to_owned()]).arg(holder.as_str()).arg(epoch).arg(new_holder)
}

fn parse<T: FromRedisValue>(value: Value) -> Result<T, StoreError> {
    T::from_redis_value(value).map_err(corrupt)
}
