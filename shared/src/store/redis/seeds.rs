//! Lists of items that topics are to begin with.

use deadpool_redis::redis::{self, Value};

use super::client::Client;
use super::keys::Keys;
use super::parse;
use crate::store::StoreError;
use crate::store::rows::{decode, encode};

fn field(list: &str, part: u32) -> String {
    format!("{list}:{part}")
}

pub(super) async fn keep(
    client: &Client,
    keys: &Keys,
    list: &str,
    part: u32,
    texts: &[String],
) -> Result<(), StoreError> {
    // It may be said twice without harm, as a read may.
    let command = redis::cmd("HSET").arg(keys.seeds()).arg(field(list, part)).arg(encode(&texts)?).take();
    client.read(vec![command]).await.map(drop)
}

pub(super) async fn part(
    client: &Client,
    keys: &Keys,
    list: &str,
    part: u32,
) -> Result<Option<Vec<String>>, StoreError> {
    let command = redis::cmd("HGET").arg(keys.seeds()).arg(field(list, part)).take();
    let found: Vec<Option<Vec<u8>>> = parse(Value::Array(client.read(vec![command]).await?))?;
    found.into_iter().flatten().next().map(|bytes| decode(&bytes)).transpose()
}

pub(super) async fn forget_others(client: &Client, keys: &Keys, but: &str) -> Result<(), StoreError> {
    let command = redis::cmd("HKEYS").arg(keys.seeds()).take();
    let fields: Vec<Vec<String>> = parse(Value::Array(client.read(vec![command]).await?))?;
    let is_other = |field: &String| field.split(':').next() != Some(but);
    let others: Vec<String> = fields.into_iter().flatten().filter(is_other).collect();
    if others.is_empty() {
        return Ok(());
    }
    client.read(vec![redis::cmd("HDEL").arg(keys.seeds()).arg(&others).take()]).await.map(drop)
}
