//! What every run of the real roles in virtual time stands on, with faults or without.

use igentai_core::cost::Price;
use igentai_core::time::UnixMillis;
use igentai_shared::config::providers::{KeySource, ProviderConfig, ProviderKind};

/// When a run begins.
pub const MORNING: UnixMillis = UnixMillis(1_700_000_000_000);

/// Longest answer of a scripted provider, in tokens.
pub const MAX_OUTPUT_TOKENS: u32 = 4_096;

/// Does something in one thread and in virtual time, which passes when all wait.
///
/// What it needs of clocks is made in there: outside, a clock would begin at the real time, and be late by what that is ahead of the runtime's.
#[expect(clippy::missing_panics_doc, reason = "a runtime without I/O can always be made")]
pub fn in_virtual_time<T>(work: impl AsyncFnOnce() -> T) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(work())
}

/// The configuration of a provider that is a script in this process.
#[must_use]
pub fn scripted_provider(name: &str, price: Price) -> ProviderConfig {
    ProviderConfig {
        name: name.to_owned(),
        kind: ProviderKind::OpenAi,
        base_url: "http://model.invalid/v1".to_owned(),
        model: "scripted".to_owned(),
        key_source: KeySource::None,
        key: None,
        weight: 1.0,
        price,
        price_known: true,
        max_concurrency: 8,
        requests_per_minute: None,
        timeout_seconds: 10.0,
        temperature: 1.0,
        max_output_tokens: MAX_OUTPUT_TOKENS,
    }
}
