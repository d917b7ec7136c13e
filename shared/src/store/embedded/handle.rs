//! The open file: opened, opened anew after a failure, closed.

use std::fmt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageError};

use super::engine::Stop;
use super::lock::LockFile;
use super::tables::{FORMAT, INSTANCE, Tables, VERSION};
use crate::store::StoreError;

/// Pages of the file kept in memory. The set's working set is small, and an idle process stays below 50 MB.
const CACHE_BYTES: usize = 16 << 20;

/// The database, shared by the writer and the readers.
#[derive(Debug)]
pub(super) struct Handle {
    database: RwLock<Option<Database>>,
    opener: Opener,
    /// It ends with the process.
    volatile: bool,
    lock: RwLock<Option<LockFile>>,
}

/// Opens the database, each time it has to be.
struct Opener(Box<dyn Fn() -> Result<Database, StoreError> + Send + Sync>);

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}

impl Handle {
    /// Opens or makes the file, which `lock` guards.
    pub(super) fn open(path: &Path, lock: LockFile) -> Result<Self, StoreError> {
        let stamp = lock.stamp().to_owned();
        let path = path.to_owned();
        let shown = path.display().to_string();
        let opener = move || builder().create(&path).map_err(|error| open_error(&error, &shown));
        Self::opened_by(opener, Some(lock), &stamp)
    }

    /// A database that ends with the process. It cannot fail so that it would have to be opened anew.
    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let opener = || {
            builder()
                .create_with_backend(InMemoryBackend::new())
                .map_err(|error| open_error(&error, "memory"))
        };
        Ok(Self { volatile: true, ..Self::opened_by(opener, None, "in memory")? })
    }

    pub(super) const fn is_volatile(&self) -> bool {
        self.volatile
    }

    pub(super) fn opened_by(
        opener: impl Fn() -> Result<Database, StoreError> + Send + Sync + 'static,
        lock: Option<LockFile>,
        stamp: &str,
    ) -> Result<Self, StoreError> {
        let database = RwLock::new(Some(opener()?));
        let handle =
            Self { database, opener: Opener(Box::new(opener)), volatile: false, lock: RwLock::new(lock) };
        handle.prepare(stamp)?;
        Ok(handle)
    }

    /// Makes the tables, so that every read finds them, and refuses a file of another format.
    fn prepare(&self, stamp: &str) -> Result<(), StoreError> {
        let work = |database: &Database| {
            let transaction = database.begin_write()?;
            let mut tables = Tables::open(&transaction)?;
            match tables.setting::<u64>(VERSION)? {
                Some(FORMAT) => {}
                Some(other) => {
                    return Err(Stop::Refused(StoreError::Corrupt(format!(
                        "the file has format {other}, this version reads format {FORMAT}; use the version that wrote it"
                    ))));
                }
                None => {
                    tables.set_setting(VERSION, &FORMAT)?;
                    tables.set_setting(INSTANCE, &stamp)?;
                }
            }
            drop(tables);
            Ok(transaction.commit()?)
        };
        self.with(work)?.map_err(Stop::nothing_happened)
    }

    /// Runs `work` on the database, if it is open.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Database) -> T) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        database.as_ref().map(work).ok_or_else(closed)
    }

    /// Runs `work` on a snapshot of the database.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Stop>,
    ) -> Result<T, StoreError> {
        self.with(|database| work(&database.begin_read()?))?.map_err(Stop::nothing_happened)
    }

    /// Opens the file anew after a failure.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The old one holds the lock of the file until it is dropped.
        drop(database.take());
        let again = (self.opener.0)().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        *database = Some(again);
        Ok(())
    }

    /// Closes the file and lets another process have it. Idempotent.
    pub(super) fn close(&self) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
        *self.lock.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Tells a file that can never be opened as it is from a disk that fails; either names the file.
pub(super) fn open_error(error: &DatabaseError, file: &str) -> StoreError {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
        return StoreError::Locked(format!("another process has {file} open; end it first"));
    }
    let garbled = matches!(error, DatabaseError::Storage(StorageError::Io(io)) if matches!(io.kind(), InvalidData | UnexpectedEof));
    let damaged = matches!(
        error,
        DatabaseError::Storage(StorageError::Corrupted(_))
            | DatabaseError::RepairAborted
            | DatabaseError::UpgradeRequired(_)
    );
    if garbled || damaged {
        StoreError::Corrupt(format!(
            "{file} is no store of igentai, or is damaged ({error}); restore it from a copy, or move it away to begin anew"
        ))
    } else {
        StoreError::Unavailable(format!("{file}: {error}"))
    }
}

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}
