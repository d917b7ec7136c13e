//! Shutdown in two phases, with a deadline, and with every task accounted for.
//!
//! Phase one, *stop*: take no new work, finish or abandon what is under way, say goodbye. Phase two, *now*: leave. The first SIGINT,
//! SIGTERM or SIGHUP begins phase one, the second begins phase two at once, and so does the end of the grace period.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod signals;

use signals::Signals;

/// What a role's tasks share to stop together. Clones are handles to the same shutdown.
#[derive(Clone, Debug)]
pub struct Shutdown {
    stop: CancellationToken,
    now: CancellationToken,
    tracker: TaskTracker,
    tasks: Arc<Mutex<Tasks>>,
}

#[derive(Debug, Default)]
struct Tasks {
    next: u64,
    running: BTreeMap<u64, String>,
    panicked: Vec<String>,
    ended_early: Vec<String>,
    patience: Option<Duration>,
}

/// How a shutdown went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Names of the tasks that did not end in time, oldest first. They end with the process.
    pub left: Vec<String>,
    /// Names of the tasks that panicked in the whole life of this process.
    pub panicked: Vec<String>,
    /// Names of the vital tasks that ended although nobody had asked them to; the first of them began phase one.
    pub ended_early: Vec<String>,
    /// Whether phase two was needed.
    pub hurried: bool,
}

impl ShutdownReport {
    /// Whether every task ended by itself in phase one.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.left.is_empty() && self.panicked.is_empty() && self.ended_early.is_empty() && !self.hurried
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.hurried { "stopped in a hurry" } else { "stopped in order" })?;
        if !self.ended_early.is_empty() {
            write!(f, " since this ended by itself: {}", self.ended_early.join(", "))?;
        }
        if !self.left.is_empty() {
            write!(f, "; did not end in time: {}", self.left.join(", "))?;
        }
        if !self.panicked.is_empty() {
            write!(f, "; panicked: {}", self.panicked.join(", "))?;
        }
        Ok(())
    }
}

/// Signals that come so soon after the first are no second one. Nobody presses a key twice as quickly.
const SAME_WISH: Duration = Duration::from_millis(50);

/// Why signals cannot be listened to.
#[derive(Debug, thiserror::Error)]
#[error("the handlers for SIGINT, SIGTERM and SIGHUP could not be installed")]
pub struct ListenError(#[from] std::io::Error);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// One that nobody asked for yet.
    #[must_use]
    pub fn new() -> Self {
        let stop = CancellationToken::new();
        Self { stop, now: CancellationToken::new(), tracker: TaskTracker::new(), tasks: Arc::default() }
    }

    /// Cancelled when phase one begins: take no new work.
    #[must_use]
    pub const fn stop_token(&self) -> &CancellationToken {
        &self.stop
    }

    /// Cancelled when phase two begins: leave at once. It implies phase one.
    #[must_use]
    pub const fn now_token(&self) -> &CancellationToken {
        &self.now
    }

    /// Begins phase one.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Begins phase two, and phase one if it had not begun.
    pub fn now(&self) {
        self.stop.cancel();
        self.now.cancel();
    }

    /// Whether phase one has begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// How long phase one lasts at most, where whoever asked for it does not wait longer.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        lock(&self.tasks).patience
    }

    /// Starts a task that [`Shutdown::finish`] waits for. The name is for the report; several tasks may have the same.
    pub fn spawn<F>(&self, name: impl Into<String>, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let entry = Entry::new(&self.tasks, name.into());
        self.tracker.spawn(async move {
            let _entry = entry;
            task.await
        })
    }

    /// Watches over a task without which the process is of no use. When it ends or panics before `asked` or phase one, phase one begins, so that
    /// whoever supervises the process starts it anew, and the task is named in [`Shutdown::ended_early`].
    pub fn vital<F: Future>(
        &self,
        name: &str,
        asked: CancellationToken,
        task: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let watch = Vital { shutdown: self.clone(), name: name.to_owned(), asked };
        async move {
            let _watch = watch;
            task.await
        }
    }

    /// Names of the vital tasks that ended although nobody had asked them to.
    #[must_use]
    pub fn ended_early(&self) -> Vec<String> {
        lock(&self.tasks).ended_early.clone()
    }

    /// Listens to SIGINT, SIGTERM and SIGHUP from here on: the first begins phase one, the second phase two. After SIGTERM or SIGHUP phase two
    /// begins by itself when `patience` is over, if it is given: who sends them does not wait for ever, and kills.
    pub fn listen(&self, patience: Option<Duration>) -> Result<(), ListenError> {
        let signals = Signals::new()?;
        let shutdown = self.clone();
        // The listener lives as long as the process and is no work to wait for: it is not tracked.
        #[expect(clippy::disallowed_methods, reason = "this is the home of tracked tasks")]
        drop(tokio::spawn(async move { shutdown.obey(signals, patience).await }));
        Ok(())
    }

    async fn obey(&self, mut signals: Signals, patience: Option<Duration>) {
        let Some(signal) = signals.next().await else { return };
        if !self.is_stopping() {
            tracing::info!(signal = signal.name(), "stopping; a second signal leaves at once");
            let patience = patience.filter(|_| signal.announces_a_kill());
            lock(&self.tasks).patience = patience;
            self.stop();
            // A supervisor may send the same signal to the process and to its group: that is one wish.
            let repeated = async { while signals.next().await.is_some() {} };
            tokio::time::timeout(SAME_WISH, repeated).await.unwrap_or_default();
            let over = async {
                match patience {
                    Some(patience) => tokio::time::sleep(patience).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Who ends at once says so in its own words.
                _ = signals.next() => tracing::debug!("second signal: leaving at once"),
                () = over => tracing::info!("the patience of who asked to stop may be over: leaving at once"),
            }
        }
        self.now();
        // What is not listened to any more would end the process as it is.
        while signals.next().await.is_some() {}
    }

    /// Waits for phase one, then for the tasks: for `grace`, or until phase two begins if that is sooner, and then, in phase two, for `last`
    /// more. So it returns at the latest `grace + last` after phase one began, whatever the tasks do.
    pub async fn finish(&self, grace: Duration, last: Duration) -> ShutdownReport {
        self.stop.cancelled().await;
        self.tracker.close();
        let in_order = tokio::select! {
            biased;
            () = self.tracker.wait() => true,
            () = self.now.cancelled() => false,
            () = tokio::time::sleep(grace) => false,
        };
        if !in_order {
            self.now();
            // Whoever has not ended after this is in the report.
            tokio::time::timeout(last, self.tracker.wait()).await.unwrap_or_default();
        }
        let tasks = lock(&self.tasks);
        ShutdownReport {
            left: tasks.running.values().cloned().collect(),
            panicked: tasks.panicked.clone(),
            ended_early: tasks.ended_early.clone(),
            hurried: !in_order,
        }
    }
}

/// Notices the end of a vital task, in whatever way it ends.
struct Vital {
    shutdown: Shutdown,
    name: String,
    asked: CancellationToken,
}

impl Drop for Vital {
    fn drop(&mut self) {
        if self.asked.is_cancelled() || self.shutdown.is_stopping() {
            return;
        }
        tracing::error!(
            task = self.name,
            "a task that this process is there for has ended by itself; stopping"
        );
        lock(&self.shutdown.tasks).ended_early.push(std::mem::take(&mut self.name));
        self.shutdown.stop();
    }
}

/// A task's place in the list, given back when the task ends in whatever way.
struct Entry {
    tasks: Arc<Mutex<Tasks>>,
    number: u64,
}

impl Entry {
    fn new(tasks: &Arc<Mutex<Tasks>>, name: String) -> Self {
        let mut list = lock(tasks);
        let number = list.next;
        list.next += 1;
        list.running.insert(number, name);
        drop(list);
        Self { tasks: Arc::clone(tasks), number }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut tasks = lock(&self.tasks);
        if let Some(name) = tasks.running.remove(&self.number)
            && std::thread::panicking()
        {
            tasks.panicked.push(name);
        }
    }
}

fn lock(tasks: &Mutex<Tasks>) -> MutexGuard<'_, Tasks> {
    tasks.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
