//! The whole system as real processes, each behind proxies of its own, and what is known of every life.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use igentai_test_support::model::{ModelService, Script, Style};
use igentai_test_support::process::Process;
use igentai_test_support::proxy::Proxy;
use igentai_test_support::servers::{RabbitMq, Redis};
use igentai_test_support::{eventually, free_port, http};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::faults::disk::Disk;

/// What nobody may write down anywhere.
pub(crate) const SECRET: &str = "sk-chaos-3f9a1c77e0d2";

/// US dollars for a million tokens, in and out.
pub(crate) const PRICES: (f64, f64) = (150.0, 600.0);

/// Requests of a producer under way at once.
const CONCURRENCY: u32 = 2;

/// Batches and requests that a killed producer may have had open in a topic: see `igentai_core::worker`.
pub(crate) const OPEN_PER_LIFE: u32 = 4;

/// What is enumerated while the faults are made, and within which limits.
const TOPICS: [(&str, &str, u64); 3] =
    [("Sights", "", 0), ("Capped sights", "max_attributes", 120), ("Counted sights", "max_requests", 200)];

const SETTINGS: &str = "[run]\nitems_per_request = 10\npartition = \"none\"\nuntil_complete_percent = 100\ndry_after_answers = 100000\n\
    [orchestrator]\nproducer_timeout_ms = 2000\nlease_ttl_ms = 2000\nsync_interval_ms = 200\n";

/// For what takes a moment.
pub(crate) const SOON: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Orchestrator,
    Producer,
    Webserver,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Orchestrator => "orchestrator",
            Self::Producer => "producer",
            Self::Webserver => "webserver",
        }
    }
}

/// One process of the system and its lines.
pub(crate) struct Member {
    pub(crate) role: Role,
    pub(crate) id: String,
    port: u16,
    lives: u32,
    pub(crate) process: Option<Process>,
    pub(crate) amqp: Proxy,
    pub(crate) redis: Proxy,
}

impl Member {
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::id)
    }

    /// The model that this life of a producer asks for; the journal tells lives apart by it.
    fn model(&self) -> String {
        format!("{}-life-{}", self.id, self.lives)
    }
}

/// How a life of a producer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Running,
    /// With exit code 0.
    Stopped,
    Killed,
}

pub(crate) struct System {
    /// The output folder's own, where one may be mounted. Ends before the folder.
    pub(crate) disk: Option<Disk>,
    pub(crate) folder: TempDir,
    pub(crate) model: ModelService,
    pub(crate) broker: RabbitMq,
    pub(crate) redis: Redis,
    pub(crate) members: Vec<Member>,
    pub(crate) lives: BTreeMap<String, (String, Ended)>,
    /// What lets clocks be set, where it is installed.
    pub(crate) clocks: Option<PathBuf>,
    /// Connections of those who do not listen.
    pub(crate) readers: Vec<TcpStream>,
    /// Messages sent that nobody can integrate.
    pub(crate) poison: u64,
    /// What the program does wrong on purpose.
    bug: Option<&'static str>,
    /// Lines that ended processes left.
    past: String,
}

impl System {
    /// Servers, two orchestrators, three producers and a web server; no topic yet.
    pub(crate) async fn start(bug: Option<&'static str>) -> Self {
        let folder = TempDir::with_prefix("igentai-chaos-").unwrap();
        let script = Script {
            exponent: 0.4,
            latency: Duration::from_millis(30),
            styles: vec![Style::Plain],
            key: Some(SECRET.to_owned()),
            journal: Some(folder.path().join("journal.jsonl")),
            ..Script::new((1..=2_000).map(|number| format!("Sight No {number:04}")))
        };
        std::fs::create_dir_all(folder.path().join("outputs")).unwrap();
        let (broker, redis) = tokio::join!(RabbitMq::start(), Redis::start());
        let mut system = Self {
            model: ModelService::start(script).await.unwrap(),
            broker: broker.unwrap(),
            redis: redis.unwrap(),
            members: Vec::new(),
            lives: BTreeMap::new(),
            disk: Disk::mount(&folder.path().join("outputs")),
            clocks: faketime(),
            readers: Vec::new(),
            poison: 0,
            bug,
            past: String::new(),
            folder,
        };
        for (role, count) in [(Role::Orchestrator, 2), (Role::Webserver, 1), (Role::Producer, 3)] {
            for number in 1..=count {
                system.add(role, number).await;
            }
        }
        for place in 0..system.members.len() {
            system.until_ready(place).await;
        }
        system.broker.settle().await.unwrap();
        system
    }

    async fn add(&mut self, role: Role, number: u32) {
        let proxy = async |port| Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap();
        self.members.push(Member {
            role,
            id: format!("{}-{number}", role.name()),
            port: free_port().unwrap(),
            lives: 0,
            process: None,
            amqp: proxy(self.broker.port()).await,
            redis: proxy(self.redis.port()).await,
        });
        self.launch(self.members.len() - 1);
    }

    /// Begins a life of a member.
    pub(crate) fn launch(&mut self, place: usize) {
        let member = &mut self.members[place];
        member.lives += 1;
        let model = member.model();
        let config = self.folder.path().join(format!("{model}.toml"));
        let (base_url, (input, output)) = (self.model.base_url(), PRICES);
        let mut text = SETTINGS.to_owned();
        writeln!(
            text,
            "[producer]\nconcurrency = {CONCURRENCY}\nheartbeat_ms = 300\n\
             [providers.small]\nkind = \"openai\"\nbase_url = \"{base_url}\"\nmodel = \"{model}\"\napi_key_env = \"CHAOS_KEY\"\n\
             usd_per_million_input_tokens = {input}\nusd_per_million_output_tokens = {output}"
        )
        .unwrap();
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_igentai"));
        command.env_clear().env("HOME", self.folder.path()).env("OLLAMA_HOST", "127.0.0.1:1");
        command.env("PATH", std::env::var_os("PATH").unwrap()).current_dir(self.folder.path());
        command.env("AMQP_URL", format!("amqp://guest:guest@{}/%2f", member.amqp.addr()));
        command.env("REDIS_URL", format!("redis://{}/", member.redis.addr())).env("CHAOS_KEY", SECRET);
        if let Some(library) = &self.clocks {
            let clock = self.folder.path().join(format!("{}.clock", member.id));
            std::fs::write(&clock, "+0").unwrap();
            command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", clock);
            command.env("FAKETIME_CACHE_DURATION", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        command.envs(self.bug.map(|bug| ("IGENTAI_SEEDED_BUG", bug)));
        command.args([member.role.name(), "--port", &member.port.to_string(), "--config"]).arg(&config);
        match member.role {
            Role::Orchestrator => command.args(["--out", "outputs", "--id", &member.id]),
            Role::Webserver => command.args(["--id", &member.id]),
            Role::Producer => command.args(["--producer-id", &member.id]),
        };
        member.process = Some(Process::spawn(command).unwrap());
        if member.role == Role::Producer {
            self.lives.insert(model, (member.id.clone(), Ended::Running));
        }
    }

    pub(crate) fn kill(&mut self, place: usize) {
        let member = &mut self.members[place];
        if let Some(process) = &mut member.process {
            process.kill().unwrap();
        }
        self.bury(place, Ended::Killed);
    }

    /// SIGTERM, and why it did not leave in order: with exit code 0.
    pub(crate) async fn terminate(&mut self, place: usize) -> Result<(), String> {
        self.process(place).terminate().unwrap();
        self.until_stopped(place).await
    }

    /// Waits for the end of one that was told to stop, and keeps how it ended. What leaves otherwise than in order may have left as much undone as a
    /// killed one.
    pub(crate) async fn until_stopped(&mut self, place: usize) -> Result<(), String> {
        let process = self.process(place);
        let code = process.wait(Duration::from_mins(1)).await.unwrap().code();
        let said = process.tail();
        let in_order = code == Some(0);
        self.bury(place, if in_order { Ended::Stopped } else { Ended::Killed });
        let id = &self.members[place].id;
        if in_order {
            Ok(())
        } else {
            Err(format!("{id} left with exit code {code:?}; it said at last:\n{said}"))
        }
    }

    /// Sets a member's wall clock so many seconds ahead.
    pub(crate) fn set_clock(&self, place: usize, seconds: i32) {
        let clock = self.folder.path().join(format!("{}.clock", self.members[place].id));
        std::fs::write(clock, format!("{seconds:+}")).unwrap();
    }

    pub(crate) fn process(&mut self, place: usize) -> &mut Process {
        self.members[place].process.as_mut().unwrap()
    }

    pub(crate) async fn until_all_ready(&mut self) {
        for place in 0..self.members.len() {
            self.until_ready(place).await;
        }
    }

    /// What everybody said at last.
    pub(crate) fn tails(&self) -> String {
        let tail = |member: &Member| {
            let said = member.process.as_ref().map(Process::tail).unwrap_or_default();
            format!("== {}\n{said}\n", member.id)
        };
        self.members.iter().map(tail).collect()
    }

    /// Keeps what an ended process has said, and how it ended.
    fn bury(&mut self, place: usize, ended: Ended) {
        let member = &mut self.members[place];
        let Some(process) = member.process.take() else { return };
        writeln!(self.past, "== {} {ended:?}\n{}", member.model(), process.lines().join("\n")).unwrap();
        if let Some((_, life)) = self.lives.get_mut(&member.model()) {
            *life = ended;
        }
    }

    /// Writes down what all processes have said.
    pub(crate) fn write_logs(&self) -> PathBuf {
        let folder = self.folder.path().join("logs");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ended.log"), &self.past).unwrap();
        for member in &self.members {
            let lines = member.process.as_ref().map(|process| process.lines().join("\n"));
            std::fs::write(folder.join(format!("{}.log", member.id)), lines.unwrap_or_default()).unwrap();
        }
        folder
    }

    pub(crate) async fn until_ready(&mut self, place: usize) {
        let address = self.members[place].address();
        let ready = || async {
            let answer = ask(&address, "GET", "/health/ready", None).await;
            answer.is_some_and(|(status, _)| status == 200)
        };
        let waited = eventually(SOON, ready).await;
        let member = &self.members[place];
        let tail = member.process.as_ref().map(Process::tail).unwrap_or_default();
        assert!(waited.is_ok(), "{} is not ready; it said at last:\n{tail}", member.id);
    }

    pub(crate) fn places(&self, role: Role) -> Vec<usize> {
        (0..self.members.len()).filter(|place| self.members[*place].role == role).collect()
    }

    pub(crate) fn web(&self) -> String {
        self.members[self.places(Role::Webserver)[0]].address()
    }

    pub(crate) async fn start_topics(&mut self) {
        for (name, limit, most) in TOPICS {
            let mut body = json!({ "name": name, "items_per_request": 10 });
            if !limit.is_empty() {
                body["limits"] = json!({ limit: most });
            }
            let answer = ask(&self.web(), "POST", "/api/v1/topics", Some(body)).await;
            let id = answer.as_ref().and_then(|(_, topic)| topic["id"].as_str());
            assert_eq!(id, Some(folder_of(name).as_str()), "{answer:?}");
        }
    }

    pub(crate) fn topic_ids() -> Vec<String> {
        TOPICS.iter().map(|(name, _, _)| folder_of(name)).collect()
    }

    /// Log entries of the topic without limits.
    pub(crate) async fn entries(&self) -> Option<u64> {
        self.redis.number("HGET igentai:{sights}:totals entries").await
    }

    /// Stops the topics and waits until they have ended; the answer is which does not.
    pub(crate) async fn stop_topics(&self) -> Option<String> {
        let web = self.web();
        for id in Self::topic_ids() {
            let ended = eventually(Duration::from_secs(45), || async {
                let topic = ask(&web, "GET", &format!("/api/v1/topics/{id}"), None).await;
                let state = topic.map(|(_, topic)| topic["state"].clone()).unwrap_or_default();
                if state == "running" {
                    ask(&web, "POST", &format!("/api/v1/topics/{id}/stop"), None).await;
                }
                state == "ended"
            });
            let ended = ended.await;
            if ended.is_err() {
                let topic = ask(&web, "GET", &format!("/api/v1/topics/{id}"), None).await;
                return Some(format!("{id} does not end: {topic:?}"));
            }
        }
        None
    }
}

/// Debian's package libfaketime; its folder is named for the machine.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|library| library.exists())
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

fn folder_of(name: &str) -> String {
    name.to_lowercase().replace(' ', "_")
}

/// A request with JSON; `None` where no answer comes.
pub(crate) async fn ask(
    address: &str,
    method: &'static str,
    path: &str,
    body: Option<Value>,
) -> Option<(u16, Value)> {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let answer =
        http::request_async(address.to_owned(), method, path.to_owned(), headers, body).await.ok()?;
    Some((answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))
}
