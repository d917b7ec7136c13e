//! Patience with a store that does not serve.

use std::time::Duration;

use igentai_shared::store::StoreError;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Context;

const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(2);

/// What fails so often, in half a second, does not pass by itself.
const A_MOMENT: u32 = 3;

/// How it is called where troubles are told.
const COMMITTING: &str = "committing";

/// This process stops; what was not acknowledged comes again.
#[derive(Debug)]
pub(super) struct Stopping;

/// Asks the store, as often as it takes until it serves. Its last word, unless this process stops: then it is not known what happened. What
/// lasts longer than a moment is noted as a trouble, until it serves.
pub(super) async fn at_last<T, F>(
    context: &Context,
    stop: &CancellationToken,
    ask: impl Fn() -> F,
) -> Result<Result<T, StoreError>, Stopping>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut wait = RETRY_FIRST;
    let mut failures = 0;
    loop {
        match ask().await {
            Err(error) if error.is_transient() && failures < A_MOMENT => {
                warn!(error = %error, "the store does not serve and is asked again");
            }
            Err(error) if error.is_transient() => context.troubles.note(COMMITTING, &error.to_string()),
            answer => {
                context.troubles.clear(COMMITTING);
                return Ok(answer);
            }
        }
        failures += 1;
        tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Stopping),
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_LAST),
        }
    }
}
