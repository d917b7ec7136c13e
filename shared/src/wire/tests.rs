#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use igentai_core::batch::{BatchBody, BatchId, Numbered, Outcome, Rejections, ResponseMeta, Told};
use igentai_core::cost::Cost;
use igentai_core::ids::WorkerId;
use igentai_core::judging::{Judged, MAX_JUDGED};

use super::scan::{MAX_DEPTH, ScanError, scan, scan_own};
use super::*;

mod bounds;

fn batches(texts: Vec<String>) -> Batches {
    Batches {
        batches: vec![Batch {
            id: BatchId {
                topic: TopicId::from_name("birds").unwrap(),
                run: 1,
                producer: WorkerId::parse("p1").unwrap(),
                incarnation: 99,
                seq: 3,
            },
            lowest_unresolved: 2,
            key_version: 1,
            body: BatchBody::Response {
                meta: ResponseMeta {
                    provider: "small".into(),
                    model: "m".into(),
                    cell: None,
                    probe: true,
                    prompt_hash: u64::MAX,
                    outcome: Outcome::Answered,
                    latency_ms: 12,
                    input_tokens: 3,
                    output_tokens: 4,
                    cost: Cost::from_picodollars(5),
                    worst_case: Cost::from_picodollars(6),
                    repeated: 1,
                    rejected: 0,
                    rejections: rejections(),
                    asked: 0,
                    left_out: 0,
                    copied: 0,
                    phrasing: igentai_core::phrasing::Phrasing::Plain,
                    categories: Told::default(),
                    judged: Some(Box::new(judged())),
                },
                novel: texts,
                spellings: vec![],
                sightings: vec![Fingerprint::from_bytes([7; 16])],
                numbered: Numbered::of(5, vec![(300, Fingerprint::from_bytes([8; 16]))]).map(Box::new),
            },
        }],
    }
}

/// As much as a judge may be shown, and doubt.
fn judged() -> Judged {
    let all = vec![u64::MAX; MAX_JUDGED];
    Judged { asked: all.clone(), doubted: Some(all) }
}

/// One for each reason that there is.
fn rejections() -> Rejections {
    let mut rejections = Rejections::default();
    for reason in igentai_core::key::Rejection::ALL {
        rejections.add(reason, u32::MAX);
    }
    rejections
}

fn read(payload: &[u8]) -> Result<Batches, DecodeError> {
    decode(&content_type::<Batches>(), payload)
}

#[test]
fn a_message_comes_back_as_it_was() {
    let message = batches(vec!["Blackbird".into(), "Ø\u{0}".into()]);
    assert_eq!(read(&encode(&message)).unwrap(), message);
}

#[test]
fn a_fingerprint_takes_eighteen_bytes_on_the_wire() {
    let bytes = rmp_serde::to_vec_named(&Fingerprint::from_bytes([1; 16])).unwrap();
    assert_eq!(bytes.len(), 18);
}

#[test]
fn unknown_fields_are_ignored_and_a_newer_version_is_refused() {
    #[derive(Serialize)]
    struct Wider {
        topic: &'static str,
        colour: &'static str,
    }
    let bytes = rmp_serde::to_vec_named(&Wider { topic: "birds", colour: "red" }).unwrap();
    let hint: Hint = decode(&content_type::<Hint>(), &bytes).unwrap();
    assert_eq!(hint.topic.as_str(), "birds");
    let newer = "application/vnd.igentai.hint.v2+msgpack";
    assert!(matches!(decode::<Hint>(newer, &bytes), Err(DecodeError::NewerVersion { found: 2, .. })));
    assert!(matches!(decode::<Hint>("text/plain", &bytes), Err(DecodeError::UnknownKind(_))));
    assert!(matches!(decode::<Hint>(&content_type::<Command>(), &bytes), Err(DecodeError::UnknownKind(_))));
}

#[test]
fn trailing_bytes_are_an_error() {
    let mut bytes = encode(&batches(vec![])).to_vec();
    bytes.push(0);
    assert_eq!(read(&bytes).unwrap_err(), DecodeError::Refused(ScanError::Trailing(1)));
}

#[test]
fn every_cut_is_an_error_and_never_a_panic() {
    let bytes = encode(&batches(vec!["Blackbird".into(); 20]));
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn limits_hold_before_anything_is_allocated() {
    let nested = |depth: usize| [vec![0x91; depth], vec![0xc0]].concat();
    assert_eq!(scan(&nested(MAX_DEPTH)), Ok(()));
    assert_eq!(scan(&nested(MAX_DEPTH + 1)), Err(ScanError::TooDeep));
    assert_eq!(scan(&[0xdd, 0xff, 0xff, 0xff, 0xff]), Err(ScanError::TooManyElements(u64::from(u32::MAX))));
    assert_eq!(scan(&[0xdb, 0xff, 0xff, 0xff, 0xff]), Err(ScanError::TextTooLong(u64::from(u32::MAX))));
    assert_eq!(scan(&[0xc6, 0xff, 0xff, 0xff, 0xff]), Err(ScanError::CutOff));
    assert_eq!(scan(&[0xc1]), Err(ScanError::NotMessagePack));
    assert_eq!(scan(&[]), Err(ScanError::CutOff));
    let list_of_empty_texts = [vec![0xdc, 0x03, 0xe8], vec![0xa0; 1_000]].concat();
    let many = [vec![0xdc, 0x03, 0xe8], list_of_empty_texts.repeat(1_000)].concat();
    assert_eq!(scan(&many), Err(ScanError::TooManyValues));
    assert!(matches!(read(&vec![0; MAX_MESSAGE_BYTES + 1]), Err(DecodeError::TooLarge(_))));
}

#[test]
fn what_is_read_from_our_own_store_may_be_long_but_must_be_there() {
    let long = [vec![0xdd, 0x00, 0x01, 0x86, 0xa0], vec![0xc0; 100_000]].concat();
    assert_eq!((scan(&long), scan_own(&long)), (Err(ScanError::TooManyElements(100_000)), Ok(())));
    let text = [vec![0xdb, 0x00, 0x01, 0x00, 0x00], vec![b'a'; 65_536]].concat();
    assert_eq!((scan(&text), scan_own(&text)), (Err(ScanError::TextTooLong(65_536)), Ok(())));
    for cut_off in [&long[..long.len() - 1], &text[..text.len() - 1]] {
        assert_eq!(scan_own(cut_off), Err(ScanError::CutOff));
    }
    // A decoder would make room for each of these lists before it finds that they are not there.
    let promises = [0xdd, 0x00, 0x00, 0xff, 0xff].repeat(MAX_DEPTH);
    assert_eq!(scan_own(&promises), Err(ScanError::CutOff));
    // Entries of a map are a key and a value each.
    assert_eq!(scan_own(&[0x81, 0xa0]), Err(ScanError::CutOff));
    assert_eq!(scan_own(&[0x81, 0xa0, 0xc0, 0xc0]), Err(ScanError::Trailing(1)));
}

#[test]
fn the_id_of_a_message_with_one_batch_tells_which_it_is() {
    let id = BatchId {
        topic: TopicId::from_name("paris attractions").unwrap(),
        run: 3,
        producer: WorkerId::parse("paris-1").unwrap(),
        incarnation: 1_700_000_000_123,
        seq: 42,
    };
    let named = "batch-paris-1-1700000000123-paris_attractions-3-42";
    assert_eq!(batch_of(named), Some(id));
    for other in
        ["", "batch-", "batch-p-1-t-1", "batch-p-1-t-1-x", "batch-p-1-t-1-2..00ff", "status-p-1-t-1-2"]
    {
        assert_eq!(batch_of(other), None, "{other}");
    }
}
