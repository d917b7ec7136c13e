//! The writer's desk: the lists that are kept, how far each has come, and what is next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use igentai_core::folder::TopicId;
use igentai_core::ids::Seq;
use igentai_core::status::TopicStatus;
use igentai_core::time::{Monotonic, Now, UnixMillis};
use igentai_core::topic::Topic;
use igentai_shared::store::Store;
use tracing::{error, info, warn};

use super::changed::Patience;
use super::ended::{Check, Found};
use super::mail::{Global, Letter, Mail};
use super::output::OutputFile;
use super::owner::Refusal;
use super::trouble::{Backoff, Board, Trouble};
use super::{Style, place, reports};

/// Lines read at once.
pub(super) const PAGE: usize = 1_000;

const PAGE_LINES: u64 = PAGE as u64;

/// So many new lines are brought to disk at once, whatever the interval.
const SYNC_LINES: u64 = 10;

/// Lists of ended topics that are built at once: each may hold a page that waits for room.
const MAX_REBUILDS: usize = 8;

/// The files of one topic's run.
#[derive(Debug)]
struct List {
    topic: Topic,
    /// The list, once there was room for it.
    file: Option<OutputFile>,
    /// The registry holds so many attributes.
    heard: Seq,
    /// The newest, while it is not in the files.
    status: Option<Box<TopicStatus>>,
    /// Whether what another registry has written in the folder makes room: for a topic that is worked on, and once. If somebody takes the
    /// folder afterwards, taking it back and forth would keep nobody's list.
    may_take: bool,
    /// Nothing will follow: it is forgotten when everything stands.
    leaving: bool,
    backoff: Backoff,
    /// With those who change it.
    patience: Patience,
}

impl List {
    fn is_complete(&self) -> bool {
        self.status.is_none()
            && !self.patience.stays_changed()
            && self.file.as_ref().is_some_and(|file| file.is_settled() && file.last() >= self.heard)
    }

    /// Whether what stands there is what was written.
    fn is_whole(&self) -> bool {
        !self.patience.stays_changed() && self.file.as_ref().is_some_and(OutputFile::is_placed)
    }

    /// Whether it is built beside the one that is there, and far from complete.
    fn is_far_from_built(&self) -> bool {
        let (placed, last) = self.file.as_ref().map_or((false, 0), |file| (file.is_placed(), file.last()));
        !placed && self.heard.saturating_sub(last) > PAGE_LINES
    }

    /// Whether it is of a topic that has ended, and has no files that it would have to keep.
    const fn is_out_of_place(&self) -> bool {
        self.leaving || self.topic.state.is_ended() && self.file.is_none()
    }

    fn is_due(&self, all: bool) -> bool {
        let missing = |file: &OutputFile| self.heard.saturating_sub(file.last());
        let urgent = self.file.as_ref().is_none_or(|file| !file.is_placed() || missing(file) >= SYNC_LINES);
        urgent || self.leaving || self.status.is_some() || (all && !self.is_complete())
    }

    /// Whether nothing is done for it at the moment.
    fn rests(&self, now: Monotonic) -> bool {
        !self.backoff.is_over(now) || self.patience.waits(now)
    }

    /// Gives up a list that is not as it was written any more, since somebody else has changed it, and says so: it is built anew, unless it stays as it is for a
    /// while. Whether it can be written to.
    fn look_after(&mut self, style: &Style, board: &Board, now: Monotonic) -> Result<bool, Trouble> {
        let Some(file) = &self.file else { return Ok(true) };
        let Some(change) = file.change()? else {
            self.patience.found_whole();
            return Ok(true);
        };
        if !self.patience.is_over(now) {
            let folder = place::folder(&style.out, &self.topic.id);
            let told = format!(
                "output.txt in {} {change}; since that was done before, it is built anew from the registry in a while",
                folder.display()
            );
            board.tell(&self.topic.id, told, now);
            return Ok(false);
        }
        let kept = if file.is_placed() { place::keep_changed(style, &self.topic.id)? } else { None };
        self.file = None;
        self.patience.rebuilt(now);
        let folder = place::folder(&style.out, &self.topic.id);
        let kept = kept.map(|kept| format!(", and what stood there is kept as {}", kept.display()));
        let told = format!(
            "output.txt in {} {change}; it is built anew from the registry{}",
            folder.display(),
            kept.unwrap_or_default()
        );
        warn!(topic = %self.topic.id, "{told}");
        board.tell(&self.topic.id, told, now);
        Ok(true)
    }

    /// Does a page's worth: reads lines that are missing, writes them, and when none is missing any more makes them durable and tells of them.
    async fn step(
        &mut self,
        style: &Style,
        store: &dyn Store,
        all: bool,
        at: UnixMillis,
    ) -> Result<(), Trouble> {
        let file = match &mut self.file {
            Some(file) => file,
            empty @ None => {
                let file = place::prepare(style, &self.topic, self.heard, self.may_take, at)?;
                self.may_take = false;
                empty.insert(file)
            }
        };
        let (id, run) = (&self.topic.id, self.topic.run);
        if let Some(after) = file.wants(self.heard) {
            let page = store.attributes(id, run, after, PAGE).await?;
            let first = page.first().map_or(0, |attribute| attribute.seq);
            if file.push(first, page.iter().map(|attribute| attribute.text.as_str())) == 0 {
                return Err(Trouble::Gone);
            }
        }
        file.write()?;
        let caught_up = file.last() >= self.heard;
        if caught_up || (all && file.is_placed()) {
            if file.is_placed() {
                file.settle()?;
            } else {
                place::put_in_place(style, id, file)?;
            }
        }
        // What a list that is left says comes last, as the sign that it stands.
        if let Some(status) = self.status.as_deref().filter(|_| caught_up || !self.leaving) {
            place::fence(style, id)?;
            reports::write(&place::folder(&style.out, id), status, style)?;
            self.status = None;
        }
        Ok(())
    }
}

/// What a round left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Something can be done at once.
    pub(super) more: bool,
    /// Of the lists that are kept, nothing can be done at once.
    pub(super) quiet: bool,
    /// Everything that is kept stands.
    pub(super) complete: bool,
}

#[derive(Debug)]
pub(super) struct Desk {
    style: Style,
    store: Arc<dyn Store>,
    board: Arc<Board>,
    lists: BTreeMap<TopicId, List>,
    checks: VecDeque<Check>,
    checking: Backoff,
    global: Backoff,
    /// Whether `global_state.json` was written in this term.
    has_written: bool,
}

impl Desk {
    pub(super) fn new(style: Style, store: Arc<dyn Store>, board: Arc<Board>) -> Self {
        let (lists, checks) = (BTreeMap::new(), VecDeque::new());
        let (checking, global) = (Backoff::default(), Backoff::default());
        Self { style, store, board, lists, checks, checking, global, has_written: false }
    }

    /// Takes in what is wanted. In a hurry, what had failed gets another chance at once.
    pub(super) fn take_in(&mut self, mail: Mail, hurry: bool, now: Monotonic) {
        self.checks.extend(mail.ended.into_iter().map(Check::new));
        for (id, letter) in mail.letters {
            self.read(&id, letter);
        }
        if let Some(global) = mail.global {
            self.write_global(&global, now);
        }
        if hurry {
            for list in self.lists.values_mut() {
                list.backoff.hurry();
                list.patience.hurry();
            }
        }
    }

    fn read(&mut self, id: &TopicId, letter: Letter) {
        if let Some(topic) = letter.open {
            self.board.clear(id);
            self.lists.insert(id.clone(), List { may_take: !topic.state.is_ended(), ..List::new(topic) });
        }
        // Of a run that was never begun here nothing is written.
        let Some(list) = self.lists.get_mut(id) else { return };
        list.heard = list.heard.max(letter.heard);
        if let Some(status) = letter.status.filter(|status| status.topic.run == list.topic.run) {
            list.status = Some(status);
        }
        list.leaving |= letter.leave;
    }

    /// Gives up what takes long and is done anew by whoever leads next.
    pub(super) fn hand_over(&mut self) {
        self.checks.clear();
        for (id, list) in self.lists.extract_if(.., |_, list| list.is_far_from_built()) {
            let missing = list.heard - list.file.as_ref().map_or(0, OutputFile::last);
            info!(topic = %id, missing, "a list that is being built is left to whoever leads next");
        }
    }

    /// Does a page's worth for each list that is due, or for each at all, and a step of one comparison.
    pub(super) async fn round(&mut self, all: bool, now: Now) -> Left {
        let mut over = Vec::new();
        for (id, list) in &mut self.lists {
            // What is complete is looked after all the same, at the interval.
            if list.rests(now.monotonic) || !(all || list.is_due(all)) {
                continue;
            }
            let done = match list.look_after(&self.style, &self.board, now.monotonic) {
                Ok(true) => list.step(&self.style, self.store.as_ref(), all, now.unix).await,
                Ok(false) => Ok(()),
                Err(trouble) => Err(trouble),
            };
            match done {
                Ok(()) => {
                    list.backoff = Backoff::default();
                    if list.file.as_ref().is_some_and(OutputFile::is_placed) {
                        self.board.take_down(id);
                    }
                }
                // Another run has begun: nothing of this one is to be shown any more.
                Err(Trouble::Gone) if list.leaving => over.push(id.clone()),
                // What has ended does not wait for a folder that is another registry's.
                Err(Trouble::Refused(Refusal::Another(registry))) if list.is_out_of_place() => {
                    tell_out_of_place(id, &self.style, &registry);
                    over.push(id.clone());
                }
                Err(trouble) => list.stumble(&trouble, &self.style, &self.board, now.monotonic),
            }
        }
        self.lists.retain(|id, list| !(over.contains(id) || list.leaving && list.is_complete()));
        self.board.forget(now.monotonic, |id| self.lists.get(id).is_some_and(|list| !list.is_whole()));
        self.check_one(now).await;
        self.left(all, now.monotonic)
    }

    fn left(&self, all: bool, now: Monotonic) -> Left {
        let ready = |list: &&List| !list.rests(now) && list.is_due(all);
        let mut kept = self.lists.values().filter(|list| !list.leaving);
        Left {
            more: self.may_check(now) || self.lists.values().any(|list| ready(&list)),
            quiet: !kept.clone().any(|list| ready(&list)),
            complete: kept.all(List::is_complete),
        }
    }

    fn may_check(&self, now: Monotonic) -> bool {
        let rebuilds = self.lists.values().filter(|list| list.leaving).count();
        !self.checks.is_empty() && rebuilds < MAX_REBUILDS && self.checking.is_over(now)
    }

    async fn check_one(&mut self, now: Now) {
        if !self.may_check(now.monotonic) {
            return;
        }
        let Some(mut check) = self.checks.pop_front() else { return };
        let id = check.topic.id.clone();
        // One that is kept again needs no comparison.
        if self.lists.contains_key(&id) {
            return;
        }
        match check.step(&self.style, self.store.as_ref(), now.unix).await {
            Ok(Found::Nothing) => self.checks.push_front(check),
            Ok(Found::Same) => self.checking = Backoff::default(),
            Ok(Found::Anothers(registry)) => {
                tell_out_of_place(&id, &self.style, &registry);
                self.checking = Backoff::default();
            }
            Ok(Found::Differs(status)) => {
                info!(topic = %id, attributes = status.attributes, "the files of an ended topic differ from the registry and are built anew");
                self.checking = Backoff::default();
                let heard = status.attributes;
                let list = List { heard, status: Some(status), leaving: true, ..List::new(check.topic) };
                self.lists.insert(id, list);
            }
            Err(trouble) => {
                if self.checking.failed(now.monotonic) {
                    warn!(topic = %id, trouble = %trouble, "the files of an ended topic cannot be compared with the registry; it is tried again");
                }
                self.checks.push_back(Check::new(check.topic));
            }
        }
    }

    fn write_global(&mut self, global: &Global, now: Monotonic) {
        let content = reports::global(&global.topics, &self.style, global.producers, global.now);
        let path = self.style.out.join(place::GLOBAL);
        match place::replace_global(&self.style, &content, !self.has_written) {
            Ok(()) => {
                self.has_written = true;
                self.global = Backoff::default();
            }
            Err(error) => {
                if self.global.failed(now) {
                    error!(path = %path.display(), error = %error, "a file cannot be written; it is tried again");
                }
            }
        }
    }
}

fn tell_out_of_place(topic: &TopicId, style: &Style, registry: &str) {
    let path = place::folder(&style.out, topic);
    warn!(path = %path.display(), registry, "the files of an ended topic are not written: its folder holds those of another registry, which stay until the topic is started again");
}

impl List {
    fn new(topic: Topic) -> Self {
        let (backoff, patience) = (Backoff::default(), Patience::default());
        Self { topic, file: None, heard: 0, status: None, may_take: false, leaving: false, backoff, patience }
    }

    fn stumble(&mut self, trouble: &Trouble, style: &Style, board: &Board, now: Monotonic) {
        let path = place::folder(&style.out, &self.topic.id);
        match trouble {
            // What is wrong with the registry is told by those who work with it.
            Trouble::Registry(_) | Trouble::Gone => {}
            Trouble::Refused(_) | Trouble::Later(_) | Trouble::Broken(_) => {
                let text = format!("its files in {} cannot be written: {trouble}", path.display());
                board.put_up(&self.topic.id, text);
            }
        }
        if matches!(trouble, Trouble::Broken(_)) {
            self.file = None;
        }
        if self.backoff.failed(now) {
            error!(path = %path.display(), trouble = %trouble, "files cannot be written; commits go on, and the files catch up");
        }
    }
}
