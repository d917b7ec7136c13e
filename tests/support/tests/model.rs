//! The stand-in model service, asked over raw HTTP.
#![expect(clippy::expect_used, reason = "a test says what it expects")]

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    process::Command,
    time::Duration,
};

use igentai_test_support::{
    eventually,
    http::{self, Answer},
    model::{Behaviour, Entry, ModelService, Plan, Script, Style, key_hash},
    process::Process,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);

fn birds() -> Script {
    Script::new((1..=200).map(|rank| format!("bird {rank}")))
}

async fn post(service: &ModelService, body: Value) -> io::Result<Answer> {
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("authorization".to_owned(), "Bearer sesame".to_owned()),
    ];
    let body = body.to_string().into_bytes();
    http::request_async(service.addr().to_string(), "POST", "/v1/chat/completions".into(), headers, body)
        .await
}

fn list(count: usize) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": format!("List {count} birds.")}]})
}

fn content(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    body["choices"][0]["message"]["content"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_schema_is_answered_with_as_many_items_as_asked_for_and_written_down() -> io::Result<()> {
    let service = ModelService::start(birds()).await?;
    let mut request = list(30);
    request["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "birds", "schema": {
        "type": "object", "properties": {"items": {"type": "array", "items": {"type": "string"}}},
    }}});
    let answer = post(&service, request).await?;
    assert_eq!(answer.status, 200);
    let items: Value = serde_json::from_str(&content(&answer)).expect("JSON in the answer");
    let entries = service.entries();
    let [entry] = entries.as_slice() else { unreachable!("one request was made: {entries:?}") };
    assert_eq!(items, json!({"items": entry.items}));
    assert_eq!(entry.items.iter().collect::<BTreeSet<_>>().len(), 30);
    assert_eq!((entry.number, entry.model.as_str(), entry.prompt.as_str()), (0, "m", "List 30 birds."));
    assert_eq!(entry.key_hash, Some(key_hash("sesame")));
    assert!(!format!("{entry:?}").contains("sesame"), "{entry:?}");
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body["usage"]["prompt_tokens"], service.prompt_tokens());
    assert_eq!(body["usage"]["completion_tokens"], service.completion_tokens());
    assert_eq!((service.requests(), service.answered()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn the_same_script_gives_the_same_answers() -> io::Result<()> {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let service = ModelService::start(Script { seed: 11, ..birds() }).await?;
        let mut texts = Vec::new();
        for _ in 0..5 {
            texts.push(content(&post(&service, list(10)).await?));
        }
        runs.push(texts);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0][0], runs[0][1]);
    Ok(())
}

#[tokio::test]
async fn each_fault_is_made_as_the_script_says() -> io::Result<()> {
    let service = ModelService::start(Script { styles: vec![Style::Plain], ..birds() }).await?;
    service.set_plan(Plan::Sequence(vec![
        Behaviour::too_many_requests("600"),
        Behaviour::TruncatedJson,
        Behaviour::Html200,
        Behaviour::HugeBody(3_000_000),
        Behaviour::Raw("As a language model, I can't.".into()),
    ]));
    let refused = post(&service, list(3)).await?;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("600")));
    let truncated = post(&service, list(3)).await?;
    assert_eq!(truncated.status, 200);
    assert!(serde_json::from_slice::<Value>(&truncated.body).is_err(), "{}", truncated.text());
    let page = post(&service, list(3)).await?;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
    let huge = post(&service, list(3)).await?;
    let text: String = serde_json::from_slice(&huge.body).expect("a JSON string");
    assert_eq!((huge.body.len(), text.len()), (3_000_000, 2_999_998));
    assert_eq!(content(&post(&service, list(3)).await?), "As a language model, I can't.");
    assert_eq!(content(&post(&service, list(3)).await?).lines().count(), 3);
    assert_eq!((service.requests(), service.answered()), (6, 2));
    Ok(())
}

#[tokio::test]
async fn connections_are_closed_stalled_and_refused() -> io::Result<()> {
    let service = ModelService::start(birds()).await?;
    service.set_plan(Plan::Always(Behaviour::RefuseConnection));
    let error = post(&service, list(3)).await.expect_err("closed without a byte");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);

    service.set_plan(Plan::Always(Behaviour::StallAfterFirstByte));
    let address = service.addr();
    let stalled = tokio::task::spawn_blocking(move || -> io::Result<String> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_millis(300)))?;
        let body = list(3).to_string();
        write!(
            stream,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut received = Vec::new();
        let error = stream.read_to_end(&mut received).expect_err("nothing more comes");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        Ok(String::from_utf8_lossy(&received).into_owned())
    });
    let received = stalled.await.map_err(io::Error::other)??;
    assert!(received.ends_with("\r\n\r\n1\r\n{\r\n"), "{received:?}");

    service.refuse_connections(true).await?;
    let error = post(&service, list(3)).await.expect_err("refused");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    service.refuse_connections(false).await?;
    service.set_plan(Plan::Answer);
    assert_eq!(post(&service, list(3)).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_wrong_key_is_turned_away_and_models_are_listed_with_the_right_one() -> io::Result<()> {
    let service = ModelService::start(Script { key: Some("other".into()), ..birds() }).await?;
    assert_eq!(post(&service, list(3)).await?.status, 401);
    let models = async |key: &str| {
        let headers = vec![("authorization".to_owned(), format!("Bearer {key}"))];
        http::request_async(service.addr().to_string(), "GET", "/v1/models".into(), headers, vec![]).await
    };
    assert_eq!(models("wrong").await?.status, 401);
    let models: Value = serde_json::from_slice(&models("other").await?.body).expect("JSON");
    assert_eq!(models["data"][0]["id"], "stand-in");
    Ok(())
}

#[tokio::test]
async fn the_program_serves_a_file_and_appends_its_journal() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (catalogue, journal) = (folder.path().join("birds.txt"), folder.path().join("journal.jsonl"));
    std::fs::write(&catalogue, "crane\nheron\n\negret\n")?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_igentai-stand-in-model"));
    command.arg("--catalogue").arg(&catalogue).arg("--journal").arg(&journal).args(["--seed", "3"]);
    let mut program = Process::spawn(command)?;
    let line = program.wait_for_line("listening on http://", SOON).await?;
    let address = line.trim_start_matches("listening on http://").trim_end_matches("/v1/").to_owned();
    let body = list(2).to_string().into_bytes();
    let answer = http::request_async(address, "POST", "/v1/chat/completions".into(), vec![], body).await?;
    assert_eq!(answer.status, 200);
    eventually(SOON, || async { std::fs::read_to_string(&journal).is_ok_and(|text| text.ends_with('\n')) })
        .await?;
    let entry: Entry = serde_json::from_str(std::fs::read_to_string(&journal)?.trim_end())?;
    assert_eq!((entry.answered, entry.items.len(), entry.key_hash), (true, 2, None));
    program.terminate()?;
    assert!(program.wait(SOON).await?.success());
    assert!(program.lines().contains(&"1 requests, 1 answered".to_owned()), "{:?}", program.lines());
    Ok(())
}
