#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs;
use std::time::Duration;

use igentai_core::batch::{BatchId, Named, Outcome, ResponseMeta, Told};
use igentai_core::cost::Cost;
use igentai_core::fold::TopicFold;
use igentai_core::ids::WorkerId;
use igentai_core::key::{Fingerprint, Key};
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::status::TopicStatus;
use igentai_core::time::UnixMillis;
use igentai_core::topic::StartRequest;
use igentai_shared::clock::SystemClock;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Commit, LeaseRecord};

use super::*;
use crate::files::{place, reports};

const TTL: Duration = Duration::from_millis(200);

struct Place {
    _folder: tempfile::TempDir,
    workshop: Workshop,
    topic: TopicId,
    me: WorkerId,
}

fn named(text: &str) -> Named {
    Named { text: text.to_owned(), fingerprint: Fingerprint::of(&Key::of(text).unwrap()) }
}

/// An answer that names these, of which the spellings may be known.
fn answer(seq: u64, novel: &[&str], sightings: &[&str], spellings: &[&str]) -> Commit {
    let producer = WorkerId::parse("p1").unwrap();
    let topic = TopicId::from_name("Birds").unwrap();
    let meta = ResponseMeta {
        provider: "hub".to_owned(),
        model: "small".to_owned(),
        cell: None,
        probe: true,
        prompt_hash: 1,
        outcome: Outcome::Answered,
        latency_ms: 5,
        input_tokens: 10,
        output_tokens: 20,
        cost: Cost::from_usd(0.25),
        worst_case: Cost::from_usd(1.0),
        repeated: 1,
        rejected: 1,
        rejections: igentai_core::batch::Rejections::default(),
        asked: 0,
        left_out: 0,
        copied: 0,
        phrasing: igentai_core::phrasing::Phrasing::Plain,
        categories: Told::default(),
        judged: None,
    };
    Commit {
        id: BatchId { topic, run: 1, producer: producer.clone(), incarnation: 1, seq },
        lowest_unresolved: 1,
        head: EntryHead {
            producer,
            incarnation: 1,
            seq,
            at: UnixMillis(seq),
            kind: EntryKind::Response(meta),
        },
        novel: novel.iter().map(|text| named(text)).collect(),
        spellings: spellings.iter().map(|text| named(text)).collect(),
        sightings: sightings.iter().map(|text| named(text).fingerprint).collect(),
        numbered: None,
    }
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = EmbeddedStore::in_memory().unwrap();
        let registry = store.identity("r1").await.unwrap();
        let workshop = Workshop {
            store,
            registry,
            out: folder.path().to_owned(),
            clock: Arc::new(SystemClock::new()),
            default_weights: BTreeMap::new(),
            foreign: false,
        };
        let topic = TopicId::from_name("Birds").unwrap();
        Self { _folder: folder, workshop, topic, me: WorkerId::parse("repair-1").unwrap() }
    }

    async fn open(&self, cap: Option<u64>) {
        self.workshop.store.open_run(&self.topic, 1, 0, cap).await.unwrap();
        let request = StartRequest { name: "Birds".to_owned(), ..StartRequest::default() };
        let topic = Topic::start(None, self.topic.clone(), request, UnixMillis(1)).unwrap();
        if self.workshop.store.topic(&self.topic).await.unwrap().is_none() {
            self.workshop.store.put_topic(&topic, None).await.unwrap();
        }
    }

    async fn commit(&self, commit: Commit) {
        self.workshop.store.commit(vec![commit]).await.unwrap();
    }

    /// Files as a registry of this id, or of another, left them.
    fn write(&self, registry: &str, epoch: Epoch, lines: &[&str]) {
        let folder = place::folder(&self.workshop.out, &self.topic);
        fs::create_dir_all(&folder).unwrap();
        let request = StartRequest { name: "Birds".to_owned(), ..StartRequest::default() };
        let topic = Topic::start(None, self.topic.clone(), request, UnixMillis(1)).unwrap();
        let style = Style { registry: registry.to_owned(), ..self.workshop.style(epoch) };
        let status = TopicStatus::of(topic, &TopicFold::default(), epoch, UnixMillis(1));
        reports::write(&folder, &TopicStatus { attributes: lines.len() as u64, ..status }, &style).unwrap();
        let list: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(folder.join("output.txt"), list.concat()).unwrap();
    }

    fn lines(&self, place: &str) -> Vec<String> {
        let text = fs::read_to_string(self.workshop.out.join(place).join("output.txt")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn texts(&self) -> Vec<String> {
        let all = self.workshop.store.attributes(&self.topic, 1, 0, 10_000).await.unwrap();
        all.into_iter().map(|attribute| attribute.text).collect()
    }

    async fn fold(&self) -> TopicFold {
        let mut fold = TopicFold::default();
        for entry in self.workshop.store.log(&self.topic, 1, 0, 10_000).await.unwrap() {
            fold.apply(&entry).unwrap();
        }
        fold
    }

    async fn repair(&self, from: From) -> Finding {
        let store = self.workshop.store.as_ref();
        let authority =
            authority(store, self.workshop.clock.as_ref(), &self.me, TTL, false, 0).await.unwrap();
        let work = self.workshop.repair(&self.topic, from, &authority);
        held(store, &self.me, &authority, TTL, work).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn what_only_the_files_hold_comes_back_and_nothing_else_of_the_log_changes() {
    let place = Place::new().await;
    place.open(None).await;
    place.commit(answer(1, &["Wren", "Owl"], &[], &[])).await;
    place.commit(answer(2, &["Tit"], &["Wren", "nobody's"], &["OWL"])).await;
    place.commit(answer(3, &[], &["Tit"], &[])).await;
    let before = place.workshop.store.log(&place.topic, 1, 0, 10).await.unwrap();
    place.write("r1", 7, &["Wren", "Owl", "Tit", "Jay", "Rook"]);
    let looked = place.workshop.look(&place.topic, From::Files).await.unwrap();
    assert_eq!((looked.deed, looked.same, looked.only_in_files), (Deed::Restore, 3, Some((4, 5))));
    assert_eq!(place.texts().await.len(), 3, "a look changes nothing");
    let done = place.repair(From::Files).await;
    assert_eq!((done.done, done.conflicts, done.renumbered), (true, 0, 0));
    assert_eq!(place.texts().await, ["Wren", "Owl", "Tit", "Jay", "Rook"]);
    let after = place.workshop.store.log(&place.topic, 1, 0, 10).await.unwrap();
    assert_eq!(after.len(), 4);
    for (before, after) in before.iter().zip(&after) {
        let sorted = |entry: &igentai_core::log::Entry| {
            let mut tail = entry.tail.clone();
            tail.again.sort_unstable();
            (entry.index, entry.head.clone(), tail)
        };
        assert_eq!(sorted(before), sorted(after));
    }
    assert_eq!(place.lines("birds"), ["Wren", "Owl", "Tit", "Jay", "Rook"]);
    let state = fs::read_to_string(place.workshop.out.join("birds/state.json")).unwrap();
    assert!(state.contains("\"epoch\": 1,") && state.contains("\"last_sequence\": 5"), "{state}");
    let again = place.repair(From::Files).await;
    assert_eq!((again.deed, again.done), (Deed::Nothing, false));
    // Batches that were committed are known as such.
    let known = place.workshop.store.commit(vec![answer(2, &["Tit"], &[], &[])]).await.unwrap();
    assert!(!known[0].fresh);
}

#[tokio::test]
async fn of_two_items_with_one_number_both_are_kept_and_every_count_stays() {
    let place = Place::new().await;
    place.open(Some(4)).await;
    place.commit(answer(1, &["Wren"], &[], &[])).await;
    place.commit(answer(2, &["Kite", "Owl"], &["Wren"], &[])).await;
    place.commit(answer(3, &["Gull", "beyond one", "beyond two"], &["Kite"], &[])).await;
    let counted = *place.fold().await.totals();
    place.write("r1", 1, &["Wren", "Owl", "Jay"]);
    let done = place.repair(From::Files).await;
    assert_eq!((done.same, done.only_in_files, done.renumbered, done.conflicts), (1, Some((2, 3)), 2, 2));
    let first = &done.first_conflicts[0];
    assert_eq!((first.seq, first.in_files.as_str(), first.in_registry.as_str()), (2, "Owl", "Kite"));
    assert_eq!(place.texts().await, ["Wren", "Owl", "Jay", "Kite", "Gull"]);
    assert_eq!(place.lines("birds"), ["Wren", "Owl", "Jay", "Kite", "Gull"]);
    let now = *place.fold().await.totals();
    assert_eq!((now.responses, now.cost, now.rejected), (counted.responses, counted.cost, counted.rejected));
    assert_eq!((now.over_cap, now.candidates), (counted.over_cap, counted.candidates));
    // What the list brought back was new to the registry, and what it knew is named again.
    assert_eq!((now.attributes, now.duplicates), (5, counted.duplicates + 1));
}

#[tokio::test]
async fn a_repair_that_was_broken_off_leaves_everything_as_it_was_and_is_done_by_the_next() {
    let place = Place::new().await;
    place.open(None).await;
    place.commit(answer(1, &["Wren"], &[], &[])).await;
    place.write("r1", 1, &["Wren", "Owl"]);
    let list = list::List::read(&place.workshop.out.join("birds/output.txt"), 2).unwrap();
    let store = place.workshop.store.as_ref();
    for _ in 0..2 {
        rebuild::rebuild(store, &place.topic, 1, &list, 1, 1, UnixMillis(9)).await.unwrap();
        assert_eq!(place.texts().await, ["Wren"]);
    }
    assert!(place.repair(From::Files).await.done);
    assert_eq!(place.texts().await, ["Wren", "Owl"]);
}

#[tokio::test]
async fn a_topic_of_which_only_files_of_another_registry_are_left_is_taken_over_when_that_is_said() {
    let mut place = Place::new().await;
    place.workshop.default_weights = BTreeMap::from([("hub".to_owned(), 1.0)]);
    place.write("lost", 9, &["Wren", "Owl"]);
    let looked = place.workshop.look(&place.topic, From::Files).await.unwrap();
    assert_eq!(looked.deed, Deed::Foreign);
    place.workshop.foreign = true;
    assert!(place.repair(From::Files).await.done);
    assert_eq!(place.texts().await, ["Wren", "Owl"]);
    let record = place.workshop.store.topic(&place.topic).await.unwrap().unwrap();
    assert_eq!((record.name.as_str(), record.run, record.state.is_ended()), ("Birds", 1, true));
    assert!(record.provider_weights.is_empty(), "it asks whomever the configuration names, as before");
    let state = fs::read_to_string(place.workshop.out.join("birds/state.json")).unwrap();
    assert!(state.contains("\"registry\": \"r1\""), "{state}");
    assert_eq!(all_topics(&place.workshop).await.unwrap(), [place.topic.clone()]);
}

#[tokio::test]
async fn a_list_that_was_changed_by_hand_is_not_taken_for_what_a_registry_held() {
    let place = Place::new().await;
    place.open(None).await;
    let list = place.workshop.out.join("birds/output.txt");
    for (bytes, line, what) in [
        (&b"Wren\nwren.\n"[..], 2, "names the item of line 1 again"),
        (b"Wren\r\nOwl\r\n", 1, "CR LF"),
        (b"Wren\nOwl\n\n", 3, "it is blank"),
        (b"Wren\n\xff\n", 2, "no text in UTF-8"),
        (b"Wren\nOwl", 2, "its end is gone"),
        (b"Wren\n...\n", 2, "it names nothing"),
    ] {
        place.write("r1", 1, &["Wren", "Owl"]);
        fs::write(&list, bytes).unwrap();
        let refused = place.workshop.look(&place.topic, From::Files).await;
        let (at, told) = (format!("output.txt:{line}: "), refused.unwrap_err().to_string());
        assert!(told.contains(&at) && told.contains(what), "{told}");
        assert_eq!(fs::read(&list).unwrap(), bytes);
    }
    // It is moved aside all the same.
    place.commit(answer(1, &["Tit"], &[], &[])).await;
    place
        .workshop
        .store
        .claim(&place.topic, 0, Head { run: 1, log_index: 0, attributes: 2 })
        .await
        .unwrap_err();
    assert!(place.repair(From::Registry).await.done);
    assert_eq!(place.lines("birds"), ["Tit"]);
    assert_eq!(place.lines(".replaced/birds.repair-1"), ["Wren", "..."]);
}

#[tokio::test]
async fn a_word_that_was_changed_by_hand_is_told_with_its_line() {
    let place = Place::new().await;
    place.open(None).await;
    place.commit(answer(1, &["Wren", "Owl", "Tit", "Jay"], &[], &[])).await;
    place.write("r1", 1, &["Wren", "Howl", "Tit", "Jay"]);
    let looked = place.workshop.look(&place.topic, From::Files).await.unwrap();
    assert_eq!((looked.same, looked.conflicts, looked.same_behind), (1, 1, 2));
    let first = &looked.first_conflicts[0];
    assert_eq!((first.seq, first.in_files.as_str(), first.in_registry.as_str()), (2, "Howl", "Owl"));
    // What is taken all the same costs nothing that was there.
    assert!(place.repair(From::Files).await.done);
    assert_eq!(place.texts().await, ["Wren", "Howl", "Tit", "Jay", "Owl"]);
}

#[tokio::test]
async fn a_list_that_does_not_say_that_it_is_this_registrys_is_not_written_over() {
    for state_is_left in [true, false] {
        let place = Place::new().await;
        place.open(None).await;
        place.commit(answer(1, &["Wren"], &[], &[])).await;
        let held = Head { run: 1, log_index: 2, attributes: 2 };
        place.workshop.store.claim(&place.topic, 0, held).await.unwrap_err();
        place.write("another", 1, &["Owl", "Tit"]);
        if !state_is_left {
            std::fs::remove_file(place.workshop.out.join("birds/state.json")).unwrap();
        }
        let refused = place.workshop.look(&place.topic, From::Files).await;
        assert!(
            matches!(&refused, Err(RepairError::List(why)) if why.contains("--out")),
            "what the registry lacks is not there: {refused:?}"
        );
        assert!(place.repair(From::Registry).await.done);
        assert_eq!(place.lines("birds"), ["Owl", "Tit"]);
    }
}

/// What is copied or renamed says of another topic how far it had come.
#[tokio::test]
async fn a_copied_folder_is_told_of_and_never_brought_back_as_another_topic() {
    let place = Place::new().await;
    place.write("r1", 1, &["Wren", "Owl"]);
    fs::rename(place.workshop.out.join("birds"), place.workshop.out.join("fowl")).unwrap();
    let fowl = TopicId::parse("fowl").unwrap();
    assert_eq!(all_topics(&place.workshop).await.unwrap(), std::slice::from_ref(&fowl));
    for from in [From::Files, From::Registry] {
        let found = place.workshop.look(&fowl, from).await.unwrap();
        assert_eq!((found.deed, found.files.unwrap().name.as_str()), (Deed::Misplaced, "Birds"));
    }
    let known = Head { run: 1, log_index: 0, attributes: 2 };
    place.workshop.store.claim(&fowl, 0, known).await.unwrap_err();
    let refused = place.workshop.look(&fowl, From::Files).await;
    assert!(matches!(&refused, Err(RepairError::List(why)) if why.contains("copy of the folder of “Birds”")));
    assert_eq!(place.workshop.look(&fowl, From::Registry).await.unwrap().deed, Deed::Settle);
}

/// The log is in its place, and the record is not.
#[tokio::test]
async fn a_repair_that_broke_off_before_the_record_is_finished_by_the_next() {
    let place = Place::new().await;
    place.open(None).await;
    place.workshop.store.open_run(&place.topic, 3, 0, None).await.unwrap();
    place
        .commit(Commit {
            id: BatchId { run: 3, ..answer(1, &[], &[], &[]).id },
            ..answer(1, &["Wren"], &[], &[])
        })
        .await;
    place.write("r1", 1, &["Wren"]);
    let state = place.workshop.out.join("birds/state.json");
    fs::write(&state, fs::read_to_string(&state).unwrap().replace("\"run\": 1", "\"run\": 3")).unwrap();
    let done = place.repair(From::Files).await;
    assert_eq!((done.deed, done.done, done.only_in_files), (Deed::Restore, true, None));
    let record = place.workshop.store.topic(&place.topic).await.unwrap().unwrap();
    assert_eq!((record.run, record.name.as_str()), (3, "Birds"));
    assert_eq!(place.repair(From::Files).await.deed, Deed::Nothing);
}

#[tokio::test]
async fn a_topic_that_the_registry_does_not_know_is_brought_back_beside_a_leader() {
    let place = Place::new().await;
    let (store, leader) = (Arc::clone(&place.workshop.store), WorkerId::parse("leader").unwrap());
    store.take_lease(&leader, &LeaseRecord::default(), 0).await.unwrap().unwrap();
    place.write("r1", 1, &["Wren", "Owl"]);
    let authority = Authority { epoch: 1, leader: Some(leader) };
    let done = place.workshop.repair(&place.topic, From::Files, &authority).await.unwrap();
    assert_eq!((done.deed, done.done), (Deed::Restore, true));
    assert_eq!(place.texts().await, ["Wren", "Owl"]);
    assert!(store.topic(&place.topic).await.unwrap().unwrap().state.is_ended());
    store.claim(&place.topic, 1, Head { run: 1, log_index: 0, attributes: 2 }).await.unwrap();
}

#[tokio::test]
async fn beside_a_leader_only_what_he_refuses_is_repaired() {
    let place = Place::new().await;
    place.open(None).await;
    place.commit(answer(1, &["Wren"], &[], &[])).await;
    let (store, leader) = (Arc::clone(&place.workshop.store), WorkerId::parse("leader").unwrap());
    store.take_lease(&leader, &LeaseRecord::default(), 0).await.unwrap().unwrap();
    let beat = async {
        loop {
            store.renew_lease(&leader, 1).await.unwrap();
            tokio::time::sleep(TTL / 8).await;
        }
    };
    let work = async {
        place.write("r1", 1, &["Wren", "Owl"]);
        let clock = place.workshop.clock.as_ref();
        let authority = authority(store.as_ref(), clock, &place.me, TTL, false, 0).await.unwrap();
        assert_eq!(authority, Authority { epoch: 1, leader: Some(leader.clone()) });
        let refused = place.workshop.repair(&place.topic, From::Files, &authority).await;
        assert!(matches!(refused, Err(RepairError::Led(_))), "{refused:?}");
        store.claim(&place.topic, 1, Head { run: 1, log_index: 0, attributes: 2 }).await.unwrap_err();
        assert!(place.workshop.repair(&place.topic, From::Files, &authority).await.unwrap().done);
        store.claim(&place.topic, 1, Head { run: 1, log_index: 0, attributes: 2 }).await.unwrap();
    };
    tokio::select! {
        () = work => {}
        () = beat => {}
    }
    assert_eq!(store.lease().await.unwrap().holder, Some(leader.clone()));
}
