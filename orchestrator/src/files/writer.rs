//! The thread that writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::{fs, io};

use igentai_core::folder::TopicId;
use igentai_core::ids::{Epoch, Run};
use igentai_core::status::TopicStatus;
use igentai_core::topic::Topic;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::{error, info};

use super::output::OutputFile;
use super::{Behind, Job, Style, atomic, folder, list_path, reports};

/// So many new lines are brought to disk at once, whatever the interval.
const SYNC_LINES: u64 = 10;

struct Desk<'a> {
    style: Style,
    lists: BTreeMap<TopicId, OutputFile>,
    behind: &'a Behind,
    /// Newest status of each topic that is not in its files yet.
    statuses: BTreeMap<TopicId, TopicStatus>,
    complained: bool,
}

/// Does jobs until their sender is gone.
pub(super) fn write(style: Style, mut queue: mpsc::Receiver<Job>, behind: &Behind, runtime: &Handle) {
    let interval = style.sync_interval;
    let mut desk =
        Desk { style, lists: BTreeMap::new(), behind, statuses: BTreeMap::new(), complained: false };
    let mut jobs = Vec::new();
    let mut due = runtime.block_on(async { tokio::time::interval(interval) });
    loop {
        let received = runtime.block_on(async {
            tokio::select! {
                biased;
                _ = due.tick() => None,
                received = queue.recv_many(&mut jobs, super::WAITING) => Some(received),
            }
        });
        let over = received == Some(0);
        let idle = received.is_none() || over;
        let mut flushed = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Open(topic) => desk.open(&topic),
                Job::Lines { topic, first, texts } => desk.lines(&topic, first, &texts),
                Job::Status(status) => {
                    desk.statuses.insert(status.topic.id.clone(), *status);
                }
                Job::Global { topics, producers, now } => desk.global(&topics, producers, now),
                Job::Flush(done) => flushed.push(done),
            }
        }
        desk.sync(idle || !flushed.is_empty());
        for done in flushed {
            if done.send(()).is_err() {
                info!("nobody waits for the files any more");
            }
        }
        if over {
            return;
        }
    }
}

impl Desk<'_> {
    fn open(&mut self, topic: &Topic) {
        self.set_behind(&topic.id, None);
        match prepare(&self.style, topic) {
            Ok(list) => {
                self.lists.insert(topic.id.clone(), list);
            }
            Err(error) => self.complain(&topic.id, &error),
        }
    }

    fn lines(&mut self, topic: &TopicId, first: u64, texts: &[String]) {
        if let Some(list) = self.lists.get_mut(topic) {
            list.push(first, texts);
        }
    }

    fn sync(&mut self, all: bool) {
        let due: Vec<TopicId> = self
            .lists
            .iter()
            .filter(|(_, list)| {
                list.is_behind()
                    || list.unsynced() >= SYNC_LINES
                    || (all && list.unsynced() > 0)
                    || list.last() == 0
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            let Some(list) = self.lists.get_mut(&id) else { continue };
            match list.sync() {
                Ok(()) => {
                    let behind = list.is_behind().then(|| list.last());
                    self.complained = false;
                    self.set_behind(&id, behind);
                }
                Err(error) => {
                    let written = list.last();
                    self.set_behind(&id, Some(written));
                    self.complain(&id, &error);
                }
            }
        }
        for (id, status) in std::mem::take(&mut self.statuses) {
            if fence(&self.style, old_state(&folder(&self.style.out, &id)).as_ref()).is_err() {
                continue;
            }
            if let Err(error) =
                reports::write(&folder(&self.style.out, &id), &status, &self.style.default_weights)
            {
                self.complain(&id, &error);
            }
            if status.topic.state.is_ended() && self.lists.get(&id).is_some_and(|list| list.unsynced() == 0) {
                self.lists.remove(&id);
            }
        }
    }

    fn global(&mut self, topics: &[Topic], producers: usize, now: igentai_core::time::Now) {
        let content = reports::global(topics, self.style.epoch, producers, now);
        let path = self.style.out.join("global_state.json");
        let written = fs::create_dir_all(&self.style.out).and_then(|()| atomic::replace(&path, &content));
        if let Err(error) = written
            && !std::mem::replace(&mut self.complained, true)
        {
            error!(path = %path.display(), error = %error, "a file cannot be written; it is tried again");
        }
    }

    fn set_behind(&self, topic: &TopicId, last: Option<u64>) {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some(last) => behind.insert(topic.clone(), last),
            None => behind.remove(topic),
        };
    }

    fn complain(&mut self, topic: &TopicId, error: &io::Error) {
        if !std::mem::replace(&mut self.complained, true) {
            let path = folder(&self.style.out, topic);
            error!(path = %path.display(), error = %error, "files cannot be written; commits go on, and the files catch up");
        }
    }
}

#[derive(Deserialize)]
struct OldState {
    run: Run,
    epoch: Epoch,
}

/// Makes room for a run's files. The folder of an earlier run is moved to `.replaced/`, one generation.
fn prepare(style: &Style, topic: &Topic) -> io::Result<OutputFile> {
    let folder = folder(&style.out, &topic.id);
    let old = old_state(&folder);
    fence(style, old.as_ref())?;
    if old.is_some_and(|old| old.run < topic.run) {
        set_aside(&style.out, &folder, &topic.id)?;
    }
    fs::create_dir_all(&folder)?;
    atomic::replace(
        &folder.join("topic.txt"),
        reports::topic_text(topic, 0, &style.default_weights).as_bytes(),
    )?;
    OutputFile::create(&list_path(&style.out, &topic.id))
}

fn old_state(folder: &Path) -> Option<OldState> {
    fs::read(folder.join("state.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

/// Files of a later epoch are another leader's.
fn fence(style: &Style, old: Option<&OldState>) -> io::Result<()> {
    match old {
        Some(old) if old.epoch > style.epoch => {
            let text = format!("they were written in epoch {}, this is epoch {}", old.epoch, style.epoch);
            Err(io::Error::other(text))
        }
        Some(_) | None => Ok(()),
    }
}

fn set_aside(out: &Path, folder: &PathBuf, topic: &TopicId) -> io::Result<()> {
    let replaced = out.join(".replaced");
    fs::create_dir_all(&replaced)?;
    let place = replaced.join(topic.as_str());
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::rename(folder, &place)
}
