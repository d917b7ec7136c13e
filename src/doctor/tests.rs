#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use igentai_shared::config::ProviderConfig;

use super::*;

fn url(text: &str) -> ServiceUrl {
    ServiceUrl::parse(text, &["amqp", "redis"]).unwrap()
}

fn grades(findings: &[Finding]) -> Vec<(&str, Grade)> {
    let short = |what: &str| what.split(' ').next().map(str::len).unwrap_or_default();
    findings.iter().map(|finding| (&finding.what[..short(&finding.what)], finding.grade)).collect()
}

#[tokio::test]
async fn the_embedded_shape_needs_nothing_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { providers: vec![ProviderConfig::demo()], ..Config::default() };
    config.run.out = folder.path().join("outputs");
    let findings = examine(&config).await;
    assert!(findings.iter().all(|finding| finding.grade == Grade::Ok), "{findings:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_store_in_use_is_fine_and_says_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let held = EmbeddedStore::open(&folder.path().join(".igentai")).unwrap();
    let found = embedded(folder.path(), true).await;
    assert_eq!(found.grade, Grade::Ok);
    assert!(found.detail.contains(&format!("process {}", std::process::id())), "{found:?}");
    assert!(!found.detail.contains("end it"), "{found:?}");
    held.close().await;
}

#[tokio::test]
async fn servers_that_are_not_there_fail_with_what_to_do_and_without_the_password() {
    let mut config = Config::default();
    config.run.out = tempfile::tempdir().unwrap().path().to_owned();
    config.bus.amqp_url = Some(url("amqp://me:s3cret@127.0.0.1:1/%2f"));
    config.store.redis_url = Some(url("redis://me:s3cret@127.0.0.1:1/0"));
    let findings = examine(&config).await;
    let wanted = [("output", Grade::Ok), ("broker", Grade::Fail), ("store", Grade::Fail)];
    assert_eq!(grades(&findings), wanted, "{findings:?}");
    let text = format!("{findings:?}");
    assert!(text.contains("is RabbitMQ running") && text.contains("is Redis running"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_said_of_it_and_of_the_store_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mut config = Config::default();
    config.run.out = file.join("outputs");
    let findings = examine(&config).await;
    let wanted = [("output", Grade::Fail), ("broker", Grade::Ok), ("store", Grade::Fail)];
    assert_eq!(grades(&findings), wanted, "{findings:?}");
}

#[test]
fn a_mistake_is_told_with_its_place_in_parts() {
    let mut mistake = ConfigError {
        place: Place::File { path: PathBuf::from("bad.toml"), line: Some(3) },
        path: "run.producers".to_owned(),
        value: Some("0".to_owned()),
        problem: "must be at least 1".to_owned(),
    };
    assert_eq!(
        said(&mistake, false),
        "fail  configuration — bad.toml:3: run.producers = 0: must be at least 1"
    );
    let told =
        |mistake: &ConfigError| serde_json::from_str::<serde_json::Value>(&said(mistake, true)).unwrap();
    let wanted = json!({
        "grade": "fail", "what": "configuration", "file": "bad.toml", "line": 3,
        "key": "run.producers", "value": "0", "detail": "must be at least 1",
    });
    assert_eq!(told(&mistake), wanted);
    mistake.place = Place::Variable("PORT".to_owned());
    assert_eq!(told(&mistake)["variable"], "PORT");
    mistake.place = Place::Flag("--out".to_owned());
    assert_eq!(told(&mistake)["flag"], "--out");
}
