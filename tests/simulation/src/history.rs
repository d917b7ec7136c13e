//! What was found before a run of the simulation begins.

use igentai_core::batch::{BatchId, Named, Outcome, ResponseMeta, Told};
use igentai_core::folder::TopicId;
use igentai_core::ids::WorkerId;
use igentai_core::log::{EntryHead, EntryKind};
use igentai_core::time::UnixMillis;
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::{Commit, Store};

use crate::model::{Asked, Model};
use crate::plan::Plan;

/// Things named by one answer.
const PER_ANSWER: usize = 500;

/// Commits the things that the plan says are known, as a producer that is gone for good has left them.
pub(crate) async fn fill(store: &EmbeddedStore, model: &Model, topic: &TopicId, plan: &Plan, at: UnixMillis) {
    if plan.known == 0 {
        return;
    }
    store.open_run(topic, 1, 0, None).await.unwrap();
    let things: Vec<usize> = (plan.items..plan.items + plan.known).collect();
    let mut commits = Vec::new();
    for (seq, named) in (1..).zip(things.chunks(PER_ANSWER)) {
        let life = ("producer-gone".to_owned(), 1);
        let asked = model.answered_before(&life, named.iter().copied().collect());
        commits.push(commit(model, topic, seq, &asked, at));
    }
    store.commit(commits).await.unwrap();
}

fn commit(model: &Model, topic: &TopicId, seq: u64, asked: &Asked, at: UnixMillis) -> Commit {
    let things = model.things();
    let named = asked.named.iter().map(|thing| Named {
        text: things.spellings(*thing)[0].clone(),
        fingerprint: things.fingerprint(*thing),
    });
    let (producer, incarnation) = (WorkerId::parse(&asked.life.0).unwrap(), asked.life.1);
    let kind = EntryKind::Response(ResponseMeta {
        provider: asked.provider.to_owned(),
        model: "scripted".to_owned(),
        cell: None,
        probe: true,
        prompt_hash: 0,
        outcome: Outcome::Answered,
        latency_ms: 1_000,
        input_tokens: crate::model::INPUT_TOKENS,
        output_tokens: asked.number,
        cost: asked.price,
        worst_case: asked.worst_case,
        repeated: 0,
        rejected: 0,
        rejections: igentai_core::batch::Rejections::default(),
        asked: 0,
        left_out: 0,
        copied: 0,
        phrasing: igentai_core::phrasing::Phrasing::Plain,
        categories: Told::default(),
        judged: None,
    });
    Commit {
        id: BatchId { topic: topic.clone(), run: 1, producer: producer.clone(), incarnation, seq },
        lowest_unresolved: seq,
        head: EntryHead { producer, incarnation, seq, at, kind },
        novel: named.collect(),
        spellings: Vec::new(),
        sightings: Vec::new(),
        numbered: None,
    }
}
