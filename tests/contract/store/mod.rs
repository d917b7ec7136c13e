//! The store port, on the embedded store with a file, the one in memory, and a real Redis with either layout.

mod attempts;
mod batches;
mod caps;
mod commits;
mod concurrency;
mod coordination;
mod embedded_faults;
mod identity;
mod leases;
mod model;
mod properties;
mod put_back;
mod reads;
mod redis_faults;
mod redis_transactions;
mod seeds;
mod subject;
mod texts;

/// One test per case and adapter.
macro_rules! on_every_adapter {
    ($($case:ident),* $(,)?) => {
        mod embedded_file {
            $(#[tokio::test] async fn $case() { super::$case(crate::store::subject::embedded_file()).await; })*
        }
        mod embedded_in_memory {
            $(#[tokio::test] async fn $case() { super::$case(crate::store::subject::in_memory()).await; })*
        }
        mod redis {
            $(#[tokio::test] async fn $case() { super::$case(crate::store::subject::redis().await).await; })*
        }
        mod redis_compact {
            $(#[tokio::test] async fn $case() { super::$case(crate::store::subject::redis_compact().await).await; })*
        }
    };
}
use on_every_adapter;
