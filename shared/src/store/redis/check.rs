//! Whether the server may be trusted with the registry.

use std::collections::BTreeMap;

use crate::store::{StoreCheck, StoreError};

/// The first version with streams and their commands.
const OLDEST: u32 = 5;

/// What to say of a server that holds a part of the keys only.
pub(super) const CLUSTER: &str = "it is a Redis Cluster, and this version speaks with one server only; use one that runs without `cluster-enabled`";

/// Judges the answer to `INFO`, and `appendfsync` where the server tells it.
pub(super) fn judge(info: &str, appendfsync: Option<&str>) -> Result<StoreCheck, StoreError> {
    let fields: BTreeMap<&str, &str> =
        info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    let version = field("redis_version");
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
    if major < OLDEST {
        return Err(StoreError::Unsafe(format!("Redis {version} is too old; use version {OLDEST} or newer")));
    }
    if field("cluster_enabled") == "1" {
        return Err(StoreError::Unsafe(CLUSTER.to_owned()));
    }
    let policy = field("maxmemory_policy");
    if policy != "noeviction" {
        return Err(StoreError::Unsafe(format!(
            "its maxmemory-policy is `{policy}`, so it may drop what was committed; set it with \
             `CONFIG SET maxmemory-policy noeviction` and in redis.conf"
        )));
    }
    let mut warnings = Vec::new();
    if field("aof_enabled") != "1" {
        warnings.push(
            "appendonly is off: a restart of Redis can lose commits; set `appendonly yes` and `appendfsync always`"
                .to_owned(),
        );
    } else if let Some(setting) = appendfsync {
        if setting != "always" {
            warnings.push(format!(
                "appendfsync is `{setting}`: a crash can lose the last commits; set `appendfsync always`"
            ));
        }
    } else {
        warnings.push("appendfsync cannot be read; make sure that it is `always`".to_owned());
    }
    if field("role") == "slave" {
        warnings.push("it is a replica, which refuses writes; use the address of the primary".to_owned());
    }
    Ok(StoreCheck { product: format!("Redis {version}"), instance: field("run_id").to_owned(), warnings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(policy: &str, aof: &str) -> String {
        format!(
            "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\nmaxmemory_policy:{policy}\r\naof_enabled:{aof}\r\nrole:master\r\n"
        )
    }

    #[test]
    fn a_server_that_may_evict_is_refused_with_what_to_change() {
        let refused = judge(&info("allkeys-lru", "1"), Some("always"));
        assert!(matches!(refused, Err(StoreError::Unsafe(text)) if text.contains("noeviction")));
    }

    #[test]
    fn a_server_of_a_cluster_is_refused() {
        let cluster = |enabled: u8| {
            judge(&format!("{}cluster_enabled:{enabled}\r\n", info("noeviction", "1")), Some("always"))
        };
        assert!(cluster(0).is_ok());
        assert!(matches!(cluster(1), Err(StoreError::Unsafe(text)) if text.contains("cluster-enabled")));
    }

    #[test]
    fn weaker_durability_is_a_warning() {
        let warnings =
            |aof, fsync| judge(&info("noeviction", aof), fsync).map(|check| check.warnings.len()).ok();
        assert_eq!(warnings("1", Some("always")), Some(0));
        assert_eq!(warnings("1", Some("everysec")), Some(1));
        assert_eq!(warnings("1", None), Some(1));
        assert_eq!(warnings("0", Some("always")), Some(1));
    }
}
