//! The server over a registry and a bus in memory, with made-up topics that go on by themselves: to look at the page.
//!
//! `cargo run -p igentai-webserver --example demo -- 127.0.0.1:8090`; with `leaderless` behind it, the orchestrator dies at once.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a demonstration may fail loudly"
)]

#[path = "../tests/api/support/mod.rs"]
mod support;

use std::time::Duration;

use igentai_core::command::{ProviderReport, ProviderState};
use igentai_core::topic::{EndReason, Limits, Topic, TopicState};
use igentai_shared::store::Store;
use support::{Server, World};

const FIRST: [&str; 10] =
    ["Grand", "Old", "Royal", "Hidden", "Saint", "Petit", "Nouveau", "Golden", "Upper", "Little"];
const SECOND: [&str; 12] = [
    "Palais", "Museum", "Garden", "Bridge", "Market", "Church", "Tower", "Gallery", "Arcade", "Square",
    "Library", "Canal",
];
const THIRD: [&str; 10] = [
    "of Arts",
    "de la Seine",
    "Montmartre",
    "du Nord",
    "Belleville",
    "of Light",
    "Marais",
    "d'Orsay",
    "Vincennes",
    "Pigalle",
];

#[tokio::main]
async fn main() {
    let bind = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".to_owned());
    let leaderless = std::env::args().nth(2).is_some_and(|word| word == "leaderless");
    let world = World::new();
    world.lead().await;
    for (name, reason) in [
        ("Chemical elements", EndReason::Dry),
        ("Best Sci-Fi Movies (2020s)", EndReason::MaxUsd),
        (
            "A topic with <b>markup</b> & \"quotes\" in a name that goes on and on, well beyond what fits in a list",
            EndReason::NoProvider,
        ),
    ] {
        let topic = world.running(name).await;
        for _ in 0..6 {
            world.add(&topic.id, 1, 19).await;
        }
        let topic = world.put(topic, TopicState::Ended(reason)).await;
        world.tick(&topic, |_| ()).await;
    }
    let capped = world.running("Dog breeds").await;
    for _ in 0..40 {
        world.add(&capped.id, 1, 3).await;
    }
    let limits = Limits { max_requests: Some(40), ..Limits::default() };
    let prompt = Some("dog breeds that a kennel club knows".to_owned());
    let capped = Topic { limits, prompt, ..capped };
    let capped = world.put(capped, TopicState::Ended(EndReason::MaxRequests)).await;
    world.tick(&capped, |_| ()).await;
    let paris = world.running("Paris attractions").await;
    let hostile = [
        "<script>alert(1)</script>",
        "\u{202e}desrever",
        "=cmd()",
        "<img src=x onerror=alert(1)>",
        &"very long ".repeat(40),
    ];
    let event = world.commit(&paris.id, 1, ("p1", "small"), &hostile.map(str::to_owned)).await;
    world.publish(&event).await;
    let mut asked = 0;
    for _ in 0..90 {
        step(&world, &paris, &mut asked).await;
    }
    let server = Server::start(world.context(), &bind).await;
    eprint_address(&server);
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        if leaderless {
            continue;
        }
        world.beat().await;
        let current = world.store.topic(&paris.id).await.unwrap().unwrap();
        match current.state {
            TopicState::Running => step(&world, &current, &mut asked).await,
            TopicState::Starting => drop(world.open(current).await),
            TopicState::Ending(reason) => {
                let ended = world.put(current, TopicState::Ended(reason)).await;
                world.tick(&ended, |_| ()).await;
            }
            TopicState::Ended(_) => {}
        }
    }
}

#[allow(clippy::print_stdout, reason = "says where it is")]
fn eprint_address(server: &Server) {
    println!("http://{}", server.address);
}

/// One response: ever less of it new.
async fn step(world: &World, topic: &Topic, asked: &mut usize) {
    *asked += 1;
    let n = *asked;
    let provider = ["openai-mini", "local-llama", "claude"][n % 3];
    let producer = ["producer-1", "producer-2", "producer-3", "producer-4"][n % 4];
    let total = FIRST.len() * SECOND.len() * THIRD.len();
    let texts: Vec<String> = (0..14)
        .map(|k| {
            let chance = ((n * 7_919 + k * 104_729) % 1_000) as f64 / 1_000.0;
            let pick = (chance * chance * total as f64 * (n as f64 / (n as f64 + 60.0))) as usize % total;
            format!("{} {} {}", FIRST[pick % 10], SECOND[pick / 10 % 12], THIRD[pick / 120])
        })
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let texts = if n.is_multiple_of(11) { Vec::new() } else { texts };
    let event = world.commit(&topic.id, topic.run, (producer, provider), &texts).await;
    world.publish(&event).await;
    world
        .tick(topic, |status| {
            status.attributes_per_minute = 210.0 / (1.0 + n as f64 / 60.0);
            status.active_producers = 4;
            let report = |name: &str, state, detail: &str| ProviderReport {
                name: name.to_owned(),
                model: format!("{name}-2026"),
                state,
                detail: detail.to_owned(),
                weight_millis: None,
                rests: false,
                key_waits_ms: 0,
            };
            status.provider_reports = vec![
                report("openai-mini", ProviderState::Ready, ""),
                report("local-llama", ProviderState::Waiting, "429: the service asks to wait 12 s"),
                report("claude", ProviderState::Stopped, "the key in ANTHROPIC_API_KEY is not accepted"),
            ];
            status.problem = (n % 40 > 34).then(|| "all providers wait for their rate limits".to_owned());
        })
        .await;
}
