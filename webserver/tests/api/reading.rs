//! Reading topics, items and curves.

use igentai_core::cost::Cost;
use igentai_core::decision::{Definition, Ending, Met, What};
use igentai_core::estimate::{Completeness, Estimate};
use igentai_core::fold::{Probed, Totals};
use igentai_core::frontier::{Part, PartState};
use igentai_core::phrasing::Phrasing;
use igentai_core::topic::{EndReason, Limits, Topic, TopicState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::answer;
use crate::support::World;

#[tokio::test]
async fn topics_are_listed_page_by_page_and_by_state() {
    let world = World::new();
    for name in ["d", "a", "c", "b"] {
        let topic = world.running(name).await;
        if name != "c" {
            world.put(topic, TopicState::Ended(EndReason::Dry)).await;
        }
    }
    let server = world.serve().await;
    let ids = async |query: &str| {
        let list = server.get(&format!("/api/v1/topics{query}")).await.json();
        let ids: Vec<String> =
            list["items"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect();
        (ids.join(","), list["next_after"].as_str().map(str::to_owned))
    };
    assert_eq!(ids("").await, ("a,b,c,d".to_owned(), None));
    assert_eq!(ids("?limit=3").await, ("a,b,c".to_owned(), Some("c".to_owned())));
    assert_eq!(ids("?limit=3&after=c").await, ("d".to_owned(), None));
    assert_eq!(ids("?state=running").await, ("c".to_owned(), None));
    assert_eq!(ids("?state=ended&limit=2").await, ("a,b".to_owned(), Some("b".to_owned())));
}

#[tokio::test]
async fn numbers_come_from_the_coordinators_checkpoint() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    world.add(&topic.id, 1, 5).await;
    world.tick(&topic, |status| status.problem = Some("nothing answers".to_owned())).await;
    let numbers = server.get("/api/v1/topics/t").await.json()["numbers"].clone();
    assert_eq!(numbers["attributes"], 5);
    assert_eq!(numbers["totals"]["usd"], 0.000_21);
    assert_eq!(numbers["totals"]["duplicates"], 1);
    assert_eq!(numbers["providers"]["small"]["sums"]["attributes"], 5);
    assert_eq!(numbers["producers"]["p1"]["requests"], 1);
    assert_eq!(numbers["problem"], "nothing answers");
    let reason = EndReason::MaxRequests;
    let limits = Limits { max_requests: Some(1), ..topic.limits };
    world.put(Topic { limits, ..topic }, TopicState::Ended(reason)).await;
    let told = server.get("/api/v1/topics/t").await.json();
    assert_eq!(told["reason_text"], "the cap on requests is used up (1 request)");
}

#[tokio::test]
async fn it_is_told_which_way_to_ask_leads_and_which_are_used_no_more() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    world.add(&topic.id, 1, 5).await;
    let told = async || {
        let numbers = server.get("/api/v1/topics/t").await.json()["numbers"].clone();
        let all = numbers["phrasings"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|one| format!("{} {}", one["phrasing"], one["state"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    world.tick(&topic, |_| {}).await;
    assert!(told().await.is_empty(), "nobody has said which are used");
    world.tick(&topic, |status| status.wordings = vec![Phrasing::Rare, Phrasing::Broad]).await;
    assert_eq!(told().await, ["rare leading", "broad used", "plain retired", "exact retired"]);
    let plain = server.get("/api/v1/topics/t").await.json()["numbers"]["phrasings"][2].clone();
    assert_eq!((&plain["answers"], &plain["new"]), (&json!(1), &json!(5)));
}

#[tokio::test]
async fn items_are_read_page_by_page_and_as_text() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    world.add(&topic.id, 1, 25).await;
    let all = world.set(&topic.id, 1).await;
    let mut read = Vec::new();
    let mut after = 0;
    loop {
        let page = server.get(&format!("/api/v1/topics/t/attributes?after={after}&limit=10")).await.json();
        assert_eq!(page["run"], 1);
        after = page["next_after"].as_u64().unwrap();
        let items = page["items"].as_array().unwrap().clone();
        if items.is_empty() {
            break;
        }
        read.extend(
            items.into_iter().map(|i| (i["seq"].as_u64().unwrap(), i["text"].as_str().unwrap().to_owned())),
        );
    }
    assert_eq!(read, all);
    assert_eq!(after, 25);

    let lines = |from: usize, to: usize| {
        all[from..to].iter().flat_map(|(_, text)| [text.as_str(), "\n"]).collect::<String>()
    };
    let path = "/api/v1/topics/t/attributes";
    let text = answer(server.ask(Method::GET, path).header("accept", "text/plain")).await;
    assert_eq!((text.header("content-type"), text.text.clone()), ("text/plain; charset=utf-8", lines(0, 25)));
    assert_eq!(server.get(&format!("{path}?format=text&after=3&limit=4")).await.text, lines(3, 7));
    assert_eq!(server.get(&format!("{path}?format=text&after=25")).await.text, "");
}

#[tokio::test]
async fn a_text_of_many_pages_is_whole() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    for _ in 0..9 {
        world.add(&topic.id, 1, 500).await;
    }
    let text = server.get("/api/v1/topics/t/attributes?format=text").await.text;
    let set = world.set(&topic.id, 1).await;
    assert!(text.lines().eq(set.iter().map(|(_, text)| text.as_str())));
}

#[tokio::test]
async fn what_models_say_is_text_and_nothing_else() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    let hostile = ["<script>alert(1)</script>", "\"quotes\" and \\", "=cmd()", "\u{202e}abc", "data: x"]
        .map(str::to_owned);
    world.commit(&topic.id, 1, ("p1", "small"), &hostile).await;
    let page = server.get("/api/v1/topics/t/attributes").await;
    assert_eq!(page.header("content-type"), "application/json");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let texts: Vec<String> = page.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(texts, hostile);
    let text = server.get("/api/v1/topics/t/attributes?format=text").await;
    assert!(text.header("content-disposition").starts_with("attachment"));
    assert_eq!(text.text.lines().count(), hostile.len());
}

#[tokio::test]
async fn a_text_is_saved_under_the_topics_id() {
    let world = World::new();
    let server = world.serve().await;
    let disposition = async |name: &str| {
        let topic = world.running(name).await;
        let text = server.get(&format!("/api/v1/topics/{}/attributes?format=text", topic.id)).await;
        text.header("content-disposition").to_owned()
    };
    assert_eq!(
        disposition("Dog breeds").await,
        "attachment; filename=\"dog_breeds.txt\"; filename*=UTF-8''dog_breeds.txt"
    );
    assert!(disposition("名前").await.starts_with("attachment; filename=\"topic.txt\"; filename*=UTF-8''%"));
}

#[tokio::test]
async fn a_curve_ends_where_the_log_ends_and_never_falls() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    assert_eq!(server.get("/api/v1/topics/t/curve").await.json(), json!({"run": 1, "points": []}));
    for n in 0..90 {
        world.add(&topic.id, 1, n % 3).await;
    }
    for points in [2, 7, 90, 500] {
        let curve = server.get(&format!("/api/v1/topics/t/curve?points={points}")).await.json();
        let read: Vec<(u64, u64)> = curve["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| (p["log_index"].as_u64().unwrap(), p["attributes"].as_u64().unwrap()))
            .collect();
        assert!(read.len() <= points + 1, "{} points for {points}", read.len());
        assert!(read.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{read:?}");
        assert_eq!(read.last(), Some(&(90, 90)));
    }
}

#[tokio::test]
async fn decisions_are_read_from_the_newest_on_page_by_page() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    let page = server.get("/api/v1/topics/t/decisions").await.json();
    assert_eq!(page, json!({"run": 1, "total": 0, "decisions": []}));
    world.decide(&topic, 600).await;
    let mut read = Vec::new();
    let mut query = "?limit=170".to_owned();
    loop {
        let page = server.get(&format!("/api/v1/topics/t/decisions{query}")).await.json();
        assert_eq!((&page["run"], &page["total"]), (&json!(1), &json!(600)));
        let decisions = page["decisions"].as_array().unwrap();
        let Some(last) = decisions.last() else { break };
        read.extend(decisions.iter().map(|one| one["number"].as_u64().unwrap()));
        query = format!("?limit=170&before={}", last["number"]);
    }
    assert_eq!(read, (1..=600).rev().collect::<Vec<_>>());
    let of_kinds = async |query: &str| {
        let page = server.get(&format!("/api/v1/topics/t/decisions?{query}")).await.json();
        let numbers = |one: &Value| one["number"].as_u64().unwrap();
        let numbers: Vec<u64> = page["decisions"].as_array().unwrap().iter().map(numbers).collect();
        (numbers, page.get("next_before").and_then(Value::as_u64))
    };
    assert_eq!(of_kinds("kind=taken_up&limit=4").await, (vec![501, 401, 301, 201], Some(201)));
    assert_eq!(of_kinds("kind=taken_up&limit=4&before=201").await, (vec![101, 1], None));
    assert_eq!(of_kinds("kind=taken_up,asked&limit=2&before=502").await, (vec![501, 500], Some(500)));
    assert_eq!(of_kinds("kind=ending").await, (Vec::new(), None));
    let newest = server.get("/api/v1/topics/t/decisions").await.json();
    assert_eq!(newest["decisions"].as_array().unwrap().len(), 50);
    let one = &newest["decisions"][0];
    assert_eq!(
        (&one["kind"], &one["asked"]["cell"], &one["asked"]["why"]),
        (&json!("asked"), &json!("s"), &json!("most"))
    );
    assert!(one["text"].as_str().unwrap().starts_with("p1 asks small for s, 50 items: "), "{one}");
    assert_eq!(server.get("/api/v1/topics/other/decisions").await.status, 404);
}

#[tokio::test]
async fn what_an_operator_changed_and_what_an_end_met_is_told() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    let other = Topic { prompt: Some("Name sights".into()), items_per_request: 7, ..topic.clone() };
    let changed = Definition::of(&topic).changed(&Definition::of(&other)).unwrap();
    let ending = Ending {
        reason: EndReason::MaxRequests,
        found: 3,
        requests: 200,
        cost: Cost::ZERO,
        completeness: None,
        met: Some(Met::Requests { cap: 200, beside: 0 }),
    };
    world.decided(&topic, vec![What::Changed(changed), What::Ending(ending)]).await;
    let page = server.get("/api/v1/topics/t/decisions?kind=changed").await.json();
    let [one] = page["decisions"].as_array().unwrap().as_slice() else { unreachable!("{page}") };
    assert_eq!((&one["kind"], &one["number"]), (&json!("changed"), &json!(1)));
    assert_eq!(
        one["changed"],
        json!([
            { "field": "items_per_request", "before": "50", "after": "7" },
            { "field": "prompt", "after": "Name sights" },
        ])
    );
    let text =
        "changed by the operator: the items of a request from 50 to 7; the prompt from none to “Name sights”";
    assert_eq!(one["text"], text);
    let page = server.get("/api/v1/topics/t/decisions?kind=ending").await.json();
    let one = &page["decisions"][0];
    assert_eq!(one["ending"]["met"], "the cap of 200 requests");
    assert!(one["text"].as_str().unwrap().contains("is used up (the cap of 200 requests); 3 items"), "{one}");
}

#[tokio::test]
async fn the_last_minutes_are_told_by_provider_producer_and_part() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    let ask = async || server.get("/api/v1/topics/t/statistics").await;
    let early = ask().await;
    assert_eq!(early.status, 200);
    assert_eq!(
        (&early.json()["short"]["all"]["sums"]["requests"], early.json().get("at")),
        (&json!(0), None)
    );
    for (producer, count) in [("p1", 3), ("p2", 5)] {
        let texts: Vec<String> = (0..count).map(|item| format!("item {item}")).collect();
        world.commit(&topic.id, 1, (producer, "small"), &texts).await;
    }
    world.tick(&topic, |_| ()).await;
    let told = ask().await.json();
    assert_eq!(
        (&told["run"], &told["short"]["seconds"], &told["long"]["seconds"]),
        (&json!(1), &json!(300), &json!(1_800))
    );
    assert_eq!(told["short"]["all"]["sums"]["attributes"], 5, "{told}");
    assert_eq!(told["short"]["producers"]["p2"]["sums"]["attributes"], 2);
    assert_eq!(told["short"]["producers"]["p2"]["of_others"], 0.5);
    assert_eq!(told["short"]["providers"]["small"]["new_per_answer"], 2.5);
    assert_eq!(told["short"]["rows"].as_array().unwrap().len(), 2);
    assert_eq!(server.get("/api/v1/topics/none/statistics").await.status, 404);
}

#[tokio::test]
async fn how_far_each_part_is_is_told_with_what_asking_for_parts_brought() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    let ask = async || server.get("/api/v1/topics/t/parts").await;
    let early = ask().await.json();
    assert_eq!((&early["attributes"], &early["parts"], early.get("at")), (&json!(0), &json!([]), None));
    let totals = |requests, attributes| Totals { responses: requests, attributes, ..Totals::default() };
    world
        .tick(&topic, |status| {
            status.totals = totals(10, 90);
            status.totals.left_out = 20;
            status.totals.copied = 2;
            for (cell, sums) in
                [("a-f", totals(5, 50)), ("categories", totals(1, 0)), ("judge", totals(1, 0))]
            {
                status.cells.insert(cell.to_owned(), sums);
            }
            status.probed = Probed { answers: 9, newest: 8, mentions: 40, known: 38 };
            let estimate = Estimate { total: 60.0, low: 50.0, high: 75.0, made_up: 1.0 };
            status.parts = vec![Part {
                cell: "a-f".to_owned(),
                state: PartState::GivenUp,
                found: 51,
                coverage: Some(0.5),
                completeness: Some(Completeness { estimate, completeness: 0.8, at_least: false }),
                answers: 5,
                listed_by: vec!["small".to_owned()],
            }];
        })
        .await;
    let told = ask().await.json();
    assert_eq!((&told["run"], &told["partition"]), (&json!(1), &json!("none")));
    let numbers =
        |of: &Value| (of["answers"].clone(), of["attributes"].clone(), of["new_per_answer"].clone());
    assert_eq!(numbers(&told["whole"]), (json!(3), json!(40), json!(13.333_333_333)));
    assert_eq!(numbers(&told["aimed"]), (json!(5), json!(50), json!(10.0)));
    assert_eq!((&told["left_out"], &told["left_out_and_given"]), (&json!(20), &json!(2)));
    let probes = json!({"answers": 9, "newest": 8, "mentions": 40, "known": 38, "coverage": 0.95});
    assert_eq!(told["probes"], probes);
    let completeness = json!({"completeness": 0.8, "total": 60.0, "low": 50.0, "high": 75.0, "made_up": 1.0, "at_least": false});
    assert_eq!(
        told["parts"],
        json!([{"cell": "a-f", "state": "given_up", "found": 51, "coverage": 0.5, "completeness": completeness, "answers": 5, "listed_by": ["small"]}])
    );
    let topic = server.get("/api/v1/topics/t").await.json();
    assert_eq!(topic["numbers"]["probes"], probes);
    assert_eq!(server.get("/api/v1/topics/none/parts").await.status, 404);
}

#[tokio::test]
async fn the_next_items_have_a_price_or_it_is_said_why_they_have_none() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await;
    let ask = async |items: u64| server.get(&format!("/api/v1/topics/t/quote?items={items}")).await;
    let early = ask(20).await;
    assert_eq!((early.status, early.problem().as_str()), (409, "no-quote"));
    assert!(early.json()["detail"].as_str().unwrap().starts_with("too few answers yet"));
    for answer in 0..8 {
        let texts: Vec<String> =
            (0..40).map(|item| format!("item {}", (answer * 61 + item * item) % 311)).collect();
        world.commit(&topic.id, 1, ("p1", "small"), &texts).await;
    }
    world.tick(&topic, |_| ()).await;
    let quote = ask(20).await;
    assert_eq!(quote.status, 200);
    let quote = quote.json();
    assert_eq!((&quote["run"], &quote["log_index"], &quote["items"]), (&json!(1), &json!(8), &json!(20)));
    for name in ["requests", "usd"] {
        let [low, about, high] = ["low", "about", "high"].map(|end| quote[name][end].as_f64().unwrap());
        assert!(0.0 < low && low <= about && about <= high, "{quote}");
    }
    let text = quote["text"].as_str().unwrap();
    assert!(quote["is_rough"] == true && text.starts_with("the next 20 items: $0.00"), "{quote}");
    let usual = server.get("/api/v1/topics/t/quote").await.json();
    let most = usual["items"].as_u64().unwrap();
    assert!((1..=100).contains(&most), "{usual}");
    assert!(most == 100 || ask(most + 1).await.status == 409, "{usual}");
    let most = usual["most_requests"].as_u64().unwrap();
    let bring =
        async |requests: u64| server.get(&format!("/api/v1/topics/t/quote?requests={requests}")).await;
    let brought = bring(most).await.json();
    let requests = ["low", "about", "high"].map(|end| brought["requests"][end].to_string());
    assert_eq!(requests, [(); 3].map(|()| format!("{most}.0")));
    let [low, about, high] = ["low", "about", "high"].map(|end| brought["new_items"][end].as_f64().unwrap());
    assert!(low < about && about < high && brought["items"].as_f64() == Some(about.round()), "{brought}");
    assert!(brought["text"].as_str().unwrap().contains(" new items ("), "{brought}");
    let far = bring(most + 1).await;
    assert_eq!((far.status, far.problem().as_str()), (409, "no-quote"));
    let both = server.get("/api/v1/topics/t/quote?requests=1&items=1").await;
    assert_eq!((both.status, both.problem().as_str()), (400, "bad-query"));
    let far = ask(100_000).await;
    assert_eq!((far.status, far.problem().as_str()), (409, "no-quote"));
    assert!(!far.json()["detail"].as_str().unwrap().starts_with("too few answers"), "{}", far.json());
}
