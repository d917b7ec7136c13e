//! The open file: opened, opened anew after a failure, closed.

use std::fmt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, DatabaseError, Error, ReadTransaction, ReadableDatabase};
use tracing::warn;

use super::damage::{Damage, Fault, Panic, defect_in_words, guarded, in_words, is_damage};
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
    /// How the file is called where it is told of.
    file: String,
    damage: Damage,
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
        let file = path.display().to_string();
        let shown = file.clone();
        let opener = move || builder().create(&path).map_err(|error| open_error(error, &shown));
        Self::opened_by(opener, &file, Some(lock), &stamp)
    }

    /// A database that ends with the process. It cannot fail so that it would have to be opened anew.
    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let opener = || {
            builder().create_with_backend(InMemoryBackend::new()).map_err(|error| open_error(error, "memory"))
        };
        Ok(Self { volatile: true, ..Self::opened_by(opener, "memory", None, "in memory")? })
    }

    pub(super) const fn is_volatile(&self) -> bool {
        self.volatile
    }

    pub(super) fn opened_by(
        opener: impl Fn() -> Result<Database, StoreError> + Send + Sync + 'static,
        file: &str,
        lock: Option<LockFile>,
        stamp: &str,
    ) -> Result<Self, StoreError> {
        let database = sound(&opener, file)?;
        let handle = Self {
            database: RwLock::new(Some(database)),
            opener: Opener(Box::new(opener)),
            file: file.to_owned(),
            damage: Damage::default(),
            volatile: false,
            lock: RwLock::new(lock),
        };
        handle.prepare(stamp)?;
        Ok(handle)
    }

    /// Says where whoever holds the file can be asked.
    pub(super) fn serves(&self, address: &str) -> std::io::Result<()> {
        let mut lock = self.lock.write().unwrap_or_else(PoisonError::into_inner);
        lock.as_mut().map_or(Ok(()), |lock| lock.serves(address))
    }

    pub(super) const fn damage(&self) -> &Damage {
        &self.damage
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
        self.with(work).map_err(Stop::nothing_happened)
    }

    /// Runs `work` on the database, if it is open and sound.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Stop>) -> Result<T, Stop> {
        let why = {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            let Some(database) = database.as_ref() else { return Err(Stop::Refused(self.away())) };
            if self.volatile {
                return work(database);
            }
            match guarded(|| work(database)) {
                Ok(Err(Stop::Failed(error))) if is_damage(&error) => Ok(error),
                Ok(done) => return done,
                Err(panic) => Err(panic),
            }
        };
        self.leave(why);
        Err(Stop::Refused(self.away()))
    }

    /// Runs `work` on a snapshot of the database.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Stop>,
    ) -> Result<T, StoreError> {
        self.with(|database| work(&database.begin_read()?)).map_err(Stop::nothing_happened)
    }

    /// Opens the file anew after a failure.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        if let Some(error) = self.damage.error() {
            return Err(error);
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The old one holds the lock of the file until it is dropped.
        let old = database.take();
        let closed = guarded(|| drop(old)).map_err(|panic| damaged(&self.file, &panic));
        match closed.and_then(|()| sound(&self.opener.0, &self.file)) {
            Ok(again) => *database = Some(again),
            Err(StoreError::Corrupt(why)) => {
                self.damage.note(Fault::Damage(why));
                return Err(self.away());
            }
            Err(error) => return Err(StoreError::Unavailable(error.to_string())),
        }
        Ok(())
    }

    /// Ends the use of the file after an error that tells of damage, or a panic: a file that is sound is closed, a damaged one stays as it is, and nothing is brought
    /// to its end there. Whoever comes second finds it done.
    fn leave(&self, why: Result<Error, Panic>) {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let Some(mut left) = database.take() else { return };
        let fault = match why {
            Ok(error) => Fault::Damage(in_words(&self.file, &error.to_string())),
            Err(panic) => {
                let checked = guarded(|| left.check_integrity()).map(|checked| checked.map_err(Error::from));
                match checked {
                    Ok(Ok(true)) => Fault::Defect(defect_in_words(&self.file, &panic, "is sound")),
                    Ok(Err(error)) if !is_damage(&error) => {
                        let looked = format!("cannot be checked at the moment ({error})");
                        Fault::Defect(defect_in_words(&self.file, &panic, &looked))
                    }
                    Ok(Ok(false) | Err(_)) | Err(_) => {
                        Fault::Damage(in_words(&self.file, &panic.to_string()))
                    }
                }
            }
        };
        let stays = matches!(fault, Fault::Damage(_));
        self.damage.note(fault);
        if stays {
            std::mem::forget(left);
        } else if let Err(panic) = guarded(|| drop(left)) {
            warn!(file = self.file, panic = %panic, "the store could not be closed");
        }
    }

    /// Why there is no database.
    fn away(&self) -> StoreError {
        self.damage.error().unwrap_or_else(closed)
    }

    /// Closes the file and lets another process have it. Idempotent.
    pub(super) fn close(&self) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
        *self.lock.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Opens a database and looks at all of it.
fn sound(opener: &dyn Fn() -> Result<Database, StoreError>, file: &str) -> Result<Database, StoreError> {
    let mut database = guarded(opener).map_err(|panic| damaged(file, &panic))??;
    let checked = guarded(|| database.check_integrity()).map_err(|panic| damaged(file, &panic));
    match checked.and_then(|checked| checked.map_err(|error| open_error(error, file))) {
        Ok(true) => {}
        Ok(false) => warn!(file, "the store was damaged, and is put back to its last state that is whole"),
        Err(error @ StoreError::Corrupt(_)) => {
            // It stays as it is.
            std::mem::forget(database);
            return Err(error);
        }
        Err(error) => {
            guarded(|| drop(database)).map_err(|panic| damaged(file, &panic))?;
            return Err(error);
        }
    }
    Ok(database)
}

fn damaged(file: &str, panic: &Panic) -> StoreError {
    StoreError::Corrupt(in_words(file, &panic.to_string()))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Tells a file that can never be opened as it is from a disk that fails; either names the file.
pub(super) fn open_error(error: DatabaseError, file: &str) -> StoreError {
    if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
        return StoreError::Locked(format!("another process has {file} open; end it first"));
    }
    let error = Error::from(error);
    if is_damage(&error) {
        StoreError::Corrupt(in_words(file, &error.to_string()))
    } else {
        StoreError::Unavailable(format!("{file}: {error}"))
    }
}

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}
