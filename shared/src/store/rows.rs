//! How a log entry and a topic are written, the same in both adapters: MessagePack.
//!
//! An entry is two MessagePack values one after the other. The head is made here: its fields in their order, without their names, since there is one for
//! every batch; a field that is added stands behind all others. The tail is an array of six:
//! first new number, new texts, numbers named again, variants as pairs, missing, over the cap. In Redis the commit script makes it.

use std::fmt::Display;

use igentai_core::ids::LogIndex;
use igentai_core::log::{Entry, EntryHead, EntryTail};
use igentai_core::topic::Topic;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::wire::scan::scan_own;

type Tail = (u64, Vec<String>, Vec<u64>, Vec<(u64, String)>, u32, u32);

pub(super) fn encode_head(head: &EntryHead) -> Result<Vec<u8>, StoreError> {
    rmp_serde::to_vec(head).map_err(corrupt)
}

/// Writes an entry; its index is its key.
pub fn encode_entry(head: &EntryHead, tail: &EntryTail) -> Result<Vec<u8>, StoreError> {
    let mut bytes = encode_head(head)?;
    let EntryTail { first_new, new, again, variants, missing, over_cap } = tail;
    rmp_serde::encode::write(&mut bytes, &(first_new, new, again, variants, missing, over_cap))
        .map_err(corrupt)?;
    Ok(bytes)
}

/// Reads an entry.
pub fn decode_entry(index: LogIndex, bytes: &[u8]) -> Result<Entry, StoreError> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    let head = EntryHead::deserialize(&mut reader)
        .map_err(|error| corrupt(format!("head of entry {index}: {error}")))?;
    let (first_new, new, again, variants, missing, over_cap) =
        Tail::deserialize(&mut reader).map_err(|error| corrupt(format!("tail of entry {index}: {error}")))?;
    Ok(Entry { index, head, tail: EntryTail { first_new, new, again, variants, missing, over_cap } })
}

/// Writes a topic's record.
pub fn encode_topic(topic: &Topic) -> Result<Vec<u8>, StoreError> {
    encode(topic)
}

/// Reads a topic's record.
pub fn decode_topic(bytes: &[u8]) -> Result<Topic, StoreError> {
    decode(bytes)
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    rmp_serde::to_vec_named(value).map_err(corrupt)
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    scan_own(bytes).map_err(corrupt)?;
    rmp_serde::from_slice(bytes).map_err(corrupt)
}

pub(super) fn corrupt(error: impl Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use igentai_core::batch::{Outcome, Rejections, ResponseMeta, Told};
    use igentai_core::cost::Cost;
    use igentai_core::ids::WorkerId;
    use igentai_core::judging::Judged;
    use igentai_core::key::Rejection;
    use igentai_core::log::EntryKind;
    use igentai_core::phrasing::Phrasing;
    use igentai_core::time::UnixMillis;

    use super::*;

    fn head(rejections: Rejections, judged: Option<Box<Judged>>) -> EntryHead {
        let meta = ResponseMeta {
            provider: "small".to_owned(),
            model: "m".to_owned(),
            cell: None,
            probe: false,
            prompt_hash: 7,
            outcome: Outcome::Answered,
            latency_ms: 9,
            input_tokens: 1,
            output_tokens: 2,
            cost: Cost::from_picodollars(3),
            worst_case: Cost::from_picodollars(4),
            repeated: 0,
            rejected: 0,
            asked: 50,
            left_out: 0,
            copied: 0,
            categories: Told::default(),
            phrasing: Phrasing::Plain,
            rejections,
            judged,
        };
        let producer = WorkerId::parse("p").unwrap();
        EntryHead { producer, incarnation: 1, seq: 1, at: UnixMillis(5), kind: EntryKind::Response(meta) }
    }

    fn read(head: &[u8]) -> EntryHead {
        let tail = rmp_serde::to_vec(&Tail::default()).unwrap();
        decode_entry(1, &[head, &tail].concat()).unwrap().head
    }

    #[test]
    fn an_entry_from_before_there_were_rejections_or_judges_is_read() {
        let empty = head(Rejections::default(), None);
        let bytes = encode_head(&empty).unwrap();
        let (last, before) = bytes.split_last().unwrap();
        assert_eq!(*last, 0xc0, "rejections are told last, and there are none");
        // Nineteen fields, and without the last one eighteen.
        let at = before.windows(3).position(|bytes| bytes == [0xdc, 0, 19]).unwrap();
        let mut older = before.to_vec();
        older[at + 2] = 18;
        assert_eq!(read(&older), empty);

        let mut rejections = Rejections::default();
        rejections.add(Rejection::TooLong, 3);
        let some = head(rejections, None);
        let bytes = encode_head(&some).unwrap();
        assert!(bytes.windows(3).any(|bytes| bytes == [0xdc, 0, 19]), "as before there were judges");
        assert_eq!(read(&bytes), some);
    }

    #[test]
    fn what_a_judge_said_is_read_with_and_without_rejections() {
        let said = |doubted| Some(Box::new(Judged { asked: vec![3, 5], doubted }));
        let mut rejections = Rejections::default();
        rejections.add(Rejection::TooLong, 3);
        for rejections in [Rejections::default(), rejections] {
            for doubted in [None, Some(vec![]), Some(vec![5])] {
                let head = head(rejections.clone(), said(doubted));
                assert_eq!(read(&encode_head(&head).unwrap()), head);
            }
        }
    }
}
