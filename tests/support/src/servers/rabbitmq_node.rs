//! RabbitMQ as installed by Debian's package, run as the current user with a folder and ports of its own.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::{
    RabbitMqOptions, ServerError,
    command::{COMMAND_DEADLINE, find_program, run},
    error::log_tail,
};
use crate::{poll::eventually, ports::free_port, process::Group};

/// The scripts themselves: those in /usr/sbin change the user first.
const SCRIPTS: &str = "/usr/lib/rabbitmq/bin";

/// Quorum queues publish their counts at a tick, every five seconds unless told otherwise. And no processor is
/// burnt by idle schedulers: tests have few.
pub(super) const ERLANG_ARGUMENTS: &str = "+sbwt none +sbwtdcpu none +sbwtdio none \
                                           -rabbit quorum_tick_interval 200 -rabbit collect_statistics_interval 200";

/// A node with its data, running or not.
#[derive(Debug)]
pub(super) struct Node {
    broker: Option<Group>,
    /// The port mapper that Erlang nodes find each other with. Started by us and not by the node, which would
    /// detach it from the process group.
    _epmd: Group,
    environment: Vec<(&'static str, OsString)>,
    folder: TempDir,
}

impl Node {
    /// Whether the package is there.
    pub(super) fn is_installed() -> bool {
        PathBuf::from(SCRIPTS).join("rabbitmq-server").exists() && find_program("epmd").is_some()
    }

    /// Lays out a node and starts its port mapper, not yet the broker.
    pub(super) async fn new(
        port: u16,
        management_port: Option<u16>,
        options: &RabbitMqOptions,
    ) -> Result<Self, ServerError> {
        let doing = "preparing a folder for RabbitMQ";
        let folder = TempDir::with_prefix("igentai-rabbitmq-").map_err(ServerError::io(doing))?;
        let epmd_port = free_port().map_err(ServerError::io("finding a port for epmd"))?;
        let dist_port = free_port().map_err(ServerError::io("finding a port for RabbitMQ"))?;
        let mut node =
            Self { broker: None, _epmd: start_epmd(epmd_port, &folder)?, environment: Vec::new(), folder };
        node.write_files(port, management_port, options).map_err(ServerError::io(doing))?;
        let at = |name: &str| node.folder.path().join(name).into_os_string();
        node.environment = vec![
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("LANG", "C.UTF-8".into()),
            ("HOME", at("")),
            ("RABBITMQ_NODENAME", format!("igentai-{port}@localhost").into()),
            ("RABBITMQ_NODE_PORT", port.to_string().into()),
            ("RABBITMQ_DIST_PORT", dist_port.to_string().into()),
            ("RABBITMQ_MNESIA_BASE", at("data")),
            ("RABBITMQ_LOG_BASE", at("log")),
            ("RABBITMQ_LOGS", "-".into()),
            ("RABBITMQ_PID_FILE", at("pid")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins")),
            ("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", at("advanced.config")),
            ("RABBITMQ_CONF_ENV_FILE", at("none")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", ERLANG_ARGUMENTS.into()),
            ("ERL_EPMD_PORT", epmd_port.to_string().into()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            // The script then becomes the Erlang machine instead of staying as its parent.
            ("RUNNING_UNDER_SYSTEMD", "true".into()),
        ];
        let mapped = eventually(Duration::from_secs(10), || async {
            TcpStream::connect(("127.0.0.1", epmd_port)).await.is_ok()
        });
        let problem = |_| node.not_ready("can't start: its port mapper, epmd, does not answer".into());
        mapped.await.map_err(problem)?;
        Ok(node)
    }

    /// Starts the broker; it is ready some seconds later.
    pub(super) fn launch(&mut self) -> Result<(), ServerError> {
        let doing = "starting rabbitmq-server";
        let log =
            File::options().create(true).append(true).open(self.log()).map_err(ServerError::io(doing))?;
        let errors = log.try_clone().map_err(ServerError::io(doing))?;
        let mut command = Command::new(format!("{SCRIPTS}/rabbitmq-server"));
        command.env_clear().envs(self.environment.iter().cloned()).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        self.broker = Some(Group::spawn(&mut command).map_err(ServerError::io(doing))?);
        Ok(())
    }

    /// How the broker ended, unless it runs.
    pub(super) fn ended(&mut self) -> Option<String> {
        match &mut self.broker {
            Some(group) => group.status().ok().flatten().map(|status| format!("ended with {status}")),
            None => Some("was not started".into()),
        }
    }

    /// Runs rabbitmqctl for this node.
    pub(super) async fn ctl(&self, words: &[&str]) -> Result<String, ServerError> {
        let mut command = tokio::process::Command::new(format!("{SCRIPTS}/rabbitmqctl"));
        command.env_clear().envs(self.environment.iter().cloned()).current_dir(self.folder.path());
        // The broker's own arguments are not for the tool.
        command.env_remove("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS").args(words);
        run(command, COMMAND_DEADLINE).await
    }

    pub(super) async fn stop(&mut self, deadline: Duration) -> Result<(), ServerError> {
        let Some(mut group) = self.broker.take() else { return Ok(()) };
        group.signal(Signal::TERM).map_err(ServerError::io("stopping RabbitMQ"))?;
        let ended = group.wait(deadline).await;
        ended
            .map_err(|_| ServerError::Deadline { command: "RabbitMQ".into(), deadline })?
            .map(drop)
            .map_err(ServerError::io("stopping RabbitMQ"))
    }

    pub(super) fn kill(&mut self) -> Result<(), ServerError> {
        match self.broker.take() {
            Some(mut group) => group.kill().map_err(ServerError::io("killing RabbitMQ")),
            None => Ok(()),
        }
    }

    pub(super) fn signal(&mut self, signal: Signal) -> Result<(), ServerError> {
        match &mut self.broker {
            Some(group) => group.signal_all(signal).map_err(ServerError::io("signalling RabbitMQ")),
            None => Ok(()),
        }
    }

    pub(super) fn not_ready(&self, problem: String) -> ServerError {
        ServerError::NotReady { server: "RabbitMQ", problem, log: log_tail(&self.log()) }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("rabbitmq.log")
    }

    fn write_files(
        &self,
        port: u16,
        management_port: Option<u16>,
        options: &RabbitMqOptions,
    ) -> std::io::Result<()> {
        let at = |name: &str| self.folder.path().join(name);
        // Written by us, since the broker and rabbitmqctl would race to make it.
        let mut cookie =
            OpenOptions::new().write(true).create_new(true).mode(0o400).open(at(".erlang.cookie"))?;
        write!(cookie, "IGENTAI{port}TEST")?;
        let plugins = if management_port.is_some() { "[rabbitmq_management].\n" } else { "[].\n" };
        fs::write(at("plugins"), plugins)?;
        let management = management_port.map_or(String::new(), |port| {
            format!("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n")
        });
        let listener = format!("listeners.tcp.1 = 127.0.0.1:{port}\n");
        fs::write(at("rabbitmq.conf"), [listener, management, options.configuration.clone()].concat())
    }
}

fn start_epmd(port: u16, folder: &TempDir) -> Result<Group, ServerError> {
    let program = find_program("epmd").unwrap_or_else(|| "epmd".into());
    let mut command = Command::new(program);
    command.args(["-port", &port.to_string(), "-address", "127.0.0.1"]).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Group::spawn_with_folder(&mut command, folder.path()).map_err(ServerError::io("starting epmd"))
}
