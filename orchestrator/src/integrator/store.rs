//! Patience with a store that does not serve.

use std::time::Duration;

use igentai_shared::store::StoreError;
use tokio_util::sync::CancellationToken;
use tracing::warn;

const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(2);

/// This process stops; what was not acknowledged comes again.
#[derive(Debug)]
pub(super) struct Stopping;

/// Asks the store, as often as it takes until it serves. Its last word, unless this process stops: then it is not known what happened.
pub(super) async fn at_last<T, F>(
    stop: &CancellationToken,
    ask: impl Fn() -> F,
) -> Result<Result<T, StoreError>, Stopping>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut wait = RETRY_FIRST;
    loop {
        match ask().await {
            Err(error) if error.is_transient() => {
                warn!(error = %error, "the store does not serve and is asked again");
            }
            answer => return Ok(answer),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Stopping),
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_LAST),
        }
    }
}
