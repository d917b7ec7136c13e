//! A Redis of the test's own. It is ready in some 40 ms, so there is no reason to share one.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    ServerError,
    command::{COMMAND_DEADLINE, find_program, run},
    docker::Container,
    error::log_tail,
};
use crate::{poll::until_some, ports::free_port, process::Group};

const IMAGE: &str = "redis:7.2";
const START_DEADLINE: Duration = Duration::from_secs(20);
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// What igentai asks of a Redis, and DEBUG, which the faults need and which Redis 7 locks away.
const SETTINGS: [&str; 10] = [
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--maxmemory-policy",
    "noeviction",
    "--save",
    "",
    "--enable-debug-command",
    "yes",
];

/// A Redis server on a free loopback port, ended on drop.
#[derive(Debug)]
pub struct Redis {
    host: Host,
    port: u16,
}

#[derive(Debug)]
enum Host {
    Installed { server: Option<Group>, program: PathBuf, arguments: Vec<String>, folder: TempDir },
    Docker(Container),
}

impl Redis {
    /// Starts a server that keeps an append-only file, written through at every command.
    pub async fn start() -> Result<Self, ServerError> {
        Self::start_with(&[]).await
    }

    /// Starts a server with further arguments, for example `["--maxmemory", "2mb"]`.
    pub async fn start_with(arguments: &[&str]) -> Result<Self, ServerError> {
        let port = free_port().map_err(ServerError::io("finding a port for Redis"))?;
        let settings = [&SETTINGS, arguments].concat();
        let host = if let Some(program) = find_program("redis-server") {
            let folder = TempDir::with_prefix("igentai-redis-")
                .map_err(ServerError::io("making a folder for Redis"))?;
            let port = port.to_string();
            let path = folder.path().to_string_lossy().into_owned();
            let own = ["--bind", "127.0.0.1", "--port", &port, "--dir", &path];
            let arguments = own.iter().chain(&settings).map(|word| (*word).to_owned()).collect();
            Host::Installed { server: None, program, arguments, folder }
        } else if Container::engine_answers().await {
            let mapping = format!("127.0.0.1:{port}:6379");
            let command = [&["redis-server"], settings.as_slice()].concat();
            Host::Docker(Container::start(&["--publish", &mapping], IMAGE, &command).await?)
        } else {
            return Err(ServerError::Missing { program: "redis-server", package: "redis-server" });
        };
        let mut redis = Self { host, port };
        redis.launch()?;
        redis.wait_until_ready().await?;
        Ok(redis)
    }

    /// The server's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The server's port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with the append-only file (in `appendonlydir`), where the server is not in a container.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match &self.host {
            Host::Installed { folder, .. } => Some(folder.path()),
            Host::Docker(_) => None,
        }
    }

    /// Runs a command through redis-cli and returns what it prints. A reply that is an error is an error here.
    pub async fn cli(&self, words: &[&str]) -> Result<String, ServerError> {
        let printed = match &self.host {
            Host::Installed { .. } => {
                let mut command = tokio::process::Command::new("redis-cli");
                command.args(["-e", "-h", "127.0.0.1", "-p", &self.port.to_string()]).args(words);
                run(command, COMMAND_DEADLINE).await?
            }
            Host::Docker(container) => container.exec(&[&["redis-cli", "-e"], words].concat()).await?,
        };
        Ok(printed.trim_end().to_owned())
    }

    /// A number that a command answers with, or a text that is one; `None` while the server does not answer, and where there is none. On a
    /// connection of its own, for polling: a few hundred microseconds, where redis-cli takes milliseconds of a processor.
    pub async fn number(&self, line: &str) -> Option<u64> {
        let asked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
            stream.write_all(format!("{line}\r\n").as_bytes()).await.ok()?;
            let mut reply = [0; 64];
            let size = stream.read(&mut reply).await.ok()?;
            let text = std::str::from_utf8(reply.get(..size)?).ok()?;
            let mut lines = text.lines();
            let head = lines.next()?;
            head.strip_prefix(':').or_else(|| lines.next())?.parse().ok()
        };
        tokio::time::timeout(Duration::from_secs(1), asked).await.ok().flatten()
    }

    /// Asks the server to end (SIGTERM) and waits until it has.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        match &mut self.host {
            Host::Installed { server, .. } => {
                let Some(mut group) = server.take() else { return Ok(()) };
                group.signal(Signal::TERM).map_err(ServerError::io("stopping Redis"))?;
                let ended = group.wait(STOP_DEADLINE).await;
                let problem = |_| ServerError::Deadline { command: "redis".into(), deadline: STOP_DEADLINE };
                ended.map_err(problem)?.map(drop).map_err(ServerError::io("stopping Redis"))
            }
            Host::Docker(container) => container.tell("stop").await,
        }
    }

    /// Kills the server (SIGKILL) and waits until it is gone.
    pub async fn kill(&mut self) -> Result<(), ServerError> {
        match &mut self.host {
            Host::Installed { server, .. } => match server.take() {
                Some(mut group) => group.kill().map_err(ServerError::io("killing Redis")),
                None => Ok(()),
            },
            Host::Docker(container) => container.tell("kill").await,
        }
    }

    /// Starts the server again on its port and data, and waits until it is ready. One that runs is killed first.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        match &self.host {
            Host::Installed { .. } => {
                self.kill().await?;
                self.launch()?;
            }
            Host::Docker(container) => container.tell("restart").await?,
        }
        self.wait_until_ready().await
    }

    /// Stops the server where it is (SIGSTOP).
    pub async fn pause(&mut self) -> Result<(), ServerError> {
        self.signal(Signal::STOP, "pause").await
    }

    /// Lets the server go on (SIGCONT).
    pub async fn resume(&mut self) -> Result<(), ServerError> {
        self.signal(Signal::CONT, "unpause").await
    }

    async fn signal(&mut self, signal: Signal, docker: &str) -> Result<(), ServerError> {
        match &mut self.host {
            Host::Installed { server: Some(group), .. } => {
                group.signal_all(signal).map_err(ServerError::io(format!("{docker} of Redis")))
            }
            Host::Installed { server: None, .. } => Ok(()),
            Host::Docker(container) => container.tell(docker).await,
        }
    }

    fn launch(&mut self) -> Result<(), ServerError> {
        let Host::Installed { server, program, arguments, folder } = &mut self.host else { return Ok(()) };
        let doing = "starting redis-server";
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.path().join("redis.log"))
            .map_err(ServerError::io(doing))?;
        let errors = log.try_clone().map_err(ServerError::io(doing))?;
        let mut command = Command::new(program);
        command.args(arguments.iter()).stdin(Stdio::null()).stdout(log).stderr(errors);
        *server =
            Some(Group::spawn_with_folder(&mut command, folder.path()).map_err(ServerError::io(doing))?);
        Ok(())
    }

    async fn wait_until_ready(&mut self) -> Result<(), ServerError> {
        let port = self.port;
        let ready = until_some(START_DEADLINE, || {
            let ended = match &mut self.host {
                Host::Installed { server: Some(group), .. } => group.status().ok().flatten(),
                Host::Installed { server: None, .. } | Host::Docker(_) => None,
            };
            async move {
                match ended {
                    Some(status) => Some(Err(format!("ended with {status}"))),
                    None => pings(port).await.then_some(Ok(())),
                }
            }
        })
        .await;
        let problem = match ready {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(problem)) => problem,
            Err(passed) => format!("did not answer within {:?}", passed.deadline),
        };
        let log = match &self.host {
            Host::Installed { folder, .. } => log_tail(&folder.path().join("redis.log")),
            Host::Docker(container) => container.log_tail().await,
        };
        Err(ServerError::NotReady { server: "Redis", problem, log })
    }
}

/// Whether the server answers a PING; while it loads its file, it answers with an error.
async fn pings(port: u16) -> bool {
    let ping = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut reply = [0; 7];
        stream.read_exact(&mut reply).await?;
        Ok::<_, std::io::Error>(&reply == b"+PONG\r\n")
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), ping).await, Ok(Ok(true)))
}
