//! Waiting for a condition with a deadline.

use std::time::{Duration, Instant};

/// Between two looks at the condition. Short, since a look is cheap and recovery times are measured with it.
const PAUSE: Duration = Duration::from_millis(10);

/// The condition did not hold in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the condition did not hold within {deadline:?}")]
pub struct DeadlinePassed {
    /// How long was waited.
    pub deadline: Duration,
}

/// Waits until `condition` answers true and returns how long that took. The condition is looked at once at least.
///
/// A look that hangs is cut off at the deadline.
pub async fn eventually<F, Fut>(deadline: Duration, mut condition: F) -> Result<Duration, DeadlinePassed>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let started = Instant::now();
    until_some(deadline, || {
        let look = condition();
        async move { look.await.then_some(()) }
    })
    .await?;
    Ok(started.elapsed())
}

/// Waits until `look` answers `Some` and returns what it answered.
pub async fn until_some<T, F, Fut>(deadline: Duration, mut look: F) -> Result<T, DeadlinePassed>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let polling = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(deadline, polling).await.map_err(|_| DeadlinePassed { deadline })
}

/// [`eventually`] for `Drop`, where nothing can be awaited.
pub(crate) fn eventually_blocking(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if started.elapsed() >= deadline {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_condition_that_comes_true_is_seen() {
        let looks = Cell::new(0);
        let counted = || {
            looks.set(looks.get() + 1);
            let holds = looks.get() == 3;
            async move { holds }
        };
        let took = eventually(Duration::from_secs(10), counted).await.expect("true at the third look");
        assert_eq!(looks.get(), 3);
        assert!(took >= PAUSE * 2, "took {took:?}");
    }

    #[tokio::test]
    async fn a_look_that_hangs_is_cut_off_at_the_deadline() {
        let deadline = Duration::from_millis(50);
        let result = eventually(deadline, std::future::pending).await;
        assert_eq!(result, Err(DeadlinePassed { deadline }));
    }
}
