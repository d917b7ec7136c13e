//! `[store]`: the registry.

use super::address::ServiceUrl;
use super::reader::Section;

/// Which store keeps the registry.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StoreConfig {
    /// `redis_url`, or the variable `REDIS_URL`: Redis's address. `None` for the file under the output folder.
    pub redis_url: Option<ServiceUrl>,
}

impl StoreConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let allowed = "must be an address such as redis://user:password@host:6379/0";
        let redis_url = section.parsed("redis_url", allowed, |text| ServiceUrl::parse(text, &["redis"]));
        section.finish();
        Self { redis_url }
    }
}
