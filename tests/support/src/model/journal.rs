//! What really happened, as seen by the service: the truth that a run is checked against.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// One request for a completion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 0, in the order of arrival.
    pub number: u64,
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its headers, without those that carry a key.
    pub headers: BTreeMap<String, String>,
    /// [`key_hash`] of the key, if there was one.
    pub key_hash: Option<String>,
    /// The model asked.
    pub model: String,
    /// The texts of all messages, a line break between them.
    pub prompt: String,
    /// What the service did, by the name of the behaviour.
    pub behaviour: String,
    /// Whether a whole answer was handed to the connection. The client may be gone all the same.
    pub answered: bool,
    /// The items named in the answer, as they are in the catalogue.
    pub items: Vec<String>,
    /// Counted into the answer's usage, 0 unless answered.
    pub prompt_tokens: u64,
    /// Counted into the answer's usage, 0 unless answered.
    pub completion_tokens: u64,
}

/// A fingerprint of a key, to see which key was used without keeping it (FNV-1a, 64 bits, in hexadecimal).
#[must_use]
pub fn key_hash(key: &str) -> String {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The entries, in memory and, if asked for, as a line of JSON each in a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Vec<Entry>,
    file: Option<File>,
}

impl Journal {
    pub(super) fn new(file: Option<&Path>) -> io::Result<Self> {
        let file = file.map(|path| File::options().create(true).append(true).open(path)).transpose()?;
        Ok(Self { inner: Arc::new(Mutex::new(Inner { entries: Vec::new(), file })) })
    }

    /// Writes a request down in memory. It gets its number here, and goes to the file when the handle is dropped:
    /// when it is answered, or when its connection ended before.
    pub(super) fn open(&self, mut entry: Entry) -> Open {
        let mut inner = self.lock();
        entry.number = inner.entries.len() as u64;
        let number = inner.entries.len();
        inner.entries.push(entry);
        Open { journal: self.clone(), number }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    pub(super) fn sum(&self, count: impl Fn(&Entry) -> u64) -> u64 {
        self.lock().entries.iter().map(count).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being dealt with.
#[derive(Debug)]
pub(super) struct Open {
    journal: Journal,
    number: usize,
}

impl Open {
    pub(super) fn number(&self) -> u64 {
        self.number as u64
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.journal.lock().entries.get_mut(self.number) {
            change(entry);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut inner = self.journal.lock();
        let Some(line) = inner.entries.get(self.number).and_then(|entry| serde_json::to_string(entry).ok())
        else {
            return;
        };
        if let Some(file) = &mut inner.file {
            // One write a line, so that a reader sees whole lines. A full disk shows as lines that are missing.
            file.write_all(format!("{line}\n").as_bytes()).ok();
        }
    }
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
