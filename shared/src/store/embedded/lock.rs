//! The lock file: who has the store, for whoever comes second.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::clock::{Clock, SystemClock};
use crate::store::StoreError;

/// A lock that the operating system frees however the process ends. The text in it is for people: it is written after the lock is
/// held and counts only while it is held.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
    stamp: String,
}

impl LockFile {
    /// Takes the lock, or tells who has it.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // What cannot be read only makes the message poorer.
                let holder = file.read_to_string(&mut text).ok().and_then(|_| describe(&text));
                let holder = holder.unwrap_or_else(|| "another process, which is just starting,".to_owned());
                return Err(StoreError::Locked(format!(
                    "{holder} holds {}; end it first, or use another output folder",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let millis = i64::try_from(SystemClock::new().now().unix.0).unwrap_or(i64::MAX);
        let since = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
        let stamp = format!("{}\n{}\n{since}\n", std::process::id(), host());
        file.set_len(0).and_then(|()| file.write_all(stamp.as_bytes())).map_err(failed)?;
        Ok(Self { file, stamp })
    }

    /// Says where whoever holds it can be asked.
    pub(super) fn serves(&mut self, address: &str) -> std::io::Result<()> {
        self.file.write_all(format!("{address}\n").as_bytes())
    }

    /// Process, host and time of taking it.
    pub(super) fn stamp(&self) -> &str {
        &self.stamp
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Best effort: a stale text is not believed anyway once nobody holds the lock.
        drop(self.file.set_len(0));
        drop(self.file.unlock());
    }
}

/// The holder in words; `None` when the text is no holder's or left by a dead one, while its successor has not written its own yet.
fn describe(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let (pid, at, since) = (lines.next()?, lines.next()?, lines.next()?);
    let pid: u32 = pid.parse().ok()?;
    let proc = Path::new("/proc");
    let dead = at == host() && proc.join("self").exists() && !proc.join(pid.to_string()).exists();
    let serves = lines.next().map(|address| format!(" serving on {address}")).unwrap_or_default();
    (!dead).then(|| format!("process {pid} on host {at},{serves} since {since},"))
}

/// Where a living holder can be asked, as far as it says so.
pub(super) fn address(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    describe(&text)?;
    text.lines().nth(3).map(str::to_owned)
}

fn host() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_holder_left_is_not_believed() {
        assert_eq!(describe(&format!("4294967295\n{}\n2025-01-01T00:00:00Z\n", host())), None);
        assert_eq!(describe("12"), None);
        let alive = format!("{}\n{}\n2025-01-01T00:00:00Z\n", std::process::id(), host());
        assert!(describe(&alive).is_some_and(|text| text.contains("since 2025-01-01T00:00:00Z")));
    }

    #[test]
    fn a_holder_on_another_host_is_named() {
        let elsewhere = describe("4294967295\nelsewhere.example\n2025-01-01T00:00:00Z\n");
        assert!(elsewhere.is_some_and(|text| text.contains("host elsewhere.example")));
    }

    #[test]
    fn who_serves_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.lock");
        let mut held = LockFile::take(&path).unwrap();
        assert_eq!(address(&path), None);
        held.serves("http://127.0.0.1:8123").unwrap();
        assert_eq!(address(&path).as_deref(), Some("http://127.0.0.1:8123"));
        let Err(StoreError::Locked(text)) = LockFile::take(&path) else { unreachable!("it is held") };
        assert!(text.contains(", serving on http://127.0.0.1:8123 since 2"), "{text}");
        drop(held);
        assert_eq!(address(&path), None, "nobody holds it");
    }
}
