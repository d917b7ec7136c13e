use igentai_shared::store::Commit;

use super::batches::{batch, commit_one, committed, fingerprint, named, novel, open, texts, topic};
use super::on_every_adapter;
use super::subject::Subject;

on_every_adapter! {
    any_text_comes_back_byte_for_byte,
    any_fingerprint_is_told_from_any_other,
    a_batch_of_a_thousand_elements_is_one_entry,
}

async fn any_text_comes_back_byte_for_byte(store: Subject) {
    let long = "ü".repeat(40_000);
    let strange = [
        "",
        "\0",
        "a\0b",
        "\u{10ffff}",
        "e\u{301}",
        "\u{e9}",
        "\u{202e}right to left",
        "\r\n\t",
        "🏳️‍🌈",
        "%s%n",
        "'\"\\",
        "nil",
        "{rivers}:seen",
        "-1",
        "\u{feff}",
        &long,
    ];
    open(&**store).await;
    commit_one(&**store, novel(1, &strange)).await;
    assert_eq!(texts(&**store).await, strange);
    let mut spelled = named("\0");
    "\0\0 \u{10ffff}".clone_into(&mut spelled.text);
    commit_one(&**store, Commit { spellings: vec![spelled], ..batch(2) }).await;
    let entries = store.log(&topic(), 1, 0, 2).await.unwrap();
    assert_eq!(entries[0].tail.new, strange);
    assert_eq!(entries[1].tail.variants, [(2, "\0\0 \u{10ffff}".to_owned())]);
}

async fn any_fingerprint_is_told_from_any_other(store: Subject) {
    open(&**store).await;
    // Bytes that mean something to a protocol, a number parser or a text.
    let odd =
        [[0; 16], [0xff; 16], *b"0000000000000001", *b"\r\n$-1\r\n*0\r\n\0\0\0\0\0", [b' '; 16], [0x80; 16]];
    let novel = odd.iter().enumerate().map(|(i, bytes)| {
        let fingerprint = igentai_core::key::Fingerprint::from_bytes(*bytes);
        igentai_core::batch::Named { text: i.to_string(), fingerprint }
    });
    let commit = Commit { novel: novel.collect(), ..batch(1) };
    let sightings = commit.novel.iter().map(|named| named.fingerprint).collect();
    assert_eq!(committed(&commit_one(&**store, commit).await).new, 6);
    assert_eq!(committed(&commit_one(&**store, Commit { sightings, ..batch(2) }).await).known, 6);
}

async fn a_batch_of_a_thousand_elements_is_one_entry(store: Subject) {
    open(&**store).await;
    let many: Vec<String> = (0..1_000).map(|i| format!("text {i} {}", "x".repeat(500))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(committed(&commit_one(&**store, novel(1, &many)).await).new, 1_000);
    let sightings = many.iter().map(|text| fingerprint(text)).collect();
    assert_eq!(committed(&commit_one(&**store, Commit { sightings, ..batch(2) }).await).known, 1_000);
    let missing: Vec<_> = (0..1_000).map(|i| fingerprint(&format!("absent {i}"))).collect();
    let outcome = commit_one(&**store, Commit { sightings: missing.clone(), ..batch(3) }).await;
    assert_eq!(committed(&outcome).missing, missing);
    let spellings = many.iter().map(|text| named(text)).collect();
    commit_one(&**store, Commit { spellings, ..batch(4) }).await;
    let entries = store.log(&topic(), 1, 0, 10).await.unwrap();
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[0].tail.new, many);
    assert_eq!(entries[1].tail.again, (1..=1_000).collect::<Vec<_>>());
    assert_eq!(entries[3].tail.variants.len(), 1_000);
}
