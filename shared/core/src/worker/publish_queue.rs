//! Batches on their way to the broker: a message of a topic waits for the confirmation of the one before, and what comes meanwhile goes together. So a
//! batch goes alone and at once where the broker is faster than the models, and in company where it is not.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::batch::{Batch, BatchBody};
use crate::folder::TopicId;
use crate::ids::{Incarnation, Run, Seq};

/// Messages of batches that wait for the broker's confirmation. Only full ones go before the one before them is confirmed.
pub const MESSAGES_AT_ONCE: usize = 8;

/// Batches in one message.
pub const BATCHES_IN_A_MESSAGE: usize = 16;

/// Bytes in one message of several batches, estimated from above: a reader holds some hundred messages.
const BYTES_IN_A_MESSAGE: usize = 64 << 10;

/// What a batch takes at most besides its elements, and an element besides its text.
const HEAD_BYTES: usize = 2 << 10;
const ELEMENT_BYTES: usize = 18;

/// Batches to be published. Each is there once, however often it is asked for.
#[derive(Debug, Default)]
pub struct PublishQueue {
    topics: BTreeMap<TopicId, Waiting>,
    /// Messages that wait for their confirmation.
    under_way: usize,
    /// The topic that was served last: the next one in order comes next.
    last: Option<TopicId>,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: BTreeMap<(Run, Incarnation, Seq), Batch>,
    bytes: usize,
    under_way: usize,
}

impl Waiting {
    /// Whether the next message may go.
    fn is_due(&self) -> bool {
        let is_full = self.batches.len() >= BATCHES_IN_A_MESSAGE || self.bytes >= BYTES_IN_A_MESSAGE;
        is_full || self.under_way == 0 && !self.batches.is_empty()
    }

    fn take(&mut self) -> Vec<Batch> {
        let (mut batches, mut bytes) = (Vec::new(), 0);
        while let Some(first) = self.batches.first_entry() {
            let size = bytes_of(first.get());
            let fits = batches.len() < BATCHES_IN_A_MESSAGE && bytes + size <= BYTES_IN_A_MESSAGE;
            if !fits && !batches.is_empty() {
                break;
            }
            bytes += size;
            batches.push(first.remove());
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        batches
    }
}

impl PublishQueue {
    /// Has a batch published.
    pub fn push(&mut self, batch: Batch) {
        let number = (batch.id.run, batch.id.incarnation, batch.id.seq);
        if !self.topics.contains_key(&batch.id.topic) {
            self.topics.insert(batch.id.topic.clone(), Waiting::default());
        }
        if let Some(waiting) = self.topics.get_mut(&batch.id.topic) {
            waiting.bytes += bytes_of(&batch);
            if let Some(before) = waiting.batches.insert(number, batch) {
                waiting.bytes = waiting.bytes.saturating_sub(bytes_of(&before));
            }
        }
    }

    /// Drops what is not on its way.
    pub fn clear(&mut self) {
        for waiting in self.topics.values_mut() {
            waiting.batches.clear();
            waiting.bytes = 0;
        }
        self.topics.retain(|_, waiting| waiting.under_way > 0);
    }

    /// Whether nothing waits to be published.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.topics.values().all(|waiting| waiting.batches.is_empty())
    }

    /// The batches of the next message, of one topic and in the order of their numbers; none while there is nothing to do. Whoever takes it says when it
    /// is [settled](Self::settled).
    pub fn next_message(&mut self) -> Option<Vec<Batch>> {
        if self.under_way >= MESSAGES_AT_ONCE { None } else { self.take(Waiting::is_due) }
    }

    /// The same, however many are under way: for who leaves.
    pub fn at_once(&mut self) -> Option<Vec<Batch>> {
        self.take(|waiting| !waiting.batches.is_empty())
    }

    /// A message of this topic is confirmed, or will not be.
    pub fn settled(&mut self, topic: &TopicId) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(waiting) = self.topics.get_mut(topic) {
            waiting.under_way = waiting.under_way.saturating_sub(1);
            if waiting.under_way == 0 && waiting.batches.is_empty() {
                self.topics.remove(topic);
            }
        }
    }

    fn take(&mut self, is_due: impl Fn(&Waiting) -> bool) -> Option<Vec<Batch>> {
        let after = self.last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let in_turn = self.topics.range::<TopicId, _>((after, Bound::Unbounded)).chain(&self.topics);
        let topic = in_turn.filter(|(_, waiting)| is_due(waiting)).map(|(topic, _)| topic.clone()).next()?;
        let waiting = self.topics.get_mut(&topic)?;
        self.under_way += 1;
        waiting.under_way += 1;
        let batches = waiting.take();
        self.last = Some(topic);
        Some(batches)
    }
}

/// An estimate from above.
fn bytes_of(batch: &Batch) -> usize {
    let texts = match &batch.body {
        BatchBody::Response { novel, spellings, .. } => {
            novel.iter().chain(spellings).map(String::len).sum::<usize>()
        }
        BatchBody::Resolution { texts, .. } => texts.iter().map(String::len).sum(),
    };
    HEAD_BYTES + texts + batch.elements() * ELEMENT_BYTES
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;
    use crate::batch::BatchId;
    use crate::ids::WorkerId;
    use crate::key::KEY_VERSION;

    fn batch(topic: &str, seq: Seq, texts: Vec<String>) -> Batch {
        let (topic, producer) = (TopicId::from_name(topic).unwrap(), WorkerId::parse("one").unwrap());
        let id = BatchId { topic, run: 1, producer, incarnation: 1, seq };
        let body = BatchBody::Resolution { of: 1, texts };
        Batch { id, lowest_unresolved: 1, key_version: KEY_VERSION, body }
    }

    fn numbers(batches: Option<Vec<Batch>>) -> Vec<(String, Seq)> {
        let batches = batches.into_iter().flatten();
        batches.map(|batch| (batch.id.topic.to_string(), batch.id.seq)).collect()
    }

    fn settle(queue: &mut PublishQueue, topic: &str) {
        queue.settled(&TopicId::from_name(topic).unwrap());
    }

    #[test]
    fn a_batch_goes_alone_and_at_once_while_the_broker_keeps_up() {
        let mut queue = PublishQueue::default();
        for seq in 1..=3 {
            queue.push(batch("a", seq, Vec::new()));
            assert_eq!(numbers(queue.next_message()), [("a".to_owned(), seq)]);
            settle(&mut queue, "a");
        }
        assert!(queue.is_empty() && queue.next_message().is_none());
    }

    #[test]
    fn what_comes_before_the_confirmation_goes_together_in_order_up_to_the_most() {
        let mut queue = PublishQueue::default();
        let most = BATCHES_IN_A_MESSAGE as u64;
        queue.push(batch("a", 100, Vec::new()));
        assert_eq!(numbers(queue.next_message()), [("a".to_owned(), 100)]);
        for seq in (1..most).rev() {
            queue.push(batch("a", seq, Vec::new()));
            assert!(queue.next_message().is_none());
        }
        queue.push(batch("a", most, Vec::new()));
        queue.push(batch("a", most + 1, Vec::new()));
        let full: Vec<_> = (1..=most).map(|seq| ("a".to_owned(), seq)).collect();
        assert_eq!(numbers(queue.next_message()), full, "a full message waits for nothing");
        assert!(queue.next_message().is_none());
        settle(&mut queue, "a");
        assert!(queue.next_message().is_none(), "one is under way still");
        settle(&mut queue, "a");
        assert_eq!(numbers(queue.next_message()), [("a".to_owned(), most + 1)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_cleared_is_not_published_and_what_is_under_way_still_counts() {
        let mut queue = PublishQueue::default();
        queue.push(batch("one", 1, Vec::new()));
        assert_eq!(numbers(queue.next_message()).len(), 1);
        queue.push(batch("one", 2, Vec::new()));
        queue.push(batch("two", 1, Vec::new()));
        queue.clear();
        assert!(queue.is_empty() && queue.at_once().is_none());
        queue.push(batch("one", 3, Vec::new()));
        assert!(queue.next_message().is_none(), "the message before is not confirmed");
        settle(&mut queue, "one");
        assert_eq!(numbers(queue.next_message()), [("one".to_owned(), 3)]);
    }

    #[test]
    fn full_messages_wait_too_when_there_are_too_many_unless_somebody_leaves() {
        let mut queue = PublishQueue::default();
        for seq in 0..(MESSAGES_AT_ONCE * BATCHES_IN_A_MESSAGE) as u64 + 20 {
            queue.push(batch("a", seq, Vec::new()));
        }
        for _ in 0..MESSAGES_AT_ONCE {
            assert_eq!(queue.next_message().unwrap().len(), BATCHES_IN_A_MESSAGE);
        }
        assert!(queue.next_message().is_none());
        assert_eq!(queue.at_once().unwrap().len(), 16);
        assert_eq!(queue.at_once().unwrap().len(), 4);
        assert!(queue.at_once().is_none() && queue.is_empty());
    }

    #[test]
    fn a_message_is_of_one_topic_and_no_topic_waits_for_another() {
        let mut queue = PublishQueue::default();
        for seq in 1..=2 * BATCHES_IN_A_MESSAGE as u64 {
            queue.push(batch("a", seq, Vec::new()));
        }
        queue.push(batch("b", 1, Vec::new()));
        assert!(numbers(queue.next_message()).iter().all(|(topic, _)| topic == "a"));
        assert_eq!(numbers(queue.next_message()), [("b".to_owned(), 1)]);
        queue.push(batch("b", 2, Vec::new()));
        assert!(numbers(queue.next_message()).iter().all(|(topic, _)| topic == "a"));
        assert!(queue.next_message().is_none());
        settle(&mut queue, "b");
        assert_eq!(numbers(queue.next_message()), [("b".to_owned(), 2)]);
        for topic in ["a", "a", "b"] {
            settle(&mut queue, topic);
        }
        assert!(queue.is_empty() && queue.topics.is_empty() && queue.under_way == 0);
    }

    #[test]
    fn a_batch_that_waits_is_not_published_twice() {
        let mut queue = PublishQueue::default();
        queue.push(batch("a", 1, vec!["x".to_owned()]));
        queue.push(batch("a", 1, vec!["x".to_owned()]));
        assert_eq!(numbers(queue.next_message()), [("a".to_owned(), 1)]);
        assert!(queue.is_empty() && queue.topics.values().all(|waiting| waiting.bytes == 0));
    }

    #[test]
    fn a_message_stays_within_what_is_read() {
        let mut queue = PublishQueue::default();
        for seq in 1..=4 {
            queue.push(batch("a", seq, vec!["x".repeat(500); 50]));
        }
        queue.push(batch("a", 5, vec!["x".repeat(500); 1_000]));
        let mut messages = Vec::new();
        while let Some(batches) = queue.at_once() {
            let bytes: usize = batches.iter().map(bytes_of).sum();
            assert!(batches.len() == 1 || bytes <= BYTES_IN_A_MESSAGE);
            messages.push(batches.len());
        }
        assert_eq!(messages, [2, 2, 1]);
    }
}
