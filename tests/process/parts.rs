//! How far the parts of a topic are, told by the program.

use igentai_test_support::world::Traits;
use serde_json::Value;

use crate::decisions::{birds_of, lines, text};
use crate::embedded::JsonRun;
use crate::world::Place;

fn sum(parts: &[Value], what: impl Fn(&Value) -> f64) -> f64 {
    parts.iter().map(what).sum()
}

#[tokio::test]
async fn each_part_is_told_with_coverage_and_completeness_and_they_add_up() {
    let place = Place::new(birds_of(vec![Traits::honest()], 0.0).0).await;
    let config = place.config("small");
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    assert_eq!(ask(&["parts", "birds"]).status.code(), Some(4), "there is no registry");
    let mut run = JsonRun::start(
        &place,
        &config,
        &["birds", "--no-web", "--until-complete", "95", "--partition", "alphabetical"],
    );
    let finished = run.finished().await;

    let [told] = lines(&ask(&["parts", "birds", "--json"])).try_into().unwrap();
    let parts = told["parts"].as_array().unwrap();
    assert!(parts.len() > 3, "{told}");
    assert_eq!(told["attributes"], finished["attributes"]);
    let found = sum(parts, |part| part["found"].as_f64().unwrap());
    assert!((found - finished["attributes"].as_f64().unwrap()).abs() < 0.5, "{told}");
    let total = sum(parts, |part| part["completeness"]["total"].as_f64().unwrap_or(0.0));
    let all = told["completeness"]["total"].as_f64().unwrap();
    assert!((total / all - 1.0).abs() < 0.05, "the parts have {total} items, the whole {all}");
    for part in parts.iter().filter(|part| part["state"] == "listed") {
        assert_eq!(part["listed_by"], serde_json::json!(["small"]));
        assert!(part["answers"].as_u64().unwrap() > 0, "{part}");
    }
    assert!(parts.iter().any(|part| part["state"] == "listed"), "{told}");

    let (whole, aimed) = (&told["whole"], &told["aimed"]);
    let requests = whole["requests"].as_u64().unwrap() + aimed["requests"].as_u64().unwrap();
    assert_eq!(Some(requests), finished["requests"].as_u64());
    assert_eq!(aimed["fitting"], 1.0, "this model keeps to letters");
    let probes = &told["probes"];
    assert!(probes["answers"].as_u64().unwrap() >= 5 && probes["newest"].as_u64().unwrap() <= 8, "{probes}");
    // Lists of parts name most items once only: what is asked for without conditions is known better than that says.
    assert!(probes["coverage"].as_f64().unwrap() > told["coverage"].as_f64().unwrap(), "{told}");

    let file = std::fs::read_to_string(place.folder.path().join("outputs/birds/metrics.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(file["parts"].as_array().map(Vec::len), Some(parts.len()));
    assert_eq!(file["probes"]["known"], probes["known"]);
    let said = text(&ask(&["parts", "birds"]));
    assert!(said.contains("LISTED BY") && said.contains("by the newest"), "{said}");
    assert_eq!(ask(&["parts", "bird"]).status.code(), Some(1));
}
