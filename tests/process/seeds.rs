//! What is known from the beginning is neither found nor counted.

use std::collections::BTreeSet;
use std::io::Write;

use igentai_test_support::world::taxonomy::Taxonomy;
use serde_json::{Value, json};

use crate::decisions::birds;
use crate::embedded::JsonRun;
use crate::world::{Place, World, items, script};

fn set(lines: &[String]) -> BTreeSet<&str> {
    lines.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn a_list_of_known_items_is_taken_from_files_and_more_of_it_by_a_later_start() {
    let place = Place::new(script(60, 5)).await;
    let config = place.config("m");
    let all = items(60);
    let known = place.path().join("known.txt");
    // As people write lists: in another case, twice, with gaps.
    let lines: Vec<String> = all[..20].iter().map(|item| format!(" {}\r\n\n", item.to_uppercase())).collect();
    std::fs::write(&known, format!("\u{feff}{}{}", lines.concat(), lines[3])).unwrap();
    let known = known.to_str().unwrap();
    let run = |more: &[&str]| JsonRun::start(&place, &config, &[&["Sights", "--no-web"], more].concat());
    let first = run(&["--seed", known, "--max-attributes", "10"]).finished().await;
    assert_eq!((&first["reason"], &first["attributes"]), (&json!("max_attributes"), &json!(10)), "{first}");
    assert_eq!(first["seeds"]["known"], 20, "{first}");

    let found = place.lines("sights");
    let second: Vec<&str> = all[20..30].iter().map(String::as_str).collect();
    let more = place.path().join("more.txt");
    std::fs::write(&more, [second.as_slice(), &[found[0].as_str()]].concat().join("\n")).unwrap();
    let resumed = run(&["--seed", more.to_str().unwrap()]).finished().await;
    assert_eq!((&resumed["reason"], &resumed["run"]), (&json!("dry"), &json!(1)), "{resumed}");
    let lines = place.lines("sights");
    assert_eq!(lines[..10], found, "what was found stays found");
    let expected: BTreeSet<&str> =
        all[30..].iter().map(String::as_str).chain(found.iter().map(String::as_str)).collect();
    // It ends when nothing new has come for a while, with an item or two left now and then.
    assert!(set(&lines).is_subset(&expected) && lines.len() + 3 >= expected.len(), "{lines:?}");
    let of_second =
        u64::try_from(found.iter().filter(|item| second.contains(&item.as_str())).count()).unwrap();
    let named = resumed["seeds"]["named"].as_u64().unwrap();
    assert!(resumed["seeds"]["known"] == 30 - of_second && named + 3 >= 30 - of_second, "{resumed}");
    let metrics = std::fs::read(place.out().join("sights/metrics.json")).unwrap();
    let metrics: Value = serde_json::from_slice(&metrics).unwrap();
    assert_eq!(metrics["seeds"], resumed["seeds"]);
    let replay = place.command(&["replay", "sights", "--config"]).arg(&config).output().unwrap();
    assert!(replay.status.success(), "{replay:?}");

    // A run that begins afresh has the list that it had last, until it is taken back.
    let again = run(&["--fresh", "--max-requests", "1"]).finished().await;
    let last = 10 + u64::from(!second.contains(&found[0].as_str()));
    assert_eq!((&again["run"], &again["seeds"]["known"]), (&json!(2), &json!(last)), "{again}");
    let empty = place.path().join("empty.txt");
    std::fs::write(&empty, "\n").unwrap();
    let without = run(&["--fresh", "--seed", empty.to_str().unwrap()]).finished().await;
    assert!(without["attributes"].as_u64() >= Some(57) && without["seeds"]["known"] == 0, "{without}");
}

#[tokio::test]
async fn a_list_with_bullets_or_numbers_and_an_export_are_read_for_their_items() {
    let place = Place::new(script(60, 5)).await;
    let config = place.config("m");
    let all = items(60);
    let known = |name: &str, lines: Vec<String>| {
        let path = place.path().join(name);
        std::fs::write(&path, lines.join("\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let numbered = (1..).zip(&all[..10]).map(|(number, item)| format!("{number}. {item}")).collect();
    let marked = all[10..20].iter().map(|item| format!("• {item}")).collect();
    let rows = (1..).zip(&all[20..30]).map(|(number, item)| format!("{number},{item}"));
    let rows = std::iter::once("seq,text".to_owned()).chain(rows).collect();
    let object = |(number, item): (u32, &String)| json!({ "seq": number, "text": item }).to_string();
    let objects = (1..).zip(&all[30..40]).map(object).collect();
    let lists = [("a.txt", numbered), ("b.txt", marked), ("c.csv", rows), ("d.jsonl", objects)];
    let files = lists.map(|(name, lines)| known(name, lines));
    let seeds: Vec<&str> = files.iter().flat_map(|file| ["--seed", file]).collect();
    let arguments = [&["Sights", "--no-web"], seeds.as_slice()].concat();
    let finished = JsonRun::start(&place, &config, &arguments).finished().await;
    assert_eq!(finished["seeds"]["known"], 40, "{finished}");
    let lines = place.lines("sights");
    assert!(set(&lines).is_subset(&all[40..].iter().map(String::as_str).collect()), "{lines:?}");

    let wrong = known("e.csv", vec!["seq,text".to_owned(), "1,Wren".to_owned(), "Owl".to_owned()]);
    let refused = place.command(&["run", "Birds", "--no-web", "--seed", &wrong, "--config"]);
    let refused = { refused }.arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("line 3 is not a number, a comma"), "{said}");
}

#[tokio::test]
async fn a_list_that_cannot_be_read_starts_nothing() {
    let place = Place::new(script(10, 0)).await;
    let config = place.config("m");
    let mut bytes = std::fs::File::create(place.path().join("bytes")).unwrap();
    bytes.write_all(b"Wren\n\xff\xfe\n").unwrap();
    for (file, why) in [("nowhere.txt", "nowhere.txt"), ("bytes", "no UTF-8 text"), (".", ".")] {
        let refused = place.command(&["run", "Sights", "--no-web", "--seed", file, "--config"]);
        let refused = { refused }.arg(&config).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && said.contains(why), "{file}: {said}");
    }
    assert_eq!(place.model.requests(), 0);
}

#[tokio::test]
async fn seeds_of_a_start_over_the_api_are_known_to_every_replica() {
    let world = World::new(script(80, 5)).await;
    let (mut first, mut web) = (world.orchestrator("orchestrator-1"), world.webserver());
    first.until_ready().await;
    let mut second = world.orchestrator("orchestrator-2");
    let mut producers = [world.producer("producer-1", "life-1"), world.producer("producer-2", "life-2")];
    for service in producers.iter_mut().chain([&mut second, &mut web]) {
        service.until_ready().await;
    }
    let (api, all) = (web.api(), items(80));
    let id = api.start(json!({"name": "Sights", "seeds": &all[..30]})).await;
    api.until_attributes(&id, 20).await;
    // Another leader goes on with the same seeds.
    first.process.kill().unwrap();
    let ended = api.until_ended(&id).await;
    let found = ended["numbers"]["attributes"].as_u64().unwrap();
    assert!(ended["reason"] == "dry" && (46..=50).contains(&found), "{ended}");
    let seeds = &ended["numbers"]["seeds"];
    assert!(seeds["known"] == 30 && seeds["named"].as_u64() >= Some(27), "{ended}");
    let feed = api.feed(&id).await;
    let texts: Vec<String> = feed.iter().map(|(_, text)| text.clone()).collect();
    assert!(set(&texts).is_subset(&all[30..].iter().map(String::as_str).collect()), "{texts:?}");
    assert!(feed.iter().map(|(seq, _)| *seq).eq(1..=found), "{feed:?}");
    assert_eq!(world.place.lines(&id), texts);
}

/// An answer that is full of known items has listed nothing.
#[tokio::test]
async fn what_a_long_list_lacks_is_found_part_by_part() {
    let place = Place::new(birds(0.0)).await;
    let config = place.config("small");
    let all: Vec<String> =
        Taxonomy::load("birds").unwrap().items.iter().map(|item| item.text.clone()).collect();
    let known: Vec<&str> =
        all.iter().enumerate().filter(|(at, _)| at % 4 > 0).map(|(_, name)| name.as_str()).collect();
    let file = place.path().join("known.txt");
    std::fs::write(&file, known.join("\n")).unwrap();
    let arguments = [
        "Birds",
        "--no-web",
        "--partition",
        "alphabetical",
        "--until-complete",
        "90",
        "--seed",
        file.to_str().unwrap(),
    ];
    let finished = JsonRun::start(&place, &config, &arguments).finished().await;
    let (found, lacking) = (place.lines("birds"), all.len() - known.len());
    let known: BTreeSet<&str> = known.into_iter().collect();
    let real = found.iter().filter(|line| all.contains(line)).count();
    assert!(found.iter().all(|line| !known.contains(line.as_str())), "{finished}");
    assert!(real * 100 >= lacking * 80, "{real} of {lacking}: {finished}");
    let replay = place.command(&["replay", "birds", "--config"]).arg(&config).output().unwrap();
    assert!(replay.status.success(), "{replay:?}");
}
