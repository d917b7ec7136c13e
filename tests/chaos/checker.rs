//! The checker, a program of its own in `tests/checker`: how it is told where everything is, and started.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use igentai_test_support::eventually;
use serde_json::{Value, json};

use crate::faults::Made;
use crate::system::{Ended, OPEN_PER_LIFE, PRICES, SECRET, System};

const CHECKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/checker/check.py");

/// Where everything is, for the checker.
pub(crate) fn write_scene(system: &System, seed: u64, faults: &[Made]) -> PathBuf {
    let at = |name: &str| system.folder.path().join(name);
    let roles: Vec<Value> = system
        .members
        .iter()
        .map(|member| {
            json!({ "role": member.role.name(), "id": member.id, "address": member.address(), "pid": member.pid() })
        })
        .collect();
    let lives: Vec<Value> = system
        .lives
        .iter()
        .map(|(model, (producer, ended))| {
            let ended = match ended {
                Ended::Running => "running",
                Ended::Stopped => "stopped",
                Ended::Killed => "killed",
            };
            json!({ "model": model, "producer": producer, "ended": ended })
        })
        .collect();
    let management = system.broker.management_url().unwrap_or_default();
    let scene = json!({
        "seed": seed,
        "journal": at("journal.jsonl"),
        "watch": at("watch.jsonl"),
        "outputs": at("outputs"),
        "logs": [system.write_logs()],
        "redis_port": system.redis.port(),
        "broker": { "management": management.trim_start_matches("http://"), "vhost": "/" },
        "web": [system.web()],
        "topics": System::topic_ids(),
        "roles": roles,
        "lives": lives,
        "open_per_life": OPEN_PER_LIFE,
        "faults": faults.iter().map(Made::json).collect::<Vec<_>>(),
        "poison": system.poison,
        "broker_unharmed": faults.iter().all(|made| !made.kind.costs_the_broker_messages()),
        "secret": SECRET,
        "usd_per_million": [PRICES.0, PRICES.1],
        "limits": { "descriptors": 100, "threads": 40, "resident_kb": 150_000 },
    });
    let path = at("scene.json");
    std::fs::write(&path, format!("{scene:#}")).unwrap();
    path
}

/// The part of the checker that watches while faults are made. Ended with its standard input, also when this process is killed.
pub(crate) struct Watch {
    child: Child,
    said: PathBuf,
}

impl Watch {
    pub(crate) async fn start(scene: &Path) -> Self {
        let said = scene.with_file_name("watch.out");
        let out = std::fs::File::create(&said).unwrap();
        let errors = std::fs::File::create(scene.with_file_name("watch.err")).unwrap();
        let mut command = Command::new("python3");
        command.arg("-B").arg(CHECKER).arg("watch").arg(scene);
        let child = command.stdin(Stdio::piped()).stdout(out).stderr(errors).spawn().unwrap();
        let watch = Self { child, said };
        watch.until_said("watching").await;
        watch
    }

    async fn until_said(&self, line: &str) {
        let said = || async {
            std::fs::read_to_string(&self.said).is_ok_and(|text| text.lines().any(|one| one == line))
        };
        let waited = eventually(Duration::from_mins(2), said).await;
        let errors = std::fs::read_to_string(self.said.with_extension("err")).unwrap_or_default();
        assert!(waited.is_ok(), "the checker does not say {line:?}:\n{errors}");
    }

    /// Lets it take what is left, and waits for its end.
    pub(crate) async fn end(mut self) {
        drop(self.child.stdin.take());
        self.until_said("watched").await;
        self.child.wait().unwrap();
    }
}

/// Compares everything; the report, and what the checker said. The verdict is in the report.
pub(crate) fn check(scene: &Path) -> (Value, String) {
    let report = scene.with_file_name("report.json");
    let mut command = Command::new("python3");
    command.arg("-B").arg(CHECKER).arg("check").arg(scene).arg("--report").arg(&report);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let text = std::fs::read_to_string(&report).unwrap_or_default();
    (serde_json::from_str(&text).unwrap_or_default(), said.into_owned())
}

/// The checker's own tests.
pub(crate) fn self_test() -> (bool, String) {
    let output = Command::new("python3").args(["-B", CHECKER, "self-test"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.into_owned())
}
