//! The scripts, each with its digest.

use std::sync::LazyLock;

/// A script as the server knows it.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) code: &'static str,
    pub(super) digest: String,
}

/// A script whose digest is reckoned when it is first used.
pub(super) type Lazy = LazyLock<Script>;

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {$(
        pub(super) static $name: Lazy = LazyLock::new(|| {
            let code = include_str!(concat!("scripts/", $file));
            let digest = deadpool_redis::redis::Script::new(code).get_hash().to_owned();
            Script { code, digest }
        });
    )*};
}

scripts! {
    COMMIT = "commit.lua";
    CLAIM = "claim.lua";
    ALL_CLAIMED = "all_claimed.lua";
    SETTLE = "settle.lua";
    OPEN_RUN = "open_run.lua";
    HEAD = "head.lua";
    PAGE = "page.lua";
    FIND = "find.lua";
    PUT_TOPIC = "put_topic.lua";
    SAVE_CHECKPOINTS = "save_checkpoints.lua";
    CHECKPOINT = "checkpoint.lua";
    TAKE_LEASE = "take_lease.lua";
    MOVE_LEASE = "move_lease.lua";
    IDENTITY = "identity.lua";
}
