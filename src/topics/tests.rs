#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

pub(crate) mod world;

use igentai_core::rules::Script;
use igentai_core::topic::{EndReason, ProbeShare};
use igentai_webserver::api::dto::{
    CompletenessView, Phrasing, PhrasingNumbers, PhrasingState, ProviderNumbers, Sums, TopicView,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::world::{Server, World, texts};
use super::args::{Action, Doubted, Export, Format, Start, Tail, Which};
use super::client::Client;
use super::{Exit, Failure, act};
use crate::cli;
use crate::rules::RuleArgs;
use crate::seeds::SeedArgs;

fn which(id: &str) -> Which {
    Which { id: id.to_owned() }
}

fn start(name: &str) -> Start {
    Start {
        name: name.to_owned(),
        prompt: None,
        providers: Vec::new(),
        max_attributes: None,
        max_requests: None,
        until_complete: None,
        min_yield: None,
        seeds: SeedArgs::default(),
        routing: None,
        phrasing: None,
        rules: RuleArgs::default(),
        partition: None,
        probe_share: None,
        categories: Vec::new(),
        items_per_request: None,
        judge: None,
        max_usd: None,
        time_limit: None,
        fresh: false,
        resume: false,
        json: true,
    }
}

fn tail(id: &str, follow: bool, after: Option<u64>) -> Action {
    Action::Tail(Tail { topic: which(id), follow, after })
}

fn export(id: &str, format: Format, output: Option<std::path::PathBuf>) -> Action {
    Action::Export(Export { topic: which(id), format, output, doubted: Doubted::With })
}

async fn run(server: &str, action: Action) -> Result<String, Failure> {
    let mut out = Vec::new();
    let exit = act(&Client::new(server)?, action, &mut out).await?;
    assert_eq!(exit, Exit::Done);
    Ok(String::from_utf8(out).unwrap())
}

async fn said(server: &str, action: Action) -> String {
    run(server, action).await.unwrap_or_else(|failure| panic!("{failure}"))
}

async fn refused(server: &str, action: Action) -> Failure {
    run(server, action).await.unwrap_err()
}

#[tokio::test]
async fn a_topic_is_started_listed_shown_and_stopped() {
    let world = World::new();
    let server = world.serve().await;
    let request = Start {
        prompt: Some("sights".to_owned()),
        max_attributes: Some(7),
        items_per_request: Some(20),
        partition: Some(cli::Partition::Alphabetical),
        probe_share: ProbeShare::new(0.2),
        time_limit: Some(std::time::Duration::from_mins(1)),
        min_yield: Some(50),
        rules: RuleArgs { max_chars: Some(40), scripts: vec![Script::Latin], ..RuleArgs::default() },
        providers: vec![("small".to_owned(), 0.5)],
        ..start("Paris attractions")
    };
    let topic = said(&server.url, Action::Start(Box::new(request))).await;
    let topic: serde_json::Value = serde_json::from_str(&topic).unwrap();
    assert_eq!(topic["id"], "paris_attractions");
    assert_eq!(
        topic["limits"],
        serde_json::json!({ "max_attributes": 7, "time_limit_seconds": 60.0, "min_new_per_100_requests": 50 })
    );
    assert_eq!((&topic["items_per_request"], &topic["probe_share"]), (&20.into(), &0.2.into()));
    assert_eq!(topic["rules"], serde_json::json!({ "max_chars": 40, "scripts": ["latin"] }));
    assert_eq!(topic["provider_weights"], serde_json::json!({ "small": 0.5 }));

    let table = said(&server.url, Action::List { json: false }).await;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("ID ") && lines[0].ends_with("NAME"), "{table}");
    assert!(lines[1].starts_with("paris_attractions  starting") && lines[1].ends_with("Paris attractions"));
    let shown = said(&server.url, Action::Show { topic: which("paris_attractions"), json: false }).await;
    assert!(shown.contains("limits     7 items, 60 s") && shown.contains("prompt     sights"), "{shown}");
    assert!(shown.contains("samples    20 % of requests are about the whole"), "{shown}");
    assert!(shown.contains("rules      at most 40 characters, in latin"), "{shown}");
    let stopped = said(&server.url, Action::Stop { topic: which("Paris attractions"), json: false }).await;
    assert!(stopped.contains("(stopped)"), "{stopped}");
    server.stop().await;
}

#[tokio::test]
async fn rules_of_an_earlier_start_are_kept_and_told_until_they_are_taken_away() {
    let world = World::new();
    let server = world.serve().await;
    let started = async |rules| {
        let start = Start { rules, ..start("Paris") };
        let request = super::request(&start).unwrap();
        let topic = said(&server.url, Action::Start(Box::new(start))).await;
        let topic: TopicView = serde_json::from_str(&topic).unwrap();
        world.end(&world.store_topic(&topic.id).await, EndReason::Stopped).await;
        let kept = super::show::kept_rules(&request, &topic);
        (topic.rules.and_then(|rules| rules.max_chars), kept)
    };
    let short = RuleArgs { max_chars: Some(40), ..RuleArgs::default() };
    assert_eq!(started(short).await, (Some(40), None));
    let (rule, kept) = started(RuleArgs::default()).await;
    let kept = kept.unwrap();
    assert_eq!(rule, Some(40));
    assert!(kept.contains("are kept: at most 40 characters; --no-rules takes"), "{kept}");
    let none = RuleArgs { no_rules: true, ..RuleArgs::default() };
    assert_eq!(started(none).await, (None, None));
    assert_eq!(started(RuleArgs::default()).await, (None, None));
    server.stop().await;
}

#[tokio::test]
async fn a_start_that_nobody_takes_up_says_so() {
    let world = World::new();
    let server = world.serve().await;
    let topic = said(&server.url, Action::Start(Box::new(start("Paris")))).await;
    let mut topic: igentai_webserver::api::dto::TopicView = serde_json::from_str(&topic).unwrap();
    assert_eq!(super::show::started(&topic).lines().count(), 1);
    topic.numbers.problem = Some("no orchestrator leads since 12:00:00 UTC; start one".to_owned());
    let shown = super::show::started(&topic);
    assert!(shown.ends_with("\nbut nothing moves yet: no orchestrator leads since 12:00:00 UTC; start one"));
    let table = super::show::table(&[topic]);
    assert!(table.ends_with("\n\nparis: no orchestrator leads since 12:00:00 UTC; start one\n"), "{table}");
}

#[tokio::test]
async fn how_complete_topics_are_stands_in_the_table_and_all_is_never_said_while_something_is_missing() {
    let world = World::new();
    let server = world.serve().await;
    let topic = said(&server.url, Action::Start(Box::new(start("Paris")))).await;
    let mut topic: TopicView = serde_json::from_str(&topic).unwrap();
    assert!(super::show::table(&[topic.clone()]).contains(" -         -  0.0000"));
    topic.numbers.coverage = Some(0.9996);
    let said = |completeness, at_least| CompletenessView {
        completeness,
        total: 402.0,
        low: 375.2,
        high: 452.4,
        made_up: 3.0,
        at_least,
    };
    topic.numbers.completeness = Some(said(0.9996, false));
    let table = super::show::table(&[topic.clone()]);
    assert!(
        table.contains("COVERAGE  COMPLETE     USD") && table.contains("    99 %      99 %  0.0000"),
        "{table}"
    );
    let shown = super::show::topic(&topic);
    assert!(shown.contains("coverage   99 % of what these models will name next is known\n"), "{shown}");
    assert!(
        shown.contains("complete   99.9 % of about 402 (375 to 453), by what these models say\n"),
        "{shown}"
    );
    topic.numbers.completeness = Some(said(0.5, true));
    assert!(super::show::table(&[topic.clone()]).contains("  of at least 375  "));
    topic.numbers.completeness = Some(said(0.96, true));
    let table = super::show::table(&[topic]);
    assert!(table.contains("  of at least 385  "), "so many are found: {table}");
    server.stop().await;
}

#[tokio::test]
async fn what_the_server_refuses_is_told_with_title_detail_and_field() {
    let world = World::new();
    let server = world.serve().await;
    let wrong = Start { prompt: Some("  ".to_owned()), ..start("Paris") };
    let failure = refused(&server.url, Action::Start(Box::new(wrong))).await;
    assert_eq!(failure.exit, Exit::Failed);
    let message = failure.to_string();
    assert!(message.starts_with("the request is not allowed as it is:\n  --prompt: "), "{message}");
    assert_eq!(message.matches("it is empty").count(), 1, "{message}");
    assert!(message.contains("prompt") && message.contains("(allowed: 1 to 8192 bytes)"), "{message}");
    said(&server.url, Action::Start(Box::new(start("Paris")))).await;
    let again = refused(&server.url, Action::Start(Box::new(start("Paris")))).await;
    assert_eq!(again.to_string().matches("the topic is already running").count(), 1, "{again}");
    let never = Start { resume: true, ..start("Never") };
    let never = refused(&server.url, Action::Start(Box::new(never))).await.to_string();
    assert_eq!(never, "there is no earlier run to resume; leave out --resume to start it");
    let twice = vec![("small".to_owned(), 1.0), ("small".to_owned(), 2.0)];
    let twice = Start { providers: twice, ..start("Rome") };
    let twice = refused(&server.url, Action::Start(Box::new(twice))).await;
    assert_eq!(twice.exit, Exit::Usage);
    assert!(twice.to_string().contains("--provider small is there twice"), "{twice}");
    for (given, advice) in [("rome", "`igentai topics list` shows all"), ("Pairs", "did you mean paris?")] {
        let missing = refused(&server.url, tail(given, false, None)).await;
        assert_eq!(missing.exit, Exit::Failed);
        assert_eq!(missing.to_string(), format!("there is no topic `{given}`; {advice}"));
    }
    server.stop().await;
}

#[tokio::test]
async fn an_ended_topic_is_shown_without_states_of_providers_and_a_long_name_leaves_a_table() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running(&"Sights of Paris ".repeat(18)).await;
    world.add(&topic, &texts(1..=1)).await;
    let client = Client::new(&server.url).unwrap();
    let asked = |mut topic: TopicView| {
        let sums = Sums { responses: 1, ..Sums::default() };
        topic.numbers.providers.insert("small".to_owned(), ProviderNumbers { sums, ..Default::default() });
        let of = |(phrasing, state, new)| PhrasingNumbers {
            phrasing,
            state,
            answers: 12,
            new,
            usd_per_answer: 0.0,
        };
        let ways =
            [(Phrasing::Rare, PhrasingState::Leading, 174), (Phrasing::Plain, PhrasingState::Retired, 66)];
        topic.numbers.phrasings = ways.into_iter().map(of).collect();
        super::show::topic(&topic)
    };
    let running = asked(client.topic(topic.id.as_str()).await.unwrap());
    assert!(running.contains("small: not heard of; 1 answer, 0 new"), "{running}");
    assert!(running.contains("  ways       to ask: “rare” (14.5 new items an answer, 12 answers) leads; used no more: “plain” (5.5 new"), "{running}");
    world.end(&topic, EndReason::Dry).await;
    let ended = asked(client.topic(topic.id.as_str()).await.unwrap());
    assert!(ended.contains("small: 1 answer, 0 new"), "{ended}");
    let table = said(&server.url, Action::List { json: false }).await;
    assert!(table.lines().all(|line| line.chars().count() < 200) && table.contains('…'), "{table}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure = refused(&url, Action::List { json: false }).await;
    assert_eq!(failure.exit, Exit::Failed);
    let wanted = "is the webserver running? igentai run, or igentai webserver";
    assert!(failure.to_string().ends_with(wanted), "{failure}");
    assert_eq!(refused("localhost:8080", Action::List { json: false }).await.exit, Exit::Usage);
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_told_apart_and_its_text_stays_inert() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let problem = "{\"type\":\"x\",\"title\":\"t\\u001b[2J\",\"status\":500,\"detail\":\"d\\u202e\"}";
        for (kind, body) in [("text/html", "<html>"), ("application/problem+json", problem)] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let read = stream.read(&mut [0; 4096]).await.unwrap();
            assert!(read > 0);
            let length = body.len();
            let head = format!("HTTP/1.1 500 X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n");
            let answer = format!("{head}connection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let strange = refused(&url, Action::List { json: false }).await;
    assert!(strange.to_string().contains("with status 500; is this igentai's address?"), "{strange}");
    assert_eq!(refused(&url, Action::List { json: false }).await.to_string(), "t[2J: d");
}

#[tokio::test]
async fn a_server_without_tls_that_is_asked_with_it_is_told_as_such() {
    let world = World::new();
    let server = world.serve().await;
    let url = server.url.replace("http:", "https:");
    let failure = refused(&url, Action::List { json: false }).await.to_string();
    assert!(
        failure.ends_with("answered without TLS (does it speak https?); is this igentai's address?"),
        "{failure}"
    );
    server.stop().await;
}

#[tokio::test]
async fn the_tail_is_the_last_ten_or_what_comes_behind_a_number() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("Paris").await;
    world.add(&topic, &texts(1..=25)).await;
    let last = (16..=25).fold(String::new(), |text, number| text + &format!("item {number}\n"));
    assert_eq!(said(&server.url, tail("paris", false, None)).await, last);
    assert_eq!(said(&server.url, tail("Paris", false, Some(23))).await, "item 24\nitem 25\n");
    assert_eq!(said(&server.url, tail("paris", false, Some(0))).await.lines().count(), 25);
    server.stop().await;
}

#[tokio::test]
async fn following_goes_on_over_a_server_that_restarts_and_ends_with_the_topic() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("Paris").await;
    world.add(&topic, &texts(1..=3)).await;
    let (mut sink, mut seen) = world::lines();
    let client = Client::new(&server.url).unwrap();
    let following = act(&client, tail("paris", true, Some(0)), &mut sink);
    let script = async {
        seen.until(3).await;
        world.add(&topic, &texts(4..=6)).await;
        seen.until(6).await;
        let address = server.address;
        server.stop().await;
        world.add(&topic, &texts(7..=9)).await;
        let server = Server::start(&world, &address.to_string()).await;
        seen.until(9).await;
        world.add(&topic, &texts(10..=11)).await;
        let lines = seen.until(11).await;
        world.end(&topic, EndReason::Dry).await;
        (server, lines)
    };
    let (exit, (server, lines)) = tokio::join!(following, script);
    assert_eq!(exit.unwrap(), Exit::Done);
    assert_eq!(lines, texts(1..=11));
    server.stop().await;
}

#[tokio::test]
async fn an_export_is_whole_in_every_format_and_over_many_pages() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("Paris").await;
    let odd = ["=1+1", "a, \"b\"", "Musée"].map(str::to_owned);
    world.add(&topic, &odd).await;
    let csv = said(&server.url, export("paris", Format::Csv, None)).await;
    assert_eq!(csv, "seq,text\n1,'=1+1\n2,\"a, \"\"b\"\"\"\n3,Musée\n");
    let jsonl = said(&server.url, export("paris", Format::Jsonl, None)).await;
    assert_eq!(jsonl.lines().next(), Some("{\"seq\":1,\"text\":\"=1+1\"}"));
    for hundred in 0..125 {
        world.add(&topic, &texts(hundred * 100 + 1..=hundred * 100 + 100)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paris.txt");
    assert_eq!(said(&server.url, export("paris", Format::Text, Some(file.clone()))).await, "");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut wanted = odd.to_vec();
    wanted.extend(texts(1..=12_500));
    assert!(text.lines().eq(wanted.iter()), "{} lines", text.lines().count());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let nowhere = refused(&server.url, export("paris", Format::Text, Some(file.join("x")))).await;
    assert!(nowhere.to_string().contains("cannot be written"), "{nowhere}");
    server.stop().await;
}
