//! The synchronous engine: a group of requests on one write transaction, so with one fsync.

use std::sync::Arc;

use redb::Durability;
use tokio::sync::oneshot;

use super::damage::guarded;
use super::handle::Handle;
use super::tables::Tables;
use crate::store::StoreError;

/// Why a request did not get through.
#[derive(Debug)]
pub(super) enum Stop {
    /// The request is refused and has written nothing; its neighbours in the group go on.
    Refused(StoreError),
    /// The file failed; the group is given up as a whole.
    Failed(redb::Error),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

macro_rules! failed_from {
    ($($error:ty),*) => {$(
        impl From<$error> for Stop {
            fn from(error: $error) -> Self {
                Self::Failed(error.into())
            }
        }
    )*};
}

failed_from!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError);

impl Stop {
    /// For a caller for whom nothing was written.
    pub(super) fn nothing_happened(self) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Failed(error) => StoreError::Unavailable(error.to_string()),
        }
    }
}

/// A request that waits for its transaction.
pub(super) trait Job: Send {
    /// How much it counts towards a full group.
    fn weight(&self) -> usize;
    /// Does the work. An error other than a refusal ends the group.
    fn run(&mut self, tables: &mut Tables<'_>) -> Result<(), Stop>;
    /// Answers the caller, with `group` when the transaction did not become durable.
    fn answer(self: Box<Self>, group: Result<(), StoreError>);
}

/// A [`Job`] made of a function.
pub(super) struct Write<T, F> {
    weight: usize,
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Write<T, F> {
    pub(super) fn new(weight: usize, work: F) -> (Box<Self>, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { weight, work: Some(work), result: None, reply }), answer)
    }
}

impl<T: Send, F: FnOnce(&mut Tables<'_>) -> Result<T, Stop> + Send> Job for Write<T, F> {
    fn weight(&self) -> usize {
        self.weight
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> Result<(), Stop> {
        let Some(work) = self.work.take() else { return Ok(()) };
        match work(tables) {
            Ok(value) => self.result = Some(Ok(value)),
            Err(Stop::Refused(error)) => self.result = Some(Err(error)),
            Err(failed @ Stop::Failed(_)) => return Err(failed),
        }
        Ok(())
    }

    fn answer(self: Box<Self>, group: Result<(), StoreError>) {
        let result = match (self.result, group) {
            (Some(Err(refused)), _) => Err(refused),
            (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(StoreError::Unavailable("the request was not carried out".to_owned())),
        };
        // A caller that has given up asks again, and the redelivery is absorbed.
        drop(self.reply.send(result));
    }
}

/// The only writer of the file.
#[derive(Debug)]
pub(super) struct Engine {
    handle: Arc<Handle>,
    reopen: bool,
    transactions: u32,
}

/// In memory, every so many transactions redb is made to give the pages of the others free.
const VOLATILE: u32 = 64;

/// Rows of runs that are over removed in one transaction.
const SWEEP_ROWS: usize = 2_000;

impl Engine {
    pub(super) const fn new(handle: Arc<Handle>) -> Self {
        Self { handle, reopen: false, transactions: 0 }
    }

    /// Carries out a group of requests in order, on one transaction, and answers each.
    pub(super) fn apply(&mut self, mut group: Vec<Box<dyn Job>>) {
        let result = self.transact(|tables| group.iter_mut().try_for_each(|job| job.run(tables)));
        match result {
            Ok(()) => group.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(error) => {
                for job in group {
                    job.answer(Err(copy(&error)));
                }
            }
        }
    }

    /// Removes some rows of runs that are over. Whether there may be more.
    pub(super) fn sweep(&mut self) -> Result<bool, StoreError> {
        if !self.handle.read(super::read::has_garbage)? {
            return Ok(false);
        }
        let mut removed = 0;
        self.transact(|tables| {
            removed = super::sweep::sweep(tables, SWEEP_ROWS)?;
            Ok(())
        })?;
        Ok(removed > 0)
    }

    fn transact(&mut self, work: impl FnOnce(&mut Tables<'_>) -> Result<(), Stop>) -> Result<(), StoreError> {
        if self.reopen {
            self.handle.reopen()?;
            self.reopen = false;
        }
        let mut committing = false;
        self.transactions = self.transactions.wrapping_add(1);
        let volatile = self.handle.is_volatile();
        let durable = !volatile || self.transactions.is_multiple_of(VOLATILE);
        let result = self.handle.with(|database| {
            let mut transaction = database.begin_write()?;
            if !durable {
                // What ends with the process has nothing to gain from being safe on disk.
                drop(transaction.set_durability(Durability::None));
            }
            let mut tables = Tables::open(&transaction)?;
            let worked = if volatile { Ok(work(&mut tables)) } else { guarded(|| work(&mut tables)) };
            drop(tables);
            match worked {
                Ok(done) => done?,
                Err(panic) => {
                    // What it has written is taken back in order, so that the file is told from one that is damaged.
                    drop(transaction.abort());
                    panic.go_on();
                }
            }
            committing = true;
            Ok(transaction.commit()?)
        });
        result.map_err(|stop| {
            // After a failed write redb serves nothing more until the file is opened anew.
            self.reopen = matches!(stop, Stop::Failed(_));
            match stop {
                Stop::Failed(error) if committing => StoreError::Unknown(error.to_string()),
                Stop::Failed(_) | Stop::Refused(_) => stop.nothing_happened(),
            }
        })
    }
}

/// The same error for another request of the group.
fn copy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unknown(text) => StoreError::Unknown(text.clone()),
        StoreError::Corrupt(text) => StoreError::Corrupt(text.clone()),
        StoreError::Defect(text) => StoreError::Defect(text.clone()),
        StoreError::Unavailable(text) | StoreError::Unsafe(text) | StoreError::Locked(text) => {
            StoreError::Unavailable(text.clone())
        }
        StoreError::Fenced { .. }
        | StoreError::Replaced(_)
        | StoreError::Stale { .. }
        | StoreError::Conflict { .. }
        | StoreError::PutBack { .. } => StoreError::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
