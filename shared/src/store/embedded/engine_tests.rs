use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use igentai_core::folder::TopicId;
use igentai_core::time::UnixMillis;
use igentai_core::topic::StartRequest;
use redb::{Builder, StorageBackend};

use super::*;
use crate::registry;
use crate::store::Store;
use crate::store::embedded::handle::open_error;
use crate::store::embedded::{EmbeddedStore, coordinate, read};
use crate::store::rows::{corrupt, encode_topic};

const PANICS: &str = "the books do not add up";

/// A disk that can be full.
#[derive(Clone, Debug, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn space(&self) -> io::Result<()> {
        if self.full.load(Ordering::Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = self.lock();
        let wanted = bytes.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(wanted);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.lock().resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.space()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.space()?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let mut bytes = self.lock();
        let target = bytes.get_mut(start..start + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        target.copy_from_slice(data);
        Ok(())
    }
}

fn open_run(engine: &mut Engine, topic: &TopicId, run: u64) -> Result<u64, StoreError> {
    let topic = topic.clone();
    let (job, mut answer) =
        Write::new(1, move |tables: &mut Tables<'_>| coordinate::open_run(tables, &topic, run, 1, None));
    engine.apply(vec![job]);
    answer
        .try_recv()
        .unwrap_or_else(|_| Err(StoreError::Unavailable("no answer".to_owned())))
        .map(|head| head.run)
}

#[test]
fn after_a_full_disk_the_file_is_opened_anew_and_nothing_confirmed_is_lost()
-> Result<(), Box<dyn std::error::Error>> {
    let disk = Disk::default();
    let opener = {
        let disk = disk.clone();
        move || Builder::new().create_with_backend(disk.clone()).map_err(|error| open_error(error, "disk"))
    };
    let handle = Arc::new(Handle::opened_by(opener, "disk", None, "test")?);
    let mut engine = Engine::new(Arc::clone(&handle));
    let topic = TopicId::from_name("rivers")?;
    assert_eq!(open_run(&mut engine, &topic, 1)?, 1);

    disk.full.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        let failed = open_run(&mut engine, &topic, 2);
        assert!(failed.as_ref().is_err_and(StoreError::is_transient), "{failed:?}");
    }

    disk.full.store(false, Ordering::Relaxed);
    assert_eq!(open_run(&mut engine, &topic, 3)?, 3);
    assert_eq!(handle.read(|transaction| read::head(transaction, &topic))?.run, 3);
    Ok(())
}

#[test]
fn a_refused_request_leaves_its_neighbours_alone() -> Result<(), Box<dyn std::error::Error>> {
    let handle = Arc::new(Handle::in_memory()?);
    let mut engine = Engine::new(Arc::clone(&handle));
    let topic = TopicId::from_name("rivers")?;
    let (mut group, mut answers): (Vec<Box<dyn Job>>, Vec<_>) = (Vec::new(), Vec::new());
    for run in [5, 4, 6] {
        let topic = topic.clone();
        let (job, answer) =
            Write::new(1, move |tables: &mut Tables<'_>| coordinate::open_run(tables, &topic, run, 1, None));
        group.push(job);
        answers.push(answer);
    }
    engine.apply(group);
    let refused: Vec<bool> = answers
        .iter_mut()
        .map(|answer| matches!(answer.try_recv(), Ok(Err(StoreError::Stale { .. }))))
        .collect();
    assert_eq!(refused, [false, true, false]);
    assert_eq!(handle.read(|transaction| read::head(transaction, &topic))?.run, 6);
    Ok(())
}

#[test]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
fn a_file_that_is_no_store_is_named_and_told_apart_from_a_folder_that_cannot_be_used() {
    use crate::store::embedded::EmbeddedStore;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("store.redb"), "these are somebody's notes, and no store").unwrap();
    let refused = EmbeddedStore::open(folder.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
    let said = refused.to_string();
    assert!(said.contains("store.redb") && said.contains("move it away"), "{said}");
    let refused = EmbeddedStore::open(&folder.path().join("store.redb")).unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
}

#[tokio::test]
async fn a_definition_that_cannot_be_read_stands_in_the_way_of_no_other() -> Result<(), StoreError> {
    let store = EmbeddedStore::in_memory()?;
    let request = StartRequest { name: "rivers".to_owned(), ..StartRequest::default() };
    let started = registry::start(store.as_ref(), &request, UnixMillis(1)).await;
    let rivers = started.map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let record = encode_topic(&rivers)?;
    let spoil = move |tables: &mut Tables<'_>| {
        tables.topics.insert("zzz", b"garbage".as_slice())?;
        // A record that stands under another topic's id is nobody's.
        tables.topics.insert("moors", record.as_slice())?;
        Ok(())
    };
    store.write(1, spoil).await?;
    assert_eq!(store.topics().await?, [rivers]);
    let alone = store.topic(&TopicId::from_name("zzz").map_err(corrupt)?).await;
    assert!(matches!(alone, Err(StoreError::Corrupt(_))), "{alone:?}");
    Ok(())
}

#[test]
fn damage_is_final_and_told_with_the_file_and_what_helps() -> Result<(), Box<dyn std::error::Error>> {
    let disk = Disk::default();
    let opener = {
        let disk = disk.clone();
        // Nothing is remembered, so that every page is read from the disk.
        move || {
            let made = Builder::new().set_cache_size(0).create_with_backend(disk.clone());
            made.map_err(|error| open_error(error, "disk"))
        }
    };
    let handle = Arc::new(Handle::opened_by(opener, "disk", None, "test")?);
    let mut engine = Engine::new(Arc::clone(&handle));
    let topic = TopicId::from_name("rivers")?;
    assert_eq!(open_run(&mut engine, &topic, 1)?, 1);
    let sound = disk.lock().clone();
    disk.lock().iter_mut().skip(4_096).enumerate().for_each(|(place, byte)| {
        *byte = u8::try_from(place * 7_919 % 251).unwrap_or_default();
    });
    let damaged = disk.lock().clone();
    let first = open_run(&mut engine, &topic, 2);
    // What is sound again by chance is not believed any more.
    *disk.lock() = sound;
    let then = [open_run(&mut engine, &topic, 3).map(drop), handle.read(|_| Ok(())), handle.reopen()];
    for answer in [first.map(drop)].into_iter().chain(then) {
        let Err(StoreError::Corrupt(said)) = answer else { return Err(format!("{answer:?}").into()) };
        assert!(said.starts_with("disk is damaged") && said.contains("igentai repair"), "{said}");
        assert!(matches!(handle.damage().error(), Some(StoreError::Corrupt(known)) if known == said));
    }
    *disk.lock() = damaged.clone();
    drop((engine, handle));
    assert_eq!(*disk.lock(), damaged, "it stays as it is");
    Ok(())
}

/// Writes a row, and panics before that is confirmed.
#[expect(clippy::panic, reason = "that is what is tested")]
fn panic_in_a_write(engine: &mut Engine) -> Result<(), StoreError> {
    let (job, mut answer) = Write::new(1, move |tables: &mut Tables<'_>| -> Result<(), Stop> {
        tables.topics.insert("moors", b"half a record".as_slice())?;
        std::panic::panic_any(PANICS)
    });
    engine.apply(vec![job]);
    answer.try_recv().unwrap_or_else(|_| Err(StoreError::Unavailable("no answer".to_owned())))
}

#[expect(clippy::panic, reason = "that is what is tested")]
fn panic_in_a_read(handle: &Handle) -> Result<(), StoreError> {
    handle.read(|_| std::panic::panic_any(PANICS))
}

fn handle_on(disk: &Disk, file: &str) -> Result<Arc<Handle>, StoreError> {
    let disk = disk.clone();
    let opener =
        move || Builder::new().create_with_backend(disk.clone()).map_err(|error| open_error(error, "disk"));
    Handle::opened_by(opener, file, None, "test").map(Arc::new)
}

#[test]
fn a_panic_over_a_sound_file_is_a_defect_that_is_told_with_its_place_and_ends_the_writing()
-> Result<(), Box<dyn std::error::Error>> {
    for writes in [true, false] {
        let disk = Disk::default();
        let handle = handle_on(&disk, "disk")?;
        let mut engine = Engine::new(Arc::clone(&handle));
        let topic = TopicId::from_name("rivers")?;
        assert_eq!(open_run(&mut engine, &topic, 1)?, 1);
        let first = if writes { panic_in_a_write(&mut engine) } else { panic_in_a_read(&handle) };
        let left = disk.lock().clone();
        let then = [open_run(&mut engine, &topic, 2).map(drop), handle.read(|_| Ok(())), handle.reopen()];
        for answer in [first].into_iter().chain(then) {
            let Err(StoreError::Defect(said)) = answer else { return Err(format!("{answer:?}").into()) };
            assert!(said.starts_with(&format!("{PANICS}, at {}:", file!())), "{said}");
            assert!(said.contains("disk is sound") && !said.contains("damaged"), "{said}");
        }
        drop((engine, handle));
        assert_eq!(*disk.lock(), left, "nothing more is written");
        let again = handle_on(&disk, "disk")?;
        assert_eq!(again.read(|transaction| read::head(transaction, &topic))?.run, 1);
        assert!(again.read(read::topics)?.is_empty());
    }
    Ok(())
}

#[test]
fn a_panic_over_a_damaged_file_is_damage_and_told_with_its_place() -> Result<(), Box<dyn std::error::Error>> {
    let disk = Disk::default();
    let handle = handle_on(&disk, "disk")?;
    let mut engine = Engine::new(Arc::clone(&handle));
    let topic = TopicId::from_name("rivers")?;
    assert_eq!(open_run(&mut engine, &topic, 1)?, 1);
    spoil(&disk, b"rivers");
    let Err(StoreError::Corrupt(said)) = panic_in_a_read(&handle) else { return Err("no damage".into()) };
    assert!(said.starts_with("disk is damaged") && said.contains("igentai repair"), "{said}");
    Ok(())
}

/// Changes a byte wherever these stand.
fn spoil(disk: &Disk, bytes: &[u8]) {
    let mut all = disk.lock();
    let found: Vec<usize> =
        all.windows(bytes.len()).enumerate().filter(|(_, some)| *some == bytes).map(|(at, _)| at).collect();
    assert!(!found.is_empty());
    for at in found {
        all[at] ^= 1;
    }
}

#[test]
fn a_file_that_is_opened_anew_is_looked_at_whole() -> Result<(), Box<dyn std::error::Error>> {
    let disk = Disk::default();
    let handle = handle_on(&disk, "disk")?;
    let mut engine = Engine::new(Arc::clone(&handle));
    assert_eq!(open_run(&mut engine, &TopicId::from_name("rivers")?, 1)?, 1);
    handle.reopen()?;
    spoil(&disk, b"rivers");
    let refused = handle.reopen();
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    Ok(())
}
