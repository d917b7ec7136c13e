//! The stand-in model service with a world behind it, asked over raw HTTP.
#![expect(clippy::expect_used, reason = "a test says what it expects")]

use std::collections::BTreeSet;
use std::io;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use igentai_test_support::http::{self, Answer};
use igentai_test_support::model::{ModelService, Script, Speaker, Style};
use igentai_test_support::process::Process;
use igentai_test_support::world::taxonomy::Taxonomy;
use igentai_test_support::world::{Family, Traits, World};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);

fn script(models: Vec<Traits>) -> Script {
    let taxonomy = Taxonomy::load("sports").expect("the package is installed");
    let world = Arc::new(World::new(taxonomy, models, 1.0, 3));
    Script { world: Some(Speaker { world, slowness: 0.0 }), styles: vec![Style::Plain], ..Script::default() }
}

fn calm(models: Vec<Traits>) -> Vec<Traits> {
    let calm = |model| Traits { failures: 0.0, refusals: 0.0, chatter: 0.0, pads: 0.0, ..model };
    models.into_iter().map(calm).collect()
}

async fn ask(address: String, model: &str, prompt: &str) -> io::Result<Answer> {
    let body = json!({"model": model, "messages": [
        {"role": "system", "content": "You list things. Never begin with the letter Q."},
        {"role": "user", "content": prompt},
    ]});
    let body = body.to_string().into_bytes();
    http::request_async(address, "POST", "/v1/chat/completions".into(), vec![], body).await
}

fn lines(answer: &Answer) -> Vec<String> {
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let text = body["choices"][0]["message"]["content"].as_str().expect("a text");
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn models_of_a_world_answer_what_they_are_asked() -> io::Result<()> {
    let service = ModelService::start(script(calm(Family::Complementary.models()))).await?;
    let mut kinds = BTreeSet::new();
    for model in ["small", "medium", "large"] {
        let answer =
            ask(service.addr().to_string(), model, "List 30 sports beginning with the letter B.").await?;
        assert_eq!(answer.status, 200);
        let lines = lines(&answer);
        assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with(['b', 'B'])), "{lines:?}");
        kinds.insert(lines);
    }
    assert_eq!(kinds.len(), 3, "each knows others");
    let entries = service.entries();
    assert!(entries.iter().all(|entry| entry.answered && !entry.items.is_empty()), "{entries:?}");
    let models = http::request_async(service.addr().to_string(), "GET", "/v1/models".into(), vec![], vec![]);
    let models: Value = serde_json::from_slice(&models.await?.body).expect("JSON");
    assert_eq!(models["data"][2]["id"], "large");
    Ok(())
}

#[tokio::test]
async fn a_world_fails_and_declines_and_who_asks_too_often_is_told_so() -> io::Result<()> {
    let failing = Traits { failures: 1.0, ..Traits::default() };
    let service = ModelService::start(script(vec![failing])).await?;
    let mut statuses = BTreeSet::new();
    for _ in 0..20 {
        statuses.insert(ask(service.addr().to_string(), "small", "List 5 sports.").await?.status);
    }
    assert_eq!(statuses, [429, 500].into());
    assert_eq!(service.answered(), 0);

    let declining = Traits { failures: 0.0, refusals: 1.0, ..Traits::default() };
    let limited = Script { requests_per_minute: Some(2), ..script(vec![declining]) };
    let service = ModelService::start(limited).await?;
    for expected in [200, 200, 429] {
        let answer = ask(service.addr().to_string(), "small", "List 5 sports.").await?;
        assert_eq!(answer.status, expected);
        assert!(expected == 429 || lines(&answer)[0].starts_with("I'm sorry"));
    }
    Ok(())
}

#[tokio::test]
async fn the_program_serves_a_taxonomy() -> Result<(), Box<dyn std::error::Error>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igentai-stand-in-model"));
    command.args(["--taxonomy", "birds", "--models", "collapsed", "--slowness", "0", "--seed", "3"]);
    let mut program = Process::spawn(command)?;
    let line = program.wait_for_line("listening on http://", SOON).await?;
    let address = line.trim_start_matches("listening on http://").trim_end_matches("/v1/").to_owned();
    let mut status = 0;
    // Each request may fail, as a true one may.
    for _ in 0..5 {
        status = ask(address.clone(), "large", "List up to 20 kinds of birds.").await?.status;
        if status == 200 {
            break;
        }
    }
    assert_eq!(status, 200);
    program.terminate()?;
    assert!(program.wait(SOON).await?.success());
    Ok(())
}
