//! `[store]`: the registry.

use super::address::ServiceUrl;
use super::reader::Section;

/// Which store keeps the registry.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StoreConfig {
    /// `redis_url`, or the variable `REDIS_URL`: Redis's address. `None` for the file under the output folder.
    pub redis_url: Option<ServiceUrl>,
}

const ALLOWED: &str = "must be an address such as redis://user:password@host:6379/0";

impl StoreConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let redis_url = section.checked("redis_url", redis_url);
        section.finish();
        Self { redis_url }
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
