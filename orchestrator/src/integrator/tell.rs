//! What is told of a commit, and to whom.

use std::collections::BTreeMap;

use futures::future::join_all;
use igentai_core::batch::{BatchId, Committed, Named, Receipt, ToldNumbers, Verdict};
use igentai_core::ids::WorkerId;
use igentai_core::log::EntryKind;
use igentai_core::numbers::Edition;
use igentai_core::seeded::{Bug, is_on};
use igentai_shared::bus::Exchange;
use igentai_shared::store::{Commit, CommitOutcome};
use igentai_shared::telemetry::catalogue;
use igentai_shared::wire::{Published, Receipts};
use tracing::warn;

use crate::Context;
use crate::outbox::{Portion, merge};
use crate::send::send;

/// Receipts in one message: each may name as many missing fingerprints as a batch has elements, and together they stay within what is read.
const MAX_RECEIPTS: usize = 32;

/// Characters of a reason that a producer is told.
const MAX_REASON: usize = 300;

/// Receipts to producers, and what is new to everybody; answers what of it was published. What fails here heals: producers ask again, and the
/// coordinator publishes again from the log.
pub(super) async fn tell<'a>(
    context: &Context,
    commits: impl IntoIterator<Item = &'a Commit>,
    outcomes: Vec<CommitOutcome>,
) -> Vec<Published> {
    let (mut receipts, mut portions) = (BTreeMap::<WorkerId, Vec<Receipt>>::new(), Vec::new());
    for (commit, outcome) in commits.into_iter().zip(outcomes) {
        count(commit, &outcome);
        let CommitOutcome { verdict, fresh, new, edition, told } = outcome;
        let mut numbers = None;
        if fresh && let Verdict::Committed(committed) = &verdict {
            portions.push(portion(commit, committed, new, edition));
            numbers = Some(ToldNumbers { edition, numbers: told }).filter(|told| !told.numbers.is_empty());
        }
        if is_on(Bug::ReceiptLost) && !fresh {
            continue;
        }
        let receipt = Receipt { id: commit.id.clone(), verdict, told: numbers };
        receipts.entry(commit.id.producer.clone()).or_default().push(receipt);
    }
    let messages = receipts.into_iter().flat_map(|(producer, receipts)| {
        let several: Vec<_> = receipts.chunks(MAX_RECEIPTS).map(<[Receipt]>::to_vec).collect();
        several.into_iter().map(move |receipts| (producer.clone(), receipts))
    });
    let receipts = messages.map(|(producer, receipts)| async move {
        let message_id =
            receipts.first().map(|r| format!("receipt-{producer}-{}", r.id.seq)).unwrap_or_default();
        let key = format!("producer.{producer}");
        send(context, Exchange::Commands, key, message_id, &Receipts { receipts }).await
    });
    portions.sort_by(|a, b| (&a.topic, a.run, a.from).cmp(&(&b.topic, b.run, b.from)));
    let published = merge(portions).into_iter().map(|portion| async move {
        let Portion { topic, run, from, to, .. } = &portion;
        let (topic, run, from, to) = (topic.clone(), *run, *from, *to);
        portion.publish(context).await?;
        Ok(Published { topic, run, from, to })
    });
    let (receipts, published) = futures::future::join(join_all(receipts), join_all(published)).await;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for published in published {
        published.map_or_else(|error| failed.push(error), |published| done.push(published));
    }
    for error in receipts.into_iter().filter_map(Result::err).chain(failed) {
        warn!(error = %error, "a commit is not announced yet; it will be");
    }
    done
}

/// Tells producers what was put to the dead letters, as far as the message says whose it was: who is not told publishes it again and again.
pub(super) async fn tell_refused(context: &Context, ids: Vec<BatchId>, reason: &str) {
    let reason: String = reason.chars().take(MAX_REASON).collect();
    let mut told = BTreeMap::<WorkerId, Vec<Receipt>>::new();
    for id in ids {
        let verdict = Verdict::Refused { reason: reason.clone() };
        told.entry(id.producer.clone()).or_default().push(Receipt { id, verdict, told: None });
    }
    for (producer, receipts) in told {
        for receipts in receipts.chunks(MAX_RECEIPTS) {
            let name = format!("refused-{producer}-{}", receipts.first().map_or(0, |receipt| receipt.id.seq));
            let (key, receipts) = (format!("producer.{producer}"), Receipts { receipts: receipts.to_vec() });
            if let Err(error) = send(context, Exchange::Commands, key, name, &receipts).await {
                warn!(error = %error, "a producer is not told of a dead letter; it will publish it again");
            }
        }
    }
}

fn portion(commit: &Commit, committed: &Committed, new: Vec<Named>, edition: Edition) -> Portion {
    let (texts, fingerprints) = new.into_iter().map(|named| (named.text, named.fingerprint)).unzip();
    Portion {
        topic: commit.id.topic.clone(),
        run: commit.id.run,
        from: committed.log_index,
        to: committed.log_index,
        first: committed.first_new,
        edition,
        texts,
        fingerprints,
        seeded: matches!(commit.head.kind, EntryKind::Seeded),
    }
}

fn count(commit: &Commit, outcome: &CommitOutcome) {
    match &outcome.verdict {
        Verdict::Stale => catalogue::BATCHES_STALE_TOTAL.add(1, []),
        Verdict::Committed(committed) if outcome.fresh || is_on(Bug::CommitCountedTwice) => {
            let repeated = match &commit.head.kind {
                EntryKind::Response(meta) => u64::from(meta.repeated),
                EntryKind::Resolution { .. } | EntryKind::Seeded => 0,
            };
            let [new, known, over_cap] = [committed.new, committed.known, committed.over_cap].map(u64::from);
            let missing = u64::from(committed.wanting());
            catalogue::COMMITS_TOTAL.add(1, []);
            catalogue::ATTRIBUTES_TOTAL.add(new, []);
            catalogue::DUPLICATES_TOTAL.add(known + repeated, []);
            catalogue::FALSE_POSITIVES_TOTAL.add(missing, []);
            if matches!(commit.head.kind, EntryKind::Response(_)) {
                catalogue::CANDIDATES_TOTAL.add(new + known + over_cap + missing + repeated, []);
            }
        }
        Verdict::Committed(_) | Verdict::Settled | Verdict::Refused { .. } => {}
    }
}
