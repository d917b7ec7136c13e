//! The last minutes of a topic, told by the program.

use igentai_test_support::world::Traits;
use serde_json::{Value, json};

use crate::decisions::{birds_of, lines, text};
use crate::embedded::JsonRun;
use crate::world::Place;

/// Sums over all of a kind.
fn over(window: &Value, kind: &str, what: &str) -> u64 {
    let all = window[kind].as_object().unwrap().values();
    all.map(|flow| flow["sums"][what].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn what_was_asked_of_late_is_told_by_provider_producer_and_part() {
    let place = Place::new(birds_of(vec![Traits::honest()], 0.0).0).await;
    let config = place.config("small");
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    assert_eq!(ask(&["stats", "birds"]).status.code(), Some(4), "there is no registry");
    let mut run = JsonRun::start(
        &place,
        &config,
        &["birds", "--no-web", "--max-requests", "40", "--partition", "alphabetical"],
    );
    let finished = run.finished().await;
    let requests = finished["requests"].as_u64().unwrap();

    let [told] = lines(&ask(&["stats", "birds", "--json"])).try_into().unwrap();
    let (short, long) = (&told["short"], &told["long"]);
    assert_eq!((&short["seconds"], &long["seconds"]), (&json!(300), &json!(1_800)));
    assert_eq!(long["all"]["sums"]["requests"].as_u64(), Some(requests), "{told}");
    assert_eq!(long["all"]["sums"]["attributes"], finished["attributes"]);
    for kind in ["providers", "producers"] {
        assert_eq!(over(long, kind, "requests"), requests, "{long}");
    }
    let of = |part: &str, what: &str| long[part]["sums"][what].as_u64().unwrap();
    assert_eq!(
        of("whole", "requests") + of("parts", "requests"),
        requests,
        "nothing but items was asked for"
    );
    assert_eq!(over(long, "cells", "requests"), of("parts", "requests"));
    assert_eq!(of("parts", "aimed"), of("parts", "fitting"), "this model keeps to letters");
    assert!(of("parts", "aimed") > 0 && of("whole", "aimed") == 0, "{long}");
    assert!(long["all"]["of_others"].as_f64().unwrap() > 0.0, "several producers asked");

    let file: Value = serde_json::from_str(
        &std::fs::read_to_string(place.folder.path().join("outputs/birds/metrics.json")).unwrap(),
    )
    .unwrap();
    let kept = &file["recent"]["thirty_minutes"];
    assert_eq!(kept["all"]["totals"]["requests"].as_u64(), Some(requests), "{kept}");
    assert_eq!(kept["parts"]["fitting"], long["parts"]["fitting"]);

    let said = text(&ask(&["stats", "birds"]));
    assert!(said.contains("provider small") && said.contains("about parts"), "{said}");
    assert_eq!(ask(&["stats", "bird"]).status.code(), Some(1));
}
