//! What a test runs in: servers, a folder, a configuration, and the program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use igentai_test_support::model::{ModelService, Script};
use igentai_test_support::process::Process;
use igentai_test_support::servers::{Broker, Redis};
use igentai_test_support::{free_port, http, until_some};
use serde_json::Value;
use tempfile::TempDir;

/// For what takes a moment.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// For a whole run.
pub(crate) const RUN: Duration = Duration::from_mins(1);

/// US dollars for a million tokens, in and out.
pub(crate) const PRICES: (f64, f64) = (150.0, 600.0);

/// Quick to notice, and quick to end.
const SETTINGS: &str = "[run]\nitems_per_request = 10\npartition = \"none\"\nuntil_complete_percent = 100\ndry_after_answers = 15\n\
    [producer]\nconcurrency = 2\nheartbeat_ms = 200\n\
    [orchestrator]\nproducer_timeout_ms = 1500\nlease_ttl_ms = 2000\nsync_interval_ms = 200\n";

/// A folder with a configuration whose providers are the stand-in service.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) model: ModelService,
}

/// Items that differ by more than the canonical form takes away.
pub(crate) fn items(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("Sight No {number:04}")).collect()
}

/// A model that knows so many things, all nearly equally well.
pub(crate) fn script(count: usize, latency_ms: u64) -> Script {
    Script { exponent: 0.4, latency: Duration::from_millis(latency_ms), ..Script::new(items(count)) }
}

impl Place {
    pub(crate) async fn new(script: Script) -> Self {
        let model = ModelService::start(script).await.unwrap();
        Self { folder: TempDir::with_prefix("igentai-process-").unwrap(), model }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path().join("outputs")
    }

    /// A configuration that asks this model; the service keeps it in its journal, so that it tells one process's requests from another's.
    pub(crate) fn config(&self, model: &str) -> PathBuf {
        self.config_with(model, "")
    }

    pub(crate) fn config_with(&self, model: &str, more: &str) -> PathBuf {
        let path = self.path().join(format!("{model}.toml"));
        let (base_url, (input, output)) = (self.model.base_url(), PRICES);
        let mut text = SETTINGS.to_owned();
        writeln!(
            text,
            "[providers.small]\nkind = \"openai\"\nbase_url = \"{base_url}\"\nmodel = \"{model}\"\n\
             usd_per_million_input_tokens = {input}\nusd_per_million_output_tokens = {output}\n{more}"
        )
        .unwrap();
        // Another process may just be reading it.
        let whole = path.with_extension("whole");
        std::fs::write(&whole, text).unwrap();
        std::fs::rename(&whole, &path).unwrap();
        path
    }

    /// The program in this folder, in an environment in which it finds nothing by itself.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.hermetic(env!("CARGO_BIN_EXE_igentai"));
        command.args(arguments);
        command
    }

    /// A line for the shell, in the same folder and environment; the program is its `$0`.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = self.hermetic("sh");
        command.args(["-c", line, env!("CARGO_BIN_EXE_igentai")]);
        command
    }

    /// Keys, addresses and settings in the environment of the tests are not for the program, and neither is an Ollama on this machine.
    fn hermetic(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.path()).env("OLLAMA_HOST", "127.0.0.1:1");
        command.env("PATH", std::env::var_os("PATH").unwrap()).current_dir(self.path());
        command
    }

    /// What a run left, by lines.
    pub(crate) fn lines(&self, topic: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.out().join(topic).join("output.txt")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What the service's answers cost.
    pub(crate) fn cost_of_journal(&self) -> f64 {
        let (input, output) = PRICES;
        let tokens = |count: u64| f64::from(u32::try_from(count).unwrap());
        (tokens(self.model.prompt_tokens()) * input + tokens(self.model.completion_tokens()) * output) / 1e6
    }
}

/// The distributed shape.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) broker: Broker,
    pub(crate) redis: Redis,
}

impl World {
    pub(crate) async fn new(script: Script) -> Self {
        let broker = Broker::for_test().await.unwrap();
        let redis = Redis::start().await.unwrap();
        Self { place: Place::new(script).await, broker, redis }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command.env("AMQP_URL", self.broker.amqp_url()).env("REDIS_URL", self.redis.url());
        command
    }

    fn role(&self, role: &str, config: &Path, more: &[&str]) -> Service {
        let port = free_port().unwrap();
        let mut command = self.command(&[role, "--port", &port.to_string(), "--config"]);
        command.arg(config).args(more);
        Service { process: Process::spawn(command).unwrap(), address: format!("127.0.0.1:{port}") }
    }

    pub(crate) fn orchestrator(&self, id: &str) -> Service {
        let out = self.place.out();
        self.role("orchestrator", &self.place.config("none"), &["--id", id, "--out", out.to_str().unwrap()])
    }

    /// One with the settings that it has by default.
    pub(crate) fn orchestrator_by_default(&self, id: &str) -> Service {
        let (config, out) = (self.place.path().join("default.toml"), self.place.out());
        std::fs::write(&config, "").unwrap();
        self.role("orchestrator", &config, &["--id", id, "--out", out.to_str().unwrap()])
    }

    pub(crate) fn webserver(&self) -> Service {
        self.role("webserver", &self.place.config("none"), &[])
    }

    /// A life of a producer, which asks for a model of that name.
    pub(crate) fn producer(&self, id: &str, life: &str) -> Service {
        self.producer_with(id, life, "")
    }

    /// One with more lines in its provider's section.
    pub(crate) fn producer_with(&self, id: &str, life: &str, more: &str) -> Service {
        self.role("producer", &self.place.config_with(life, more), &["--producer-id", id])
    }

    /// One that has so many requests under way at once.
    pub(crate) fn busy_producer(&self, id: &str, life: &str, concurrency: u32) -> Service {
        let config = self.place.config_with(life, &format!("max_concurrency = {concurrency}"));
        let text = std::fs::read_to_string(&config).unwrap();
        let busy = text
            .replace("[producer]\nconcurrency = 2\n", &format!("[producer]\nconcurrency = {concurrency}\n"));
        assert_ne!(busy, text);
        std::fs::write(&config, busy).unwrap();
        self.role("producer", &config, &["--producer-id", id])
    }
}

/// A process that serves HTTP.
pub(crate) struct Service {
    pub(crate) process: Process,
    pub(crate) address: String,
}

impl Service {
    pub(crate) async fn status(&self, path: &str) -> Option<u16> {
        let answer =
            http::request_async(self.address.clone(), "GET", path.to_owned(), Vec::new(), Vec::new());
        answer.await.ok().map(|answer| answer.status)
    }

    pub(crate) async fn until_ready(&mut self) {
        let ready =
            until_some(SOON, || async { (self.status("/health/ready").await == Some(200)).then_some(()) });
        let ready = ready.await;
        assert!(ready.is_ok(), "not ready; its output ends with:\n{}", self.process.tail());
    }

    pub(crate) fn api(&self) -> Api {
        Api { address: self.address.clone() }
    }

    /// SIGTERM, and its exit code.
    pub(crate) async fn stopped(&mut self) -> Option<i32> {
        self.process.terminate().unwrap();
        self.process.wait(RUN).await.unwrap().code()
    }
}

/// A client of the API.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) address: String,
}

impl Api {
    pub(crate) async fn ask(&self, method: &'static str, path: &str, body: Option<Value>) -> (u16, Value) {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let answer = http::request_async(self.address.clone(), method, path.to_owned(), headers, body).await;
        let Ok(answer) = answer else { return (0, Value::Null) };
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    pub(crate) async fn start(&self, mut body: Value) -> String {
        body["items_per_request"] = 10.into();
        let (status, answer) = self.ask("POST", "/api/v1/topics", Some(body)).await;
        assert!((200..300).contains(&status), "{status} {answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn change(&self, id: &str, body: Value) {
        let (status, answer) = self.ask("PATCH", &format!("/api/v1/topics/{id}"), Some(body)).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) async fn topic(&self, id: &str) -> Value {
        self.ask("GET", &format!("/api/v1/topics/{id}"), None).await.1
    }

    /// Waits until so many attributes are known.
    pub(crate) async fn until_attributes(&self, id: &str, count: u64) {
        let enough = || async {
            let topic = self.topic(id).await;
            (topic["numbers"]["attributes"].as_u64() >= Some(count)).then_some(())
        };
        if until_some(RUN, enough).await.is_err() {
            unreachable!("no {count} attributes in time: {}", self.topic(id).await);
        }
    }

    /// Waits for the end; the topic as it is then, with its last numbers.
    pub(crate) async fn until_ended(&self, id: &str) -> Value {
        let ended = || async {
            let topic = self.topic(id).await;
            (topic["state"] == "ended").then_some(topic)
        };
        match until_some(RUN, ended).await {
            Ok(topic) => topic,
            Err(_) => unreachable!("the topic did not end: {}", self.topic(id).await),
        }
    }

    /// The whole feed, page by page.
    pub(crate) async fn feed(&self, id: &str) -> Vec<(u64, String)> {
        let (mut feed, mut after) = (Vec::new(), 0);
        loop {
            let path = format!("/api/v1/topics/{id}/attributes?after={after}&limit=37");
            let (status, page) = self.ask("GET", &path, None).await;
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return feed;
            }
            for item in items {
                feed.push((item["seq"].as_u64().unwrap(), item["text"].as_str().unwrap().to_owned()));
            }
            after = page["next_after"].as_u64().unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_of_the_tests_own_environment_reaches_the_program() {
    let output = Place::new(script(1, 0)).await.hermetic("env").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<&str> =
        text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "OLLAMA_HOST", "PATH"]);
}
