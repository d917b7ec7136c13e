//! Whether the server may be trusted with the registry.

use std::collections::BTreeMap;

use crate::store::{StoreCheck, StoreError};

/// The first version with streams and their commands.
const OLDEST: u32 = 5;

/// What to say of a server that holds a part of the keys only.
pub(super) const CLUSTER: &str = "it is a Redis Cluster, and this version speaks with one server only; use one that runs without `cluster-enabled`";

/// Why a server takes no writes, and what helps.
const REPLICA: &str = "it is a replica, which takes no writes; promote it, or use the address of the primary";
const OUT_OF_MEMORY: &str = "its memory is used up, so it takes no writes; raise its maxmemory";
const DISK: &str =
    "it cannot write to its disk, so it takes no writes; make room there, and see its log for the cause";

/// What the code of a refused write means for people; `None` for codes that pass by themselves or speak for themselves.
pub(super) fn in_words(code: &str) -> Option<&'static str> {
    match code {
        "READONLY" => Some(REPLICA),
        "OOM" => Some(OUT_OF_MEMORY),
        "MISCONF" => Some(DISK),
        _ => None,
    }
}

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
    let mut refuses_writes = Vec::new();
    if field("role") == "slave" {
        refuses_writes.push(REPLICA);
    }
    let bytes = |name| field(name).parse::<u64>().unwrap_or_default();
    if bytes("maxmemory") > 0 && bytes("used_memory") > bytes("maxmemory") {
        refuses_writes.push(OUT_OF_MEMORY);
    }
    if field("aof_last_write_status") == "err" {
        refuses_writes.push(DISK);
    }
    Ok(StoreCheck {
        product: format!("Redis {version}"),
        instance: field("run_id").to_owned(),
        warnings,
        refuses_writes: refuses_writes.into_iter().map(str::to_owned).collect(),
    })
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
    fn what_keeps_a_server_from_taking_writes_is_told_with_what_helps() {
        let refuses = |more: &str| {
            let info = info("noeviction", "1").replace("role:master\r\n", "") + more;
            judge(&info, Some("always")).unwrap_or_default().refuses_writes.join("; ")
        };
        assert_eq!(
            refuses("role:master\r\nused_memory:9\r\nmaxmemory:0\r\naof_last_write_status:ok\r\n"),
            ""
        );
        assert!(refuses("role:slave\r\n").contains("address of the primary"));
        assert!(refuses("used_memory:9\r\nmaxmemory:8\r\n").contains("raise its maxmemory"));
        assert!(refuses("aof_last_write_status:err\r\n").contains("make room"));
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
