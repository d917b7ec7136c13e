//! Connections, scripts and what their failures mean.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::QueueMode;
use deadpool_redis::redis::aio::ConnectionLike;
use deadpool_redis::redis::{self, AsyncConnectionConfig, Cmd, Pipeline, RedisError, Value};

use super::check::{CLUSTER, in_words};
use super::config::{RedisConfig, RedisConfigError};
use super::pool::{Lent, Maker, Pool, PoolError};
use super::scripts::{Lazy, Script};
use crate::store::{StoreError, rows::corrupt};

/// A script is loaded anew after the first failure; a flush may come in between once more.
const ATTEMPTS: usize = 3;

/// Calls that are made without letting others work.
const PORTION: usize = 16;

/// Whether a lost answer leaves open what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A script with its keys and arguments.
#[derive(Debug)]
pub(super) struct Call {
    script: &'static Script,
    command: Cmd,
}

impl Call {
    pub(super) fn new(script: &'static Lazy, keys: &[String]) -> Self {
        Self::sized(script, keys, 0, 0)
    }

    /// One that will have so many arguments, of so many bytes together.
    pub(super) fn sized(script: &'static Lazy, keys: &[String], arguments: usize, bytes: usize) -> Self {
        let of_keys: usize = keys.iter().map(String::len).sum();
        let (fixed, of_fixed) = ("EVALSHA".len() + script.digest.len() + 2, keys.len() + 3);
        let mut command = Cmd::with_capacity(of_fixed + arguments, fixed + of_keys + bytes);
        command.arg("EVALSHA");
        command.arg(&script.digest).arg(keys.len()).arg(keys);
        Self { script, command }
    }

    pub(super) fn arg(mut self, arg: impl redis::ToRedisArgs) -> Self {
        self.command.arg(arg);
        self
    }
}

/// Calls that were sent, and what came back.
#[derive(Default)]
struct Sent {
    scripts: Vec<&'static Script>,
    pipeline: Pipeline,
    /// Where the first call stands in it.
    first: usize,
    values: Vec<Value>,
}

#[derive(Debug)]
pub(super) struct Client {
    pool: Pool,
    deadline: Duration,
}

/// A connection that goes back to the pool only when [`Borrowed::give_back`] says that its answers came whole. A call that timed out
/// or was given up (its future dropped) takes its connection with it, so no answer can reach somebody else.
pub(super) struct Borrowed(Option<Lent>);

impl Borrowed {
    /// Which life of which server it leads to.
    pub(super) fn instance(&self) -> Option<&str> {
        self.0.as_ref()?.instance.as_deref()
    }

    pub(super) fn give_back(mut self) {
        drop(self.0.take());
    }

    fn give_up(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Lent::take(connection));
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Client {
    pub(super) fn new(config: &RedisConfig) -> Result<Self, RedisConfigError> {
        let refused = |error: String| RedisConfigError { url: config.redacted_url(), error };
        let connection = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(config.response_timeout))
            .set_response_timeout(Some(config.response_timeout));
        let maker =
            Maker::new(config.url.as_str(), connection).map_err(|error| refused(error.to_string()))?;
        let pool = Pool::builder(maker)
            .max_size(config.pool_size.max(1))
            // The one that was used last needs no question.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self { pool, deadline: config.response_timeout })
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// Runs one script.
    pub(super) async fn call(&self, access: Access, call: Call) -> Result<Value, StoreError> {
        let borrowed = self.borrow().await?;
        self.call_on(borrowed, access, call).await
    }

    /// The same over a connection that was borrowed before.
    pub(super) async fn call_on(
        &self,
        borrowed: Borrowed,
        access: Access,
        call: Call,
    ) -> Result<Value, StoreError> {
        let mut values = self.call_all_on(borrowed, access, [Ok(call)]).await?;
        values.pop().ok_or_else(|| corrupt("the store did not answer"))
    }

    /// Runs scripts one after the other over a connection that was borrowed before. The first refusal is the answer for all, since there is only one.
    pub(super) async fn call_all_on(
        &self,
        mut borrowed: Borrowed,
        access: Access,
        calls: impl IntoIterator<Item = Result<Call, StoreError>>,
    ) -> Result<Vec<Value>, StoreError> {
        let mut made = Vec::new();
        for call in calls {
            made.push(call?);
            if made.len().is_multiple_of(PORTION) {
                tokio::task::yield_now().await;
            }
        }
        let Sent { scripts, pipeline: sent, first, values } =
            self.send_all(&mut borrowed, access, made).await?;
        let mut results: Vec<_> = values.into_iter().map(Value::extract_error).collect();
        for _ in 1..ATTEMPTS {
            let open: Vec<usize> = (0..results.len()).filter(|index| lost_script(&results[*index])).collect();
            if open.is_empty() || borrowed.0.is_none() {
                break;
            }
            let mut lost: Vec<&Script> = open.iter().map(|index| scripts[*index]).collect();
            lost.dedup_by_key(|script| &script.digest);
            let mut pipeline = Pipeline::with_capacity(lost.len() + open.len());
            for script in &lost {
                pipeline.cmd("SCRIPT").arg("LOAD").arg(script.code);
            }
            let commands: Vec<&Cmd> = sent.cmd_iter().skip(first).collect();
            for index in &open {
                pipeline.add_command(commands[*index].clone());
            }
            let values = self.exchange(&mut borrowed, access, &pipeline, lost.len(), open.len()).await?;
            for (index, value) in open.into_iter().zip(values) {
                results[index] = value.extract_error();
            }
        }
        borrowed.give_back();
        collect(access, results, scripts.len())
    }

    /// Sends calls in one exchange. Several are one transaction, which the server writes to its log in one go, and so waits for the disk once.
    async fn send_all(
        &self,
        borrowed: &mut Borrowed,
        access: Access,
        calls: Vec<Call>,
    ) -> Result<Sent, StoreError> {
        let is_transaction = calls.len() > 1;
        let mut sent = Sent::default();
        let mut pipeline = Pipeline::with_capacity(calls.len() + 2);
        if is_transaction {
            pipeline.cmd("MULTI");
        }
        for Call { script, command } in calls {
            sent.scripts.push(script);
            pipeline.add_command(command);
        }
        if is_transaction {
            pipeline.cmd("EXEC");
        }
        sent.values = self.exchange(borrowed, access, &pipeline, 0, pipeline.len()).await?;
        if is_transaction {
            sent.first = 1;
            match sent.values.pop() {
                Some(Value::Array(done)) => sent.values = done,
                end => {
                    // Who knows in which state the connection is.
                    borrowed.give_up();
                    sent.values = not_done(sent.values, end, sent.scripts.len());
                }
            }
        }
        sent.pipeline = pipeline;
        Ok(sent)
    }

    /// Runs plain commands in one exchange.
    pub(super) async fn read(&self, commands: Vec<Cmd>) -> Result<Vec<Value>, StoreError> {
        let mut pipeline = Pipeline::with_capacity(commands.len());
        let count = commands.len();
        for command in commands {
            pipeline.add_command(command);
        }
        let mut borrowed = self.borrow().await?;
        let values = self.exchange(&mut borrowed, Access::Read, &pipeline, 0, count).await?;
        borrowed.give_back();
        collect(Access::Read, values.into_iter().map(Value::extract_error).collect(), count)
    }

    /// A connection for one call.
    pub(super) async fn borrow(&self) -> Result<Borrowed, StoreError> {
        let connection = tokio::time::timeout(self.deadline, self.pool.get())
            .await
            .map_err(|_| StoreError::Unavailable(format!("no connection within {:?}", self.deadline)))?
            .map_err(|error| StoreError::Unavailable(no_connection(&error)))?;
        Ok(Borrowed(Some(connection)))
    }

    async fn exchange(
        &self,
        borrowed: &mut Borrowed,
        access: Access,
        pipeline: &Pipeline,
        offset: usize,
        count: usize,
    ) -> Result<Vec<Value>, StoreError> {
        let Some(lead) = &mut borrowed.0 else { return Err(gone()) };
        let answer = lead.connection.req_packed_commands(pipeline, offset, count).await;
        self.answered(borrowed, access, answer)
    }

    /// What an exchange came to; a connection that is of no use any more is given up.
    fn answered(
        &self,
        borrowed: &mut Borrowed,
        access: Access,
        answer: Result<Vec<Value>, RedisError>,
    ) -> Result<Vec<Value>, StoreError> {
        match answer {
            Ok(values) => {
                if values.iter().any(is_read_only) {
                    borrowed.give_up();
                    self.forget_idle();
                }
                Ok(values)
            }
            Err(error) => {
                borrowed.give_up();
                self.forget_idle();
                let text = error.to_string();
                Err(match access {
                    Access::Read => StoreError::Unavailable(text),
                    Access::Write => StoreError::Unknown(text),
                })
            }
        }
    }

    /// Drops the idle connections: they lead to the same server, which was replaced or demoted.
    fn forget_idle(&self) {
        self.pool.retain(|_, _| false);
    }
}

/// What the commands of a transaction came to that did not end with its results: none was carried out, and the first reason is that of all.
fn not_done(queued: Vec<Value>, end: Option<Value>, commands: usize) -> Vec<Value> {
    let is_error = |value: &Value| matches!(value, Value::ServerError(_));
    queued.into_iter().chain(end).find(is_error).map_or_else(Vec::new, |reason| vec![reason; commands])
}

fn gone() -> StoreError {
    StoreError::Unavailable("the connection was given up".to_owned())
}

/// Why the pool has no connection, without the pool's own words for it.
fn no_connection(error: &PoolError) -> String {
    let why = if let PoolError::Backend(error) = error { error.to_string() } else { error.to_string() };
    format!("no connection: {why}")
}

fn collect(
    access: Access,
    results: Vec<Result<Value, RedisError>>,
    expected: usize,
) -> Result<Vec<Value>, StoreError> {
    let mut values = Vec::with_capacity(expected);
    let mut refusal = None;
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => {
                let error = meaning(&error);
                // What help is needed for outweighs what passes by itself.
                if refusal.as_ref().is_none_or(StoreError::is_transient) {
                    refusal = Some(error);
                }
            }
        }
    }
    match refusal {
        None if values.len() == expected => Ok(values),
        None => Err(corrupt(format!("{} answers to {expected} commands", values.len()))),
        Some(error) if error.is_transient() && access == Access::Write && !values.is_empty() => {
            Err(StoreError::Unknown(error.to_string()))
        }
        Some(error) => Err(error),
    }
}

/// Codes with which a server refuses a command or a script's first write, so that nothing happened, and which pass.
const REFUSALS: [&str; 14] = [
    "READONLY",
    "LOADING",
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "BUSY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "NOSCRIPT",
    "EXECABORT",
];

fn meaning(error: &RedisError) -> StoreError {
    let code = error.code().unwrap_or_default();
    let text = error.to_string();
    if code == "MOVED" {
        return StoreError::Unsafe(CLUSTER.to_owned());
    }
    if code == "PUTBACK" {
        return StoreError::Unsafe(error.detail().map_or(text, str::to_owned));
    }
    // Before version 7 the code of a command in a script stands in the text of a general error.
    let is_told = |refusal: &&&str| **refusal == code || text.contains(&format!("-{refusal} "));
    match REFUSALS.iter().find(is_told) {
        Some(refusal) => StoreError::Unavailable(in_words(refusal).map_or(text, str::to_owned)),
        None => StoreError::Corrupt(text),
    }
}

fn lost_script(result: &Result<Value, RedisError>) -> bool {
    result.as_ref().is_err_and(|error| error.code() == Some("NOSCRIPT"))
}

fn is_read_only(value: &Value) -> bool {
    if let Value::Array(of_transaction) = value {
        return of_transaction.iter().any(is_read_only);
    }
    matches!(value, Value::ServerError(error) if error.code() == "READONLY")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    fn answered(error: &[u8]) -> StoreError {
        meaning(&redis::parse_redis_value(error).and_then(Value::extract_error).unwrap_err())
    }

    #[test]
    fn to_be_sent_to_another_server_of_a_cluster_does_not_pass_by_itself() {
        let moved = answered(b"-MOVED 3999 127.0.0.1:6381\r\n");
        assert!(matches!(&moved, StoreError::Unsafe(text) if text.contains("cluster-enabled")), "{moved}");
        let replica = answered(b"-READONLY You can't write against a read only replica.\r\n");
        assert!(
            replica.is_transient() && replica.to_string().contains("address of the primary"),
            "{replica}"
        );
        let old = answered(b"-ERR Error running script: @user_script: 1: -OOM command not allowed\r\n");
        assert!(old.is_transient() && old.to_string().contains("raise its maxmemory"), "{old}");
    }

    #[test]
    fn what_was_not_taken_into_a_transaction_is_the_answer_for_all_of_it() {
        let parse = |answer: &[u8]| redis::parse_redis_value(answer).unwrap();
        let ok = || parse(b"+OK\r\n");
        let oom = parse(b"-OOM command not allowed\r\n");
        let abort = parse(b"-EXECABORT Transaction discarded because of: BUSY\r\n");
        let refused = not_done(vec![ok(), oom.clone(), oom.clone()], Some(abort.clone()), 2);
        assert_eq!(refused, [oom.clone(), oom]);
        assert_eq!(not_done(vec![ok()], Some(abort.clone()), 1), [abort]);
        for refused in [refused, not_done(vec![ok()], Some(parse(b"-EXECABORT BUSY\r\n")), 2)] {
            let results = refused.into_iter().map(Value::extract_error).collect();
            assert!(collect(Access::Write, results, 2).unwrap_err().is_transient());
        }
        assert!(is_read_only(&parse(b"*2\r\n:1\r\n-READONLY it is a replica\r\n")));
    }

    #[tokio::test]
    async fn a_redis_that_is_not_there_is_told_without_words_of_the_library() {
        let client = Client::new(&RedisConfig::new("redis://127.0.0.1:1")).unwrap();
        let error = client.read(vec![redis::cmd("PING")]).await.unwrap_err().to_string();
        assert!(error.contains("Connection refused") && !error.contains("object"), "{error}");
    }
}
