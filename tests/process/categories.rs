//! Parts of a topic by what its items are: given, told by a model, and found among what was named.

use serde_json::{Value, json};

use crate::checks::all_agree;
use crate::decisions::{birds, birds_in_cyrillic, lines, text};
use crate::embedded::JsonRun;
use crate::world::{Place, World};

/// Cells of a finished run that begin so, and their answers.
fn cells(metrics: &Value, beginning: &str) -> Vec<(String, u64)> {
    let cells = metrics["cells"].as_object().unwrap();
    let begins = cells.iter().filter(|(cell, _)| cell.starts_with(beginning));
    begins.map(|(cell, totals)| (cell.clone(), totals["responses"].as_u64().unwrap())).collect()
}

#[tokio::test]
async fn a_model_tells_categories_which_are_asked_for_and_stand_in_no_list() {
    let place = Place::new(birds(0.0)).await;
    let config = place.config("small");
    let arguments = ["Birds", "--no-web", "--partition", "category", "--until-complete", "80"];
    let finished = JsonRun::start(&place, &config, &arguments).finished().await;
    assert_eq!(finished["reason"], "complete", "{finished}");
    let metrics: Value =
        serde_json::from_slice(&std::fs::read(place.out().join("birds/metrics.json")).unwrap()).unwrap();
    let asked = cells(&metrics, "category: ");
    assert!(asked.len() > 10, "{metrics}");
    // Some kinds are birds themselves, but none of these.
    let listed = place.lines("birds");
    assert!(asked.iter().any(|(cell, _)| cell == "category: aquatic bird"), "{asked:?}");
    assert!(!listed.iter().any(|line| line.eq_ignore_ascii_case("aquatic bird")));
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    assert!(text(&ask(&["replay", "birds"])).contains("all of them come out the same"));
    let why = lines(&ask(&["why", "birds", "--json", "--limit", "1000"]));
    let of = |why: &Value, name: &str| why["asked"]["why"] == name;
    assert!(why.iter().any(|one| of(one, "parts")) && why.iter().any(|one| of(one, "split")), "{why:?}");
    // Which categories there are is asked for once, and again where their lists miss what answers about the whole agree on.
    let again = why.iter().filter(|one| of(one, "missed")).count();
    let told = cells(&metrics, "categories").into_iter().find(|(cell, _)| cell == "categories");
    assert_eq!(told.map(|(_, answers)| answers), Some(1 + u64::try_from(again).unwrap()), "{metrics}");
    assert!(again <= 2, "{why:?}");
}

#[tokio::test]
async fn a_topic_in_another_alphabet_is_cut_by_categories_of_itself() {
    let place = Place::new(birds_in_cyrillic()).await;
    let config = place.config("small");
    let arguments = ["Birds", "--no-web", "--partition", "alphabetical", "--until-complete", "80"];
    let finished = JsonRun::start(&place, &config, &arguments).finished().await;
    assert_eq!(finished["reason"], "complete", "{finished}");
    let metrics: Value =
        serde_json::from_slice(&std::fs::read(place.out().join("birds/metrics.json")).unwrap()).unwrap();
    assert!(cells(&metrics, "category: ").len() > 5, "{metrics}");
    let listed = place.lines("birds");
    // What the model makes up has our letters.
    let made_up =
        listed.iter().filter(|line| line.contains(|letter: char| letter.is_ascii_alphabetic())).count();
    assert!(listed.len() > 500 && made_up < listed.len() / 8, "{made_up} of {listed:?}");
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    assert!(text(&ask(&["replay", "birds"])).contains("all of them come out the same"));
}

#[tokio::test]
async fn given_categories_are_asked_for_and_no_others() {
    let place = Place::new(birds(0.0)).await;
    let config = place.config("small");
    let given = ["Birds", "--no-web", "--category", "owl", "--category", "duck", "--max-requests", "12"];
    let finished = JsonRun::start(&place, &config, &given).finished().await;
    assert_eq!(finished["reason"], "max_requests", "{finished}");
    let metrics: Value =
        serde_json::from_slice(&std::fs::read(place.out().join("birds/metrics.json")).unwrap()).unwrap();
    let names: Vec<String> = cells(&metrics, "categor").into_iter().map(|(cell, _)| cell).collect();
    // A model may be asked which parts they have.
    let given = |cell: &str| {
        let of = cell.strip_prefix("category: ").or_else(|| cell.strip_prefix("categories of: "));
        of.and_then(|of| of.split(" > ").next()).is_some_and(|first| ["duck", "owl"].contains(&first))
    };
    assert!(names.iter().all(|cell| given(cell)), "{names:?}");
    let is_asked = |cell: &str| names.iter().any(|name| name == cell);
    assert!(is_asked("category: duck") && is_asked("category: owl"), "{names:?}");
    let refused =
        place.command(&["run", "Birds", "--category", "owl", "--partition", "none"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("leave out --partition none"), "{said}");
    let refused = place.command(&["run", "Birds", "--category", "a > b"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("“a > b” is no name of a category"), "{said}");
}

#[tokio::test]
async fn clusters_are_found_by_any_producer_once_and_go_on_under_another_leader() {
    let world = World::new(birds(0.05)).await;
    let mut first = world.orchestrator("orchestrator-1");
    first.until_ready().await;
    let mut second = world.orchestrator("orchestrator-2");
    let mut web = world.webserver();
    let mut producers = [world.producer("producer-1", "life-1"), world.producer("producer-2", "life-2")];
    for service in producers.iter_mut().chain([&mut second, &mut web]) {
        service.until_ready().await;
    }
    let api = web.api();
    let limits = json!({ "completeness": 0.8, "max_requests": 400 });
    let id = api.start(json!({ "name": "Birds", "partition": "semantic", "limits": limits })).await;
    api.until_attributes(&id, 150).await;
    first.process.kill().unwrap();
    let topic = api.until_ended(&id).await;
    assert_eq!(topic["reason"], "complete", "{topic}");
    let replayed = world.command(&["replay", "Birds", "--json"]).output().unwrap();
    let [replayed] = lines(&replayed).try_into().unwrap();
    assert_eq!(replayed["differs"], Value::Null, "{replayed}");
    let told = cells(&topic["numbers"], "clusters");
    assert!(told.iter().any(|(cell, answers)| cell == "clusters" && (1..=3).contains(answers)), "{told:?}");
    assert!(cells(&topic["numbers"], "category: ").len() > 5, "{topic}");
    all_agree(&world, &api, &id).await;
}
