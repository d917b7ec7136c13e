//! Requests about the whole topic go where they bring most for their price, told with the reason.

use igentai_test_support::world::Traits;
use serde_json::{Value, json};

use crate::decisions::{birds_of, lines, text};
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

#[tokio::test]
async fn what_a_cut_topic_would_have_come_to_without_a_dear_provider_is_simulated() {
    let models = ["small", "large"].map(|name| Traits { name: name.to_owned(), ..Traits::honest() });
    let place = Place::new(birds_of(models.to_vec(), 0.0).0).await;
    let config = place.config_with("small", &dear(&place));
    let run = |more: &[&str]| JsonRun::start(&place, &config, &[&["Birds", "--no-web"], more].concat());
    let letters = [
        "--partition",
        "alphabetical",
        "--items-per-request",
        "40",
        "--until-complete",
        "90",
        "--routing",
        "fixed",
    ];
    let finished = run(&letters).finished().await;
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    let replay = ["replay", "birds", "--policy", "good-ucb", "--provider", "small=1"];
    let [would] = lines(&ask(&[&replay[..], &["--json"]].concat())).try_into().unwrap();
    assert_eq!((&would["simulation"], &would["out_of_answers"]), (&json!(true), &Value::Null));
    let number = |what: &str, of: &str| would[what][of].as_f64().unwrap();
    assert_eq!(would["was"]["requests"], finished["requests"], "{would}");
    assert_eq!(would["asked"].as_object().unwrap().keys().collect::<Vec<_>>(), ["small"]);
    assert!(number("would_be", "usd") < 0.5 * number("same_policy", "usd"), "{would}");
    let near = number("same_policy", "attributes") / number("was", "attributes");
    assert!((0.85..1.01).contains(&near), "{would}");
    assert!(
        would["named"]["large"].as_u64() > Some(0) && would["named_by_asked"].as_u64() > Some(0),
        "{would}"
    );

    let said = text(&ask(&replay));
    for part in [
        "a simulation, no run, with models that know what their providers named in this run, and no more:\n  with good-ucb: ",
        "; then ",
        "\n  simulated with its own policy and weights: ",
        "\n  as it was: ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let by_categories = ["--fresh", "--partition", "category", "--category", "Owls", "--max-requests", "6"];
    run(&by_categories).finished().await;
    let refused = ask(&replay);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("aimed at categories or clusters"), "{said}");
}
