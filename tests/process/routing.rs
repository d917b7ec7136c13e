//! Requests about the whole topic go where they bring most for their price, told with the reason.

use serde_json::{Value, json};

use crate::decisions::{lines, text};
use crate::embedded::JsonRun;
use crate::world::{Place, script};

/// A second provider over the same service, at thirty times the price.
pub(crate) fn dear(place: &Place) -> String {
    format!(
        "[providers.large]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"large\"\n\
         usd_per_million_input_tokens = 4500\nusd_per_million_output_tokens = 18000\n",
        place.model.base_url()
    )
}

fn requests(finished: &Value, provider: &str) -> u64 {
    finished["providers"][provider]["responses"].as_u64().unwrap()
}

#[tokio::test]
async fn of_two_models_that_know_the_same_the_cheap_one_is_asked_more_unless_the_operator_forbids_it() {
    let place = Place::new(script(400, 40)).await;
    let config = place.config_with("m", &dear(&place));
    let run = |more: &[&str]| {
        JsonRun::start(&place, &config, &[&["Sights", "--no-web", "--max-requests", "80"], more].concat())
    };
    let finished = run(&[]).finished().await;
    let (small, large) = (requests(&finished, "small"), requests(&finished, "large"));
    assert!(small > 2 * large, "{finished}");
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    let why = lines(&ask(&["why", "sights", "--json", "--limit", "1000"]));
    let routed: Vec<&Value> = why.iter().filter(|one| one["kind"] == "routed").collect();
    let last = routed.last().unwrap();
    assert_eq!(last["routed"]["policy"], "good_ucb", "{last}");
    let share = |name: &str| last["routed"]["providers"][name]["share"].as_f64().unwrap();
    assert!(share("small") > 0.7 && share("large") < 0.3, "{last}");
    assert!(last["text"].as_str().unwrap().contains("new items an answer for $"), "{last}");
    let came_of: Vec<&Value> =
        why.iter().filter(|one| one["kind"] == "measured").map(|one| &one["measured"]).collect();
    let first = came_of.iter().find(|one| one["kind"] == "routed").unwrap();
    assert!(routed.iter().any(|one| one["number"] == first["of"]), "{first}");
    assert!(first["gain"].as_f64().unwrap() > 1.0, "{first}");
    assert!(text(&ask(&["replay", "sights"])).contains("all of them come out the same"));
    let [stats] = lines(&ask(&["stats", "sights", "--json"])).try_into().unwrap();
    assert_eq!(stats["measured"].as_array().unwrap().iter().collect::<Vec<_>>(), came_of);

    let fixed = run(&["--fresh", "--routing", "fixed"]).finished().await;
    let (small, large) = (requests(&fixed, "small"), requests(&fixed, "large"));
    assert!(small < 2 * large && large < 2 * small, "{fixed}");
    let [would] = lines(&ask(&["replay", "sights", "--policy", "good-ucb", "--json"])).try_into().unwrap();
    assert_eq!((&would["simulation"], &would["policy"]), (&json!(true), &json!("good_ucb")));
    assert!(would["asked"]["small"].as_u64() > would["asked"]["large"].as_u64(), "{would}");
    let usd = |what: &str| would[what]["usd"].as_f64().unwrap();
    assert!(usd("would_be") < usd("was_after_as_many_requests"), "{would}");
    let said = text(&ask(&[
        "replay",
        "sights",
        "--policy",
        "ewma",
        "--provider",
        "small=1",
        "--provider",
        "large=2",
    ]));
    assert!(
        said.contains("a simulation with the answers that the run has") && said.contains("with ewma: "),
        "{said}"
    );
    let refused = ask(&["replay", "sights", "--policy", "ewma", "--provider", "small=1"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("only one provider"), "{said}");
}
