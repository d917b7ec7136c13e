//! One TCP connection to the broker, with an end that can be enforced.
//!
//! The client library runs a thread for each connection, which ends when the connection does: when the broker answers a
//! goodbye, when the heartbeat fails, or when the socket is shut. During the handshake there is no heartbeat yet, so a broker
//! that hangs would leave a thread and a socket behind for each attempt. A duplicate of the socket lets us shut it ourselves.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::Stream;
use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::time::timeout;

use super::config::AmqpConfig;

/// An open connection. Dropping it shuts the socket.
#[derive(Debug)]
pub(super) struct Link {
    connection: Connection,
    socket: Held,
}

impl Link {
    /// Connects and opens the virtual host, within the configured deadline. The error is for people. Dropping the future shuts the socket.
    pub(super) async fn open(config: &AmqpConfig, purpose: &str) -> Result<Self, String> {
        let socket = Held(Arc::default());
        let deadline = config.connect_deadline * 2;
        match timeout(deadline, handshake(config, purpose, Arc::clone(&socket.0))).await {
            Ok(Ok(connection)) => Ok(Self { connection, socket }),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no connection within {deadline:?}")),
        }
    }

    /// A new channel.
    pub(super) async fn channel(&self) -> lapin::Result<Channel> {
        self.connection.create_channel().await
    }

    /// What happens to the connection. Each event goes to one listener only: listen once.
    pub(super) fn events(&self) -> impl Stream<Item = Event> + Send + 'static {
        self.connection.events_listener()
    }

    pub(super) fn is_open(&self) -> bool {
        self.connection.status().connected()
    }

    /// Says goodbye and waits for the answer, at most so long; then the socket is shut.
    pub(super) async fn close(&self, deadline: Duration) {
        match timeout(deadline, self.connection.close(200, "goodbye".into())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the broker did not answer the goodbye"),
            Err(_) => tracing::debug!("the broker did not answer the goodbye in time"),
        }
        self.socket.0.shut();
    }
}

async fn handshake(config: &AmqpConfig, purpose: &str, socket: Arc<Socket>) -> lapin::Result<Connection> {
    let tls = OwnedTLSConfig { identity: None, cert_chain: config.extra_authorities_pem.clone() };
    let encrypted = config.is_encrypted();
    let connect_deadline = config.connect_deadline;
    let name = format!("{} ({purpose})", config.connection_name);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    Connection::connector(
        config.uri(),
        lapin::runtime::default_runtime()?,
        // It runs on the library's thread, which our own deadline does not reach.
        async move |uri, runtime| {
            let authority = &uri.authority;
            let connect = async {
                let addresses = runtime.to_socket_addrs((authority.host.clone(), authority.port));
                let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    socket.keep(plain.get_ref().as_fd().try_clone_to_owned()?.into());
                }
                if encrypted { stream.into_tls(&authority.host, tls.as_ref()).await } else { Ok(stream) }
            };
            match timeout(connect_deadline, connect).await {
                Ok(stream) => Ok(stream?),
                Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
            }
        },
        properties,
    )
    .await
}

/// The socket of a connection that is there or is being made: shut at the end of either.
#[derive(Debug)]
struct Held(Arc<Socket>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.shut();
    }
}

/// A duplicate of the connection's socket.
#[derive(Debug, Default)]
struct Socket(Mutex<Duplicate>);

#[derive(Debug, Default)]
enum Duplicate {
    #[default]
    NotYet,
    Open(TcpStream),
    Shut,
}

impl Socket {
    /// Keeps the duplicate, or shuts it at once when the end came first.
    fn keep(&self, stream: TcpStream) {
        let mut duplicate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Duplicate::Shut = *duplicate {
            shut(&stream);
        } else {
            *duplicate = Duplicate::Open(stream);
        }
    }

    /// Shuts the socket both ways and gives the descriptor back. Idempotent.
    fn shut(&self) {
        let mut duplicate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Duplicate::Open(stream) = std::mem::replace(&mut *duplicate, Duplicate::Shut) {
            shut(&stream);
        }
    }
}

fn shut(stream: &TcpStream) {
    if let Err(error) = stream.shutdown(Shutdown::Both) {
        // Usually the other side was faster.
        tracing::trace!(%error, "the socket is shut already");
    }
}
