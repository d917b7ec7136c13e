//! A child process: started, read, waited for, probed, signalled.

use std::net::{SocketAddr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use igentai_core::supervise::Ended;
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{ended, probe};
use crate::output;

/// Between two questions whether the child is ready.
const PROBE_PAUSE: Duration = Duration::from_millis(100);

/// How long after its end the last lines of a child are waited for: whoever inherited its pipe may hold it open.
const LAST_LINES: Duration = Duration::from_millis(500);

/// How a child is started.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) stage: u8,
    /// Behind the role, which is the name up to its number.
    pub(super) arguments: Vec<String>,
    /// Where it listens, if the port is free.
    pub(super) address: SocketAddr,
    /// No other port will do.
    pub(super) fixed: bool,
}

impl Plan {
    fn role(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    /// The port, or a free one when it is taken.
    fn address(&self) -> SocketAddr {
        if self.fixed || TcpListener::bind(self.address).is_ok() && self.address.port() != 0 {
            return self.address;
        }
        let free = TcpListener::bind(SocketAddr::new(self.address.ip(), 0));
        free.and_then(|listener| listener.local_addr()).unwrap_or(self.address)
    }
}

/// What a child's tasks report, each of one life of it.
#[derive(Clone, Copy)]
pub(super) enum Report {
    Ready(u64),
    Gone(u64, Ended),
}

/// One child, running or not.
pub(super) struct Child {
    plan: Plan,
    events: mpsc::Sender<(usize, Report)>,
    life: u64,
    pid: Option<Pid>,
    /// Its end closes when this process dies in whatever way, and then the child stops, too.
    stdin: Option<ChildStdin>,
    /// Aborted on drop.
    tasks: JoinSet<()>,
    ended: Option<Ended>,
}

impl Child {
    pub(super) fn new(plan: Plan, events: mpsc::Sender<(usize, Report)>) -> Self {
        Self { plan, events, life: 0, pid: None, stdin: None, tasks: JoinSet::new(), ended: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.plan.name
    }

    pub(super) const fn is_in(&self, life: u64) -> bool {
        self.life == life
    }

    pub(super) fn how_it_ended(&self) -> String {
        match self.ended {
            Some(Ended::Code(code)) => format!("ended with exit code {code}"),
            Some(Ended::Broken) | None => "was killed, or could not be started".to_owned(),
        }
    }

    /// Starts a new life of it; one that cannot be started is reported as gone.
    pub(super) fn spawn(&mut self, number: usize, quiet: bool) {
        self.life += 1;
        let (life, address) = (self.life, self.plan.address());
        let started = std::env::current_exe().and_then(|program| {
            Command::new(program)
                .arg(self.plan.role())
                .args(&self.plan.arguments)
                .args(["--port", &address.port().to_string(), "--stop-with-stdin"])
                .env_remove("PORT")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                // Ctrl-C in a terminal reaches this process alone, which then stops the children in their order.
                .process_group(0)
                .kill_on_drop(true)
                .spawn()
        });
        let events = self.events.clone();
        let mut process = match started {
            Ok(process) => process,
            Err(error) => {
                output::note(&format!("up: {} cannot be started: {error}", self.plan.name));
                self.tasks.spawn(async move {
                    events.send((number, Report::Gone(life, Ended::Broken))).await.unwrap_or_default();
                });
                return;
            }
        };
        let id = process.id();
        self.pid = id.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        self.stdin = process.stdin.take();
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let name = || self.plan.name.clone();
        let (out, err) = (pass(name(), stdout, output::line), pass(name(), stderr, output::note));
        let wait = waited(process, out, err);
        let to_ready = until_ready(self.plan.name.clone(), address, id, quiet);
        self.tasks.spawn(async move {
            tokio::pin!(wait);
            let status = tokio::select! {
                status = &mut wait => status,
                () = to_ready => {
                    events.send((number, Report::Ready(life))).await.unwrap_or_default();
                    wait.await
                }
            };
            events.send((number, Report::Gone(life, status))).await.unwrap_or_default();
        });
    }

    /// It is gone.
    pub(super) fn forget(&mut self, ended: Ended) {
        self.ended = Some(ended);
        self.pid = None;
        self.stdin = None;
    }

    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // It is gone already when this fails, and that is reported.
        if let Some(pid) = self.pid {
            rustix::process::kill_process(pid, signal).unwrap_or_default();
        }
    }
}

async fn waited(
    mut process: tokio::process::Child,
    out: impl Future<Output = ()>,
    err: impl Future<Output = ()>,
) -> Ended {
    let reading = futures::future::join(out, err);
    tokio::pin!(reading);
    let mut drained = false;
    let status: std::io::Result<ExitStatus> = loop {
        tokio::select! {
            status = process.wait() => break status,
            _ = &mut reading, if !drained => drained = true,
        }
    };
    if !drained {
        tokio::time::timeout(LAST_LINES, reading).await.map(drop).unwrap_or_default();
    }
    ended(status.ok().and_then(|status| status.code()))
}

/// Passes what a child writes on, line by line, under its name.
async fn pass(name: String, pipe: Option<impl AsyncRead + Unpin>, to: fn(&str)) {
    let Some(pipe) = pipe else { return };
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        to(&format!("{name:<12} | {}", text.trim_end_matches(['\r', '\n'])));
        line.clear();
    }
}

/// Says what the child waits for whenever that changes.
async fn until_ready(name: String, address: SocketAddr, process: Option<u32>, quiet: bool) {
    let mut said = None;
    loop {
        match probe::ready(address, process).await {
            Ok(()) => return,
            Err(Some(why)) if said.as_ref() != Some(&why) => {
                if !quiet {
                    output::note(&format!("up: waiting for {name} to be ready: {why}"));
                }
                said = Some(why);
            }
            Err(_) => {}
        }
        tokio::time::sleep(PROBE_PAUSE).await;
    }
}
