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
        let said = process.tail();
        assert!(said.contains("AMQP_URL") && said.contains("REDIS_URL"), "{role} names all at once: {said}");
        assert!(!said.contains("INFO"), "{role} started nothing: {said}");
    }
}

#[tokio::test]
async fn a_role_whose_port_is_taken_ends_before_it_connects_to_anything() {
    let place = Place::new(script(1, 0)).await;
    let config = place.config("m");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for role in ["orchestrator", "webserver", "producer"] {
        let mut command = place.command(&[role, "--port", &port, "--config"]);
        command.arg(&config);
        command.env("AMQP_URL", "amqp://127.0.0.1:1").env("REDIS_URL", "redis://127.0.0.1:1");
        let mut process = igentai_test_support::process::Process::spawn(command).unwrap();
        let code = process.wait(crate::world::SOON).await.unwrap().code();
        let said = process.tail();
        assert_eq!(code, Some(1), "{role}: {said}");
        assert!(said.contains("cannot listen on 127.0.0.1") && !said.contains("panicked"), "{role}: {said}");
        assert!(!said.contains("connecting to RabbitMQ"), "{role}: {said}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_named_with_what_to_do() {
    let place = Place::new(script(1, 0)).await;
    let config = place.config("m");
    let store = place.out().join(".igentai/store.redb");
    std::fs::create_dir_all(store.parent().unwrap()).unwrap();
    std::fs::write(&store, "no store, but somebody's notes of last week").unwrap();
    let mut run = JsonRun::start(&place, &config, &["Sights", "--no-web"]);
    assert_eq!(run.code().await, Some(4), "{}", run.process.tail());
    let said = run.process.tail();
    assert!(said.contains("outputs/.igentai/store.redb") && said.contains("move it away"), "{said}");
    let file = store.to_str().unwrap();
    let mut run = JsonRun::start(&place, &config, &["Sights", "--no-web", "--out", file]);
    assert_eq!(run.code().await, Some(4), "{}", run.process.tail());
    assert!(run.process.tail().contains("--out"), "{}", run.process.tail());
}

#[tokio::test]
async fn a_wrong_configuration_ends_the_doctor_like_everybody_else() {
    let place = Place::new(script(1, 0)).await;
    let config = place.path().join("wrong.toml");
    std::fs::write(&config, "[run]\nproducers = 0\n").unwrap();
    let mut command = place.command(&["doctor", "--config"]);
    command.arg(&config);
    let mut process = igentai_test_support::process::Process::spawn(command).unwrap();
    assert_eq!(process.wait(crate::world::SOON).await.unwrap().code(), Some(2), "{}", process.tail());
    let mut command = place.command(&["doctor", "--json", "--config"]);
    command.arg(&config);
    let output = command.output().unwrap();
    let mistake: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&mistake["key"], &mistake["line"]), (&"run.producers".into(), &2.into()), "{mistake}");
    assert!(mistake["file"].as_str().unwrap().ends_with("wrong.toml"), "{mistake}");
    std::fs::write(&config, "[providers.demo]\nkind = \"demo\"\n").unwrap();
    let mut command = place.command(&["doctor", "--out", "elsewhere", "--config"]);
    command.arg(&config);
    let mut process = igentai_test_support::process::Process::spawn(command).unwrap();
    assert_eq!(process.wait(crate::world::SOON).await.unwrap().code(), Some(0), "{}", process.tail());
    assert!(process.tail().contains("output folder elsewhere"), "{}", process.tail());
}

#[tokio::test]
async fn the_doctor_does_not_call_well_what_could_not_run() {
    let key = Some("right".into());
    let place = Place::new(igentai_test_support::model::Script { key, ..script(50, 0) }).await;
    let config = place.config_with("stand-in", "api_key_env = \"SIGHTS_KEY\"");
    let text = std::fs::read_to_string(&config).unwrap();
    let doctor = async |text: &str, key: &str| {
        std::fs::write(&config, text).unwrap();
        let mut command = place.command(&["doctor", "--json", "--config"]);
        command.arg(&config).env("SIGHTS_KEY", key);
        let mut process = igentai_test_support::process::Process::spawn(command).unwrap();
        let code = process.wait(crate::world::SOON).await.unwrap().code();
        let told = process.lines().into_iter().find(|line| line.contains("provider small")).unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        (code, told["detail"].as_str().unwrap().to_owned())
    };
    let (code, detail) = doctor(&text, "right").await;
    assert_eq!((code, detail.as_str()), (Some(0), "answers, takes the key, knows the model"));
    for (text, key, said) in [
        (text.clone(), "wrong", "SIGHTS_KEY"),
        (text.replace("/v1", ""), "right", "it answers with /v1 behind `base_url`"),
        (text.replace("\"stand-in\"", "\"stand-inn\""), "right", "did you mean stand-in?"),
    ] {
        let (code, detail) = doctor(&text, key).await;
        assert!(code == Some(1) && detail.contains(said), "{code:?} {detail}");
    }
}

#[tokio::test]
async fn what_was_never_begun_cannot_go_on_whoever_would_know_it() {
    let place = Place::new(script(1, 0)).await;
    let config = place.path().join("empty.toml");
    std::fs::write(&config, "").unwrap();
    let mut run = JsonRun::start(&place, &config, &["Never", "--no-web", "--resume"]);
    assert_eq!(run.code().await, Some(2), "{}", run.process.tail());
    let said = run.process.tail();
    assert!(said.contains("no earlier run of “Never” to resume; leave out --resume"), "{said}");
}

#[tokio::test]
async fn a_run_whose_json_lines_nobody_reads_any_more_ends_in_good_order() {
    let place = Place::new(script(100_000, 50)).await;
    let config = place.config("m");
    let line = r#"{ "$0" run Sights --no-web --json --config "$1"; echo "code $?" >&2; } | head -1"#;
    let mut command = place.shell(line);
    command.arg(&config);
    let mut process = igentai_test_support::process::Process::spawn(command).unwrap();
    process.wait(crate::world::RUN).await.unwrap();
    let said = process.tail();
    assert!(said.contains("standard output was closed") && said.contains("stopping"), "{said}");
    assert!(said.contains("code 130"), "{said}");
}
