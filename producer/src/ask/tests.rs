#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use igentai_core::command::{Lease, OrderedAim, TopicOrder};
use igentai_core::ids::Seq;
use igentai_core::judging::Judged;
use igentai_core::rules::{ItemRules, Script};
use igentai_core::time::UnixMillis;
use igentai_shared::clock::VirtualClock;
use igentai_shared::config::providers::{ProviderConfig, ProviderKind};

use super::*;
use crate::pool::ProviderPool;
use crate::provider::{Provider, Reply};

/// Always says the same, or never anything.
#[derive(Debug)]
struct Says(Option<Reply>);

#[async_trait]
impl Provider for Says {
    async fn ask(&self, _question: &Question) -> Reply {
        match &self.0 {
            Some(reply) => reply.clone(),
            None => std::future::pending().await,
        }
    }
}

fn reply(outcome: Outcome, text: &str, truncated: bool) -> Reply {
    Reply { text: text.to_owned(), truncated, ..Reply::failed(outcome, String::new()) }
}

fn aim(cell: Option<&str>, leave_out: &[&str]) -> OrderedAim {
    let leave_out = leave_out.iter().map(|text| (*text).to_owned()).collect();
    OrderedAim {
        number: 0,
        cell: cell.map(str::to_owned),
        provider: None,
        items: 20,
        leave_out,
        numbers: Vec::new(),
    }
}

fn prepared(aim: Option<OrderedAim>, rules: ItemRules) -> Prepared {
    let order = TopicOrder {
        phrasings: Vec::new(),
        topic: TopicId::from_name("birds").unwrap(),
        run: 1,
        name: "birds".to_owned(),
        prompt: None,
        items_per_request: 50,
        max_attributes: None,
        provider_weights: BTreeMap::new(),
        shares: None,
        ask: true,
        abandon: false,
        lease: Lease { requests: 1, cost: Cost::ZERO },
        capped_cost: false,
        rules,
        aims: None,
    };
    Prepared::of(&Ask { order, number: 0, left: None, phrasing: Phrasing::Rare, aim })
}

/// What is published of a request that a model answers so; `None`: it is given up before there is an answer.
async fn finished(aim: Option<OrderedAim>, reply: Option<Reply>) -> Finished {
    under(ItemRules::default(), aim, reply).await
}

async fn under(rules: ItemRules, aim: Option<OrderedAim>, reply: Option<Reply>) -> Finished {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(UnixMillis(0)));
    let config = ProviderConfig::new("small", ProviderKind::OpenAi, "m");
    let given_up = CancellationToken::new();
    if reply.is_none() {
        given_up.cancel();
    }
    let pool = ProviderPool::of(vec![(config, Arc::new(Says(reply)) as _)], 1, Arc::clone(&clock));
    let prepared = prepared(aim, rules);
    let permit = pool.try_start(&prepared.topic, &BTreeMap::new(), 0.0).unwrap();
    prepared.send(permit, given_up, &*clock).await
}

async fn answered(aim: Option<OrderedAim>, text: &str) -> ResponseMeta {
    finished(aim, Some(reply(Outcome::Answered, text, false))).await.meta
}

#[tokio::test]
async fn a_request_that_aims_at_a_part_is_told_with_it() {
    let meta = answered(Some(aim(Some("o-p"), &[])), "Owl\nOriole").await;
    assert_eq!((meta.cell.as_deref(), meta.asked, meta.probe), (Some("o-p"), 20, false));
    assert_eq!((meta.left_out, meta.copied), (0, 0));
    let meta = answered(Some(aim(None, &[])), "Owl\nOriole").await;
    assert_eq!((meta.cell, meta.asked, meta.probe), (None, 20, true));
    let meta = answered(None, "Owl\nOriole").await;
    assert_eq!((meta.cell, meta.asked, meta.probe), (None, 50, true), "nobody has said what to aim at");
    let meta = answered(Some(aim(Some("in Europe"), &[])), "Owl\nOriole").await;
    assert_eq!(meta.cell, None, "of a part that is not understood nothing was said to the model");
}

#[tokio::test]
async fn a_judge_tells_numbers_of_what_it_was_shown_and_names_no_items() {
    let shown = || {
        let known = aim(Some("judge"), &["Mallard", "Blue Glorf", "Osprey"]);
        Some(OrderedAim { numbers: vec![7, 8, 9], items: 3, ..known })
    };
    let said = |text| finished(shown(), Some(reply(Outcome::Answered, text, false)));
    let judged = |doubted: Option<&[Seq]>| {
        Some(Box::new(Judged { asked: vec![7, 8, 9], doubted: doubted.map(<[Seq]>::to_vec) }))
    };
    let Finished { meta, items } = said("1. blue glorf").await;
    assert_eq!((items.len(), meta.outcome, meta.cell.as_deref()), (0, Outcome::Answered, Some("judge")));
    assert_eq!(meta.judged, judged(Some(&[8])));
    assert_eq!((meta.left_out, meta.copied, meta.probe), (0, 0, false), "they are not left out");
    assert_eq!(said("NONE").await.meta.judged, judged(Some(&[])));
    let Finished { meta, items } = said("Heron\nEagle").await;
    assert_eq!((items.len(), meta.outcome), (0, Outcome::Unparsable));
    assert_eq!(meta.judged, judged(None), "what it was shown is told all the same");
    let failed = finished(shown(), Some(reply(Outcome::ServerError, "", false))).await.meta;
    assert_eq!((failed.outcome, failed.judged), (Outcome::ServerError, judged(None)));
    assert_eq!(finished(shown(), None).await.meta.judged, judged(None), "nor was there an answer");
    assert_eq!(answered(Some(aim(Some("o-p"), &[])), "Owl").await.judged, None);
}

#[tokio::test]
async fn a_task_tells_categories_and_names_no_items() {
    let said =
        |cell, text| finished(Some(aim(Some(cell), &["Owls"])), Some(reply(Outcome::Answered, text, false)));
    let Finished { meta, items } = said("categories", "1. Owls\n2. Birds of prey\n3. owls").await;
    assert_eq!(meta.categories.iter().collect::<Vec<_>>(), ["Owls", "Birds of prey"]);
    assert_eq!((items.len(), meta.outcome, meta.cell.as_deref()), (0, Outcome::Answered, Some("categories")));
    assert_eq!((meta.left_out, meta.copied, meta.probe), (0, 0, false), "they are no items");
    let many: Vec<String> = (0..100).map(|number| format!("- Kind number {number}")).collect();
    let many = many.join("\n");
    let Finished { meta, .. } = said("clusters of: Owls", &many).await;
    assert_eq!(meta.categories.iter().count(), MAX_PARTS);
    let Finished { meta, .. } = said("categories", "I'm sorry, but I can't help with that.").await;
    assert_eq!((meta.outcome, meta.categories.iter().count()), (Outcome::Refused, 0));
    let Finished { meta, items } = said("category: Owls", "Barn owl\nOwls").await;
    assert_eq!((meta.cell.as_deref(), items.len(), meta.copied), (Some("category: Owls"), 2, 1));
}

#[tokio::test]
async fn what_was_named_although_it_was_to_be_left_out_is_counted_in_any_spelling() {
    let known = aim(Some("o"), &["Owl", "Oriole", "Ouzel", "owl"]);
    let meta = answered(Some(known.clone()), "1. OWL\n2. Osprey\n3. owl\n4. ouzel").await;
    assert_eq!((meta.left_out, meta.copied, meta.repeated), (3, 2, 1));
    assert!(!meta.probe);
    let meta = answered(Some(aim(None, &["Owl"])), "Wren\nOsprey").await;
    assert_eq!((meta.left_out, meta.copied, meta.probe), (1, 0, false), "it was not asked freely");
    let given_up = finished(Some(known), None).await.meta;
    assert_eq!((given_up.outcome, given_up.left_out, given_up.copied), (Outcome::Abandoned, 3, 0));
    assert_eq!(given_up.cell.as_deref(), Some("o"));
}

#[tokio::test]
async fn of_an_answer_that_was_cut_off_nobody_knows_how_long_it_would_have_been() {
    let part = || Some(aim(Some("o"), &[]));
    let cut_off = |outcome, text| finished(part(), Some(reply(outcome, text, true)));
    let meta = cut_off(Outcome::Answered, "Owl\nOriole\nOspr").await.meta;
    assert_eq!((meta.outcome, meta.asked), (Outcome::Answered, 0));
    let thinking = cut_off(Outcome::Answered, "<think>Owls, or").await.meta;
    assert_eq!((thinking.outcome, thinking.asked), (Outcome::Empty, 0));
    // A service that keeps the thinking to itself says that its limit was reached, and no more.
    let silent = cut_off(Outcome::Empty, "").await.meta;
    assert_eq!((silent.outcome, silent.asked), (Outcome::Empty, 0), "it knows of some");
    let nothing = finished(part(), Some(reply(Outcome::Answered, "[]", false))).await.meta;
    assert_eq!((nothing.outcome, nothing.asked), (Outcome::Empty, 20), "it knows no more");

    let many: Vec<String> = (0..=MAX_ELEMENTS).map(|number| format!("- Owl number {number}")).collect();
    let Finished { meta, items } =
        finished(part(), Some(reply(Outcome::Answered, &many.join("\n"), false))).await;
    assert_eq!((items.len(), meta.asked), (MAX_ELEMENTS, 0), "what is beyond a batch was not read");
}

#[tokio::test]
async fn what_does_not_fit_the_rules_is_counted_by_reason_and_not_published() {
    let rules = ItemRules {
        matches: Some("(?i)o".to_owned()),
        min_chars: Some(3),
        max_chars: Some(8),
        scripts: [Script::Latin].into(),
    };
    let text =
        "Here are 8 birds:\n1. Owl\n2. Wren\n3. Io\n4. Ornithorhynchus\n5. Сова\n6. Osprey\n7. Kite\n8. Crow";
    let said = |rules: ItemRules| {
        under(rules, Some(aim(Some("o"), &["Osprey", "Wren"])), Some(reply(Outcome::Answered, text, false)))
    };
    let Finished { meta, items } = said(rules.clone()).await;
    let items: Vec<_> = items.iter().map(|item| item.text.as_str()).collect();
    assert_eq!(items, ["Owl", "Osprey", "Crow"]);
    let reasons: Vec<_> = meta.rejections.iter().map(|(reason, count)| (reason.as_str(), count)).collect();
    let expected =
        [("chatter", 1), ("no_match", 2), ("too_few_chars", 1), ("too_many_chars", 1), ("other_script", 1)];
    assert_eq!(reasons, expected);
    assert_eq!((meta.outcome, meta.rejected, meta.copied), (Outcome::Answered, 1, 1));
    assert_eq!(meta.asked, 15, "a list of twenty of which five do not count has fifteen");
    let Finished { meta, items } = said(ItemRules::default()).await;
    assert_eq!((items.len(), meta.asked, meta.copied), (8, 20, 2));
    let nothing = ItemRules { matches: Some("^no bird$".to_owned()), ..ItemRules::default() };
    let Finished { meta, items } = said(nothing).await;
    assert_eq!((items.len(), meta.outcome), (0, Outcome::Answered), "it is a list all the same");
    let broken = ItemRules { matches: Some("(".to_owned()), ..rules };
    assert_eq!(said(broken).await.items.len(), 8, "what is not understood rejects nothing");
}

#[test]
fn what_is_a_sample_and_what_is_a_task_are_asked_for_plainly_and_all_else_as_is_its_turn() {
    let words = Phrasing::Rare.words().unwrap();
    for (aim, rare) in [
        (None, true),
        (Some(aim(None, &[])), false),
        (Some(aim(Some("a-c"), &[])), true),
        (Some(aim(Some("category: owls"), &[])), true),
        (Some(aim(Some("categories"), &[])), false),
    ] {
        let prepared = prepared(aim.clone(), ItemRules::default());
        let asked = prepared.question.system.ends_with(words);
        assert_eq!((asked, prepared.phrasing == Phrasing::Rare), (rare, rare), "{aim:?}");
    }
}
