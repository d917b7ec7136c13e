//! `[store]`: the registry.

use super::address::ServiceUrl;
use super::reader::Section;

/// How Redis keeps the set of a run. It is decided when the run is opened, and all who work on it go by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RedisLayout {
    /// A field of a hash for each attribute: fast.
    #[default]
    Fast,
    /// Some sixteen attributes in a field: half of the memory, and twice the work for Redis.
    Compact,
}

impl RedisLayout {
    /// Its word in the configuration, and in Redis.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Compact => "compact",
        }
    }
}

/// Which store keeps the registry.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StoreConfig {
    /// `redis_url`, or the variable `REDIS_URL`: Redis's address. `None` for the file under the output folder.
    pub redis_url: Option<ServiceUrl>,
    /// `redis_layout`: how Redis keeps the sets of runs that begin from now on.
    pub redis_layout: RedisLayout,
}

const ALLOWED: &str = "must be an address such as redis://user:password@host:6379/0";

impl StoreConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let redis_url = section.checked("redis_url", redis_url);
        let layouts = [("fast", RedisLayout::Fast), ("compact", RedisLayout::Compact)];
        let redis_layout = section.choice("redis_layout", &layouts).unwrap_or_default();
        section.finish();
        Self { redis_url, redis_layout }
    }
}

fn redis_url(text: &str) -> Result<ServiceUrl, String> {
    if ServiceUrl::parse(text, &["rediss"]).is_some() {
        return Err("TLS to Redis is not supported yet; write redis://".to_owned());
    }
    let url = ServiceUrl::parse(text, &["redis"]).ok_or(ALLOWED)?;
    let database = url.path().trim_matches('/');
    if database.is_empty() || database.parse::<u32>().is_ok() {
        Ok(url)
    } else {
        Err(format!("names no database, which is a whole number; {ALLOWED}"))
    }
}
