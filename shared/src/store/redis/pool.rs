//! Connections that know which server they lead to.

use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleResult};
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{self, AsyncConnectionConfig, RedisError, RedisResult};

/// A connection that was of use so recently is taken for usable without asking; a server takes longer to come back.
const FRESH: Duration = Duration::from_millis(10);

/// A connection, and which life of which server it leads to.
pub(super) struct Lead {
    pub(super) connection: MultiplexedConnection,
    /// The server's `run_id`; `None` when it does not tell.
    pub(super) instance: Option<String>,
}

impl Debug for Lead {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("instance", &self.instance).finish_non_exhaustive()
    }
}

pub(super) type Pool = managed::Pool<Maker>;
pub(super) type PoolError = managed::PoolError<RedisError>;
pub(super) type Lent = managed::Object<Maker>;

/// Makes connections.
#[derive(Debug)]
pub(super) struct Maker(deadpool_redis::Manager);

impl Maker {
    pub(super) fn new(url: &str, connection: AsyncConnectionConfig) -> RedisResult<Self> {
        deadpool_redis::Manager::new_with_config(url, connection).map(Self)
    }
}

impl managed::Manager for Maker {
    type Type = Lead;
    type Error = RedisError;

    async fn create(&self) -> Result<Lead, RedisError> {
        let mut connection = self.0.create().await?;
        let info: Result<String, _> = redis::cmd("INFO").arg("server").query_async(&mut connection).await;
        let instance = match info {
            Ok(info) => info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::to_owned),
            // It may be forbidden.
            Err(error) if error.code().is_some() => None,
            Err(error) => return Err(error),
        };
        Ok(Lead { connection, instance })
    }

    async fn recycle(&self, lead: &mut Lead, metrics: &Metrics) -> RecycleResult<RedisError> {
        if metrics.last_used() < FRESH {
            return Ok(());
        }
        self.0.recycle(&mut lead.connection, metrics).await
    }
}
