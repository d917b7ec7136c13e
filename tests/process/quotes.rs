//! What the next items cost, told by the program.

use serde_json::Value;

use crate::decisions::{birds, lines, text};
use crate::embedded::JsonRun;
use crate::world::Place;

#[tokio::test]
async fn the_next_items_of_a_run_have_a_price_or_it_is_said_why_they_have_none() {
    let place = Place::new(birds(0.0)).await;
    let config = place.config("small");
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    assert_eq!(ask(&["quote", "birds"]).status.code(), Some(4), "there is no registry");
    let mut run = JsonRun::start(&place, &config, &["birds", "--no-web", "--max-attributes", "300"]);
    let finished = run.finished().await;
    assert_eq!(finished["reason"], "max_attributes", "{finished}");

    let money = |quote: &Value| if quote["is_rough"] == true { "$" } else { "about $" };
    let said = text(&ask(&["quote", "Birds", "--items", "50"]));
    let [quote] = lines(&ask(&["quote", "birds", "--items", "50", "--json"])).try_into().unwrap();
    assert!(said.starts_with(&format!("birds: the next 50 items: {}", money(&quote))), "{said} {quote}");
    let requests = quote["requests"]["about"].as_f64().unwrap();
    assert!((1.0..100.0).contains(&requests), "{quote}");
    assert!(quote["usd"]["low"].as_f64() <= quote["usd"]["about"].as_f64(), "{quote}");

    let usual = text(&ask(&["quote", "birds"]));
    let [quote] = lines(&ask(&["quote", "birds", "--json"])).try_into().unwrap();
    let begin = format!("birds: the next {} items: {}", quote["items"], money(&quote));
    assert!(usual.starts_with(&begin), "{usual} {quote}");

    assert_eq!(ask(&["quote", "birds", "--requests", "2", "--items", "9"]).status.code(), Some(2));

    let far = ask(&["quote", "birds", "--items", "1000"]);
    let said = String::from_utf8_lossy(&far.stderr).into_owned();
    assert_eq!(far.status.code(), Some(1), "{said}");
    assert!(said.contains("no quote can be given: ") && said.contains(" can be told"), "{said}");
    assert_eq!(ask(&["quote", "birds", "--items", "0"]).status.code(), Some(2));
    assert_eq!(ask(&["quote", "bird"]).status.code(), Some(1));
}

#[tokio::test]
async fn what_the_next_requests_of_a_run_bring_is_told() {
    let place = Place::new(birds(0.0)).await;
    let config = place.config("small");
    let ask = |arguments: &[&str]| place.command(arguments).arg("--config").arg(&config).output().unwrap();
    let uncut = ["birds", "--no-web", "--max-attributes", "300", "--partition", "none"];
    let finished = JsonRun::start(&place, &config, &uncut).finished().await;
    assert_eq!(finished["reason"], "max_attributes", "{finished}");
    let brings = text(&ask(&["quote", "birds", "--requests", "3"]));
    assert!(
        brings.starts_with("birds: the next 3 requests: about ") && brings.contains(" new items ("),
        "{brings}"
    );
    let [brings] = lines(&ask(&["quote", "birds", "--requests", "3", "--json"])).try_into().unwrap();
    let [low, about, high] = ["low", "about", "high"].map(|end| brings["new_items"][end].as_f64().unwrap());
    assert!(low < about && about < high && brings["requests"]["about"] == 3.0, "{brings}");
}
