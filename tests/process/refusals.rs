//! What cannot work is said, with an exit code of its own.

use crate::embedded::JsonRun;
use crate::world::{Place, script};

#[tokio::test]
async fn a_wrong_key_names_the_variable_and_never_the_key() {
    let place =
        Place::new(igentai_test_support::model::Script { key: Some("right".into()), ..script(50, 0) }).await;
    let config = place.config_with("m", "api_key_env = \"SIGHTS_KEY\"");
    let mut program = place.command(&[]);
    program.env("SIGHTS_KEY", "sesame-7319");
    let mut run = JsonRun::of(&place, &program, &config, &["Sights", "--no-web"]);
    assert_eq!(run.code().await, Some(3), "{}", run.process.tail());
    let said = format!("{}\n{:?}", run.process.tail(), run.events());
    assert!(said.contains("SIGHTS_KEY"), "{said}");
    assert!(!said.contains("sesame"), "{said}");
}

#[tokio::test]
async fn a_topic_that_only_the_demo_could_serve_and_does_not_know_is_refused() {
    let place = Place::new(script(1, 0)).await;
    let config = place.path().join("empty.toml");
    std::fs::write(&config, "").unwrap();
    let mut run = JsonRun::start(&place, &config, &["Kinds of clouds", "--no-web"]);
    assert_eq!(run.code().await, Some(3), "{}", run.process.tail());
    let said = run.process.tail();
    assert!(said.contains("Kinds of clouds") && said.contains("Paris attractions"), "{said}");
    assert!(said.contains("OPENAI_API_KEY"), "it says how to ask a real model: {said}");
}

#[tokio::test]
async fn roles_without_their_servers_say_what_to_set() {
    let place = Place::new(script(1, 0)).await;
    let config = place.config("m");
    for role in ["orchestrator", "webserver", "up"] {
        let mut command = place.command(&[role, "--port", "0", "--config"]);
        command.arg(&config);
        let mut process = igentai_test_support::process::Process::spawn(command).unwrap();
        assert_eq!(
            process.wait(crate::world::SOON).await.unwrap().code(),
            Some(2),
            "{role}: {}",
            process.tail()
        );
        assert!(process.tail().contains("AMQP_URL"), "{role}: {}", process.tail());
        assert!(!process.tail().contains("is up"), "{role} started nothing: {}", process.tail());
    }
}
