//! A RabbitMQ of the test's own.

use std::time::Duration;

use rustix::process::Signal;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    ServerError,
    docker::Container,
    management::{Management, encode},
    rabbitmq_node::{ERLANG_ARGUMENTS, Node},
};
use crate::{poll::until_some, ports::free_port};

const IMAGE: &str = "rabbitmq:3.13-management";
const START_DEADLINE: Duration = Duration::from_secs(90);
const STOP_DEADLINE: Duration = Duration::from_mins(1);

/// How a broker is set up.
#[derive(Debug, Clone)]
pub struct RabbitMqOptions {
    /// Whether the management plugin runs. It does not make the start longer, but a graceful stop: six seconds
    /// instead of one. Without it, `queues` and `vhost` go through rabbitmqctl, half a second each.
    pub management: bool,
    /// Further lines of rabbitmq.conf, for example `vm_memory_high_watermark.absolute = 64MB`.
    pub configuration: String,
}

impl Default for RabbitMqOptions {
    fn default() -> Self {
        Self { management: true, configuration: String::new() }
    }
}

/// What a queue holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueInfo {
    /// Its name.
    pub name: String,
    /// Messages waiting for a consumer.
    pub ready: u64,
    /// Messages delivered and not yet acknowledged.
    pub unacked: u64,
    /// Consumers.
    pub consumers: u64,
}

/// A RabbitMQ broker on a free loopback port, killed on drop.
#[derive(Debug)]
pub struct RabbitMq {
    host: Host,
    port: u16,
    management_port: Option<u16>,
}

#[derive(Debug)]
enum Host {
    Installed(Node),
    Docker { container: Container, _configuration: NamedTempFile },
}

impl RabbitMq {
    /// Starts a broker and waits until it takes connections: some five seconds. See [`super::Broker`] for a test
    /// that does not harm its broker.
    pub async fn start() -> Result<Self, ServerError> {
        Self::start_with(RabbitMqOptions::default()).await
    }

    /// Starts a broker with options.
    pub async fn start_with(options: RabbitMqOptions) -> Result<Self, ServerError> {
        let new_port = || free_port().map_err(ServerError::io("finding a port for RabbitMQ"));
        let port = new_port()?;
        let management_port = options.management.then(new_port).transpose()?;
        let host = if Node::is_installed() {
            Host::Installed(Node::new(port, management_port, &options).await?)
        } else if Container::engine_answers().await {
            start_container(port, management_port, &options).await?
        } else {
            return Err(ServerError::Missing { program: "rabbitmq-server", package: "rabbitmq-server" });
        };
        let mut broker = Self { host, port, management_port };
        if let Host::Installed(node) = &mut broker.host {
            node.launch()?;
        }
        broker.wait_until_ready().await?;
        Ok(broker)
    }

    /// The URL of the default virtual host.
    #[must_use]
    pub fn amqp_url(&self) -> String {
        self.url_of("/")
    }

    /// The URL of the management interface, if it runs.
    #[must_use]
    pub fn management_url(&self) -> Option<String> {
        self.management_port.map(|port| format!("http://127.0.0.1:{port}"))
    }

    /// The broker's port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Adds a virtual host and returns its URL.
    pub async fn vhost(&self, name: &str) -> Result<String, ServerError> {
        if let Some(management) = self.management() {
            management.add_vhost(name).await?;
        } else {
            self.ctl(&["add_vhost", name]).await?;
            self.ctl(&["set_permissions", "-p", name, "guest", ".*", ".*", ".*"]).await?;
        }
        Ok(self.url_of(name))
    }

    /// The queues of the default virtual host, by name. Counts of quorum queues are up to 200 ms old.
    pub async fn queues(&self) -> Result<Vec<QueueInfo>, ServerError> {
        self.queues_of("/").await
    }

    /// The queues of a virtual host, by name.
    pub async fn queues_of(&self, vhost: &str) -> Result<Vec<QueueInfo>, ServerError> {
        if let Some(management) = self.management() {
            return management.queues(vhost).await;
        }
        let columns = ["name", "messages_ready", "messages_unacknowledged", "consumers"];
        let words = [&["list_queues", "-q", "-p", vhost, "--formatter", "json"], columns.as_slice()].concat();
        let printed = self.ctl(&words).await?;
        parse_queues(&printed)
            .ok_or_else(|| ServerError::Answer { asked: "rabbitmqctl list_queues".into(), answer: printed })
    }

    /// Removes what binds a queue of the default virtual host to an exchange. An error where nothing does. Needs management.
    pub async fn unbind(&self, exchange: &str, queue: &str) -> Result<(), ServerError> {
        self.managed()?.unbind("/", exchange, queue).await
    }

    /// Binds a queue of the default virtual host to an exchange. Needs management.
    pub async fn bind(&self, exchange: &str, queue: &str, routing_key: &str) -> Result<(), ServerError> {
        self.managed()?.bind("/", exchange, queue, routing_key).await
    }

    /// Deletes a durable queue of the default virtual host and declares it as it was, without its bindings. The broker does both in the same moment: what comes
    /// from outside is too late for it to take the consumers over to the new queue. Whoever is just connecting may declare it in between. An error where
    /// there is no such queue.
    pub async fn replace_queue(&self, queue: &str) -> Result<(), ServerError> {
        let replace = format!(
            "N = rabbit_misc:r(<<\"/\">>, queue, <<\"{queue}\">>), {{ok, Q}} = rabbit_amqqueue:lookup(N), \
             {{ok, _}} = rabbit_amqqueue:delete(Q, false, false, <<\"test\">>), \
             {{D, _}} = rabbit_amqqueue:declare(N, true, false, amqqueue:get_arguments(Q), none, <<\"test\">>), \
             true = lists:member(D, [new, existing]), ok."
        );
        self.ctl(&["eval", &replace]).await.map(drop)
    }

    /// Runs rabbitmqctl and returns what it prints, for example `["close_all_connections", "test"]`.
    pub async fn ctl(&self, words: &[&str]) -> Result<String, ServerError> {
        match &self.host {
            Host::Installed(node) => node.ctl(words).await,
            Host::Docker { container, .. } => container.exec(&[&["rabbitmqctl"], words].concat()).await,
        }
    }

    /// Makes the names of quorum queues durable that were declared less than half a second ago.
    ///
    /// The broker saves their directory every 500 ms only. Killed before that, it takes the queue for a new one after
    /// its restart: what was confirmed is gone, and the queue has no leader (seen with 3.10.8). A test that kills
    /// its broker right after it declared its queues calls this in between.
    pub async fn settle(&self) -> Result<(), ServerError> {
        self.ctl(&["eval", "[dets:sync(T) || T <- dets:all()]."]).await.map(drop)
    }

    /// Asks the broker to end (SIGTERM) and waits until it has.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        match &mut self.host {
            Host::Installed(node) => node.stop(STOP_DEADLINE).await,
            Host::Docker { container, .. } => container.tell("stop").await,
        }
    }

    /// Kills the broker (SIGKILL) and waits until it is gone.
    pub async fn kill(&mut self) -> Result<(), ServerError> {
        match &mut self.host {
            Host::Installed(node) => node.kill(),
            Host::Docker { container, .. } => container.tell("kill").await,
        }
    }

    /// Starts the broker again on its ports and data, and waits until it is ready. One that runs is killed first.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        match &mut self.host {
            Host::Installed(node) => {
                node.kill()?;
                node.launch()?;
            }
            Host::Docker { container, .. } => container.tell("restart").await?,
        }
        self.wait_until_ready().await
    }

    /// Stops the broker where it is (SIGSTOP): connections stay open, nothing is answered.
    pub async fn pause(&mut self) -> Result<(), ServerError> {
        match &mut self.host {
            Host::Installed(node) => node.signal(Signal::STOP),
            Host::Docker { container, .. } => container.tell("pause").await,
        }
    }

    /// Lets the broker go on (SIGCONT).
    pub async fn resume(&mut self) -> Result<(), ServerError> {
        match &mut self.host {
            Host::Installed(node) => node.signal(Signal::CONT),
            Host::Docker { container, .. } => container.tell("unpause").await,
        }
    }

    fn managed(&self) -> Result<Management, ServerError> {
        let missing = ServerError::Missing { program: "the management plugin", package: "rabbitmq-server" };
        self.management().ok_or(missing)
    }

    pub(super) fn management(&self) -> Option<Management> {
        self.management_port.map(|port| Management::new(format!("127.0.0.1:{port}"), "guest", "guest"))
    }

    fn url_of(&self, vhost: &str) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/{}", self.port, encode(vhost))
    }

    async fn wait_until_ready(&mut self) -> Result<(), ServerError> {
        let (port, management) = (self.port, self.management());
        let ready = until_some(START_DEADLINE, || {
            let ended = match &mut self.host {
                Host::Installed(node) => node.ended(),
                Host::Docker { .. } => None,
            };
            let management = management.clone();
            async move {
                if let Some(how) = ended {
                    return Some(Err(how));
                }
                let managed = match management {
                    Some(management) if speaks_amqp(port).await => management.answers().await,
                    Some(_) => false,
                    None => speaks_amqp(port).await,
                };
                managed.then_some(Ok(()))
            }
        })
        .await;
        let problem = match ready {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(problem)) => problem,
            Err(passed) => format!("was not ready within {:?}", passed.deadline),
        };
        Err(match &self.host {
            Host::Installed(node) => node.not_ready(problem),
            Host::Docker { container, .. } => {
                ServerError::NotReady { server: "RabbitMQ", problem, log: container.log_tail().await }
            }
        })
    }
}

async fn start_container(
    port: u16,
    management_port: Option<u16>,
    options: &RabbitMqOptions,
) -> Result<Host, ServerError> {
    let doing = "writing RabbitMQ's configuration";
    let file = NamedTempFile::with_suffix(".conf").map_err(ServerError::io(doing))?;
    std::fs::write(file.path(), &options.configuration).map_err(ServerError::io(doing))?;
    let arguments = format!("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS={ERLANG_ARGUMENTS}");
    let mount = format!("{}:/etc/rabbitmq/conf.d/90-igentai.conf:ro", file.path().display());
    let mappings: Vec<String> = std::iter::once(format!("127.0.0.1:{port}:5672"))
        .chain(management_port.map(|port| format!("127.0.0.1:{port}:15672")))
        .collect();
    let mut words = vec!["--env", &arguments, "--volume", &mount];
    words.extend(mappings.iter().flat_map(|mapping| ["--publish", mapping]));
    let container = Container::start(&words, IMAGE, &[]).await?;
    Ok(Host::Docker { container, _configuration: file })
}

/// Whether the broker answers a protocol header, as it does once it takes connections.
async fn speaks_amqp(port: u16) -> bool {
    let greeting = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"AMQP\0\0\x09\x01").await?;
        stream.read_u8().await
    };
    // The first frame, Connection.Start, is a method frame.
    matches!(tokio::time::timeout(Duration::from_secs(1), greeting).await, Ok(Ok(1)))
}

fn parse_queues(printed: &str) -> Option<Vec<QueueInfo>> {
    let rows: Vec<serde_json::Value> = serde_json::from_str(printed).ok()?;
    let mut queues: Vec<QueueInfo> = rows
        .iter()
        .map(|row| {
            Some(QueueInfo {
                name: row["name"].as_str()?.to_owned(),
                ready: row["messages_ready"].as_u64()?,
                unacked: row["messages_unacknowledged"].as_u64()?,
                consumers: row["consumers"].as_u64()?,
            })
        })
        .collect::<Option<_>>()?;
    queues.sort_by(|a, b| a.name.cmp(&b.name));
    Some(queues)
}
