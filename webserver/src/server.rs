//! The accept loop: connections are bounded, headers must come in time, a peer that does not read is dropped, and the end has a deadline.

mod patient;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::patient::PatientStream;
use crate::api;
use crate::context::{App, ProbeContext, WebContext};
use crate::leader::Leader;
use crate::probes;
use crate::security::HostRule;
use crate::stream::{self, Hub};

/// Connections served at once; more wait to be accepted.
pub const MAX_CONNECTIONS: usize = 10_000;

/// How long a client may take to send its request's headers, and how long a connection may be idle.
const HEADER_DEADLINE: Duration = Duration::from_secs(10);

/// What the system holds for a peer that does not read. Left to itself it takes megabytes for each.
const SEND_BUFFER_BYTES: usize = 128 << 10;

/// How long requests and streams may go on after the shutdown was asked for.
const DRAIN_DEADLINE: Duration = Duration::from_secs(3);

/// How long to wait when the system has no descriptor for another connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The listener has no address.
    #[error("the listening socket has no address; bind it before serving")]
    Listener(#[source] io::Error),
}

/// Serves API, event streams and page until the context's token is cancelled; then requests under way have three seconds to end.
pub async fn serve(listener: TcpListener, context: WebContext) -> Result<(), WebError> {
    let address = listener.local_addr().map_err(WebError::Listener)?;
    let local = address.ip().is_loopback();
    let hosts = HostRule { allowed: local.then(|| Arc::from(context.allowed_hosts.clone())) };
    let shutdown = context.shutdown.clone();
    let hub = Arc::new(Hub::new());
    let tasks = TaskTracker::new();
    let leader = Arc::new(Leader::new(context.lease_ttl));
    tasks.spawn(leader.clone().watch(context.clone()));
    stream::start(&tasks, &hub, &leader, &context);
    let app = Arc::new(App { context, hub, leader, starting: Mutex::new(()), tasks: tasks.clone() });
    accept(listener, api::router(app, hosts), shutdown).await;
    tasks.close();
    if tokio::time::timeout(DRAIN_DEADLINE, tasks.wait()).await.is_err() {
        tracing::warn!("hints or event readers did not end in time");
    }
    Ok(())
}

/// Serves `/health/live`, `/health/ready` and `/metrics` only, until the context's token is cancelled.
pub async fn serve_probes(listener: TcpListener, context: ProbeContext) -> Result<(), WebError> {
    let shutdown = context.shutdown.clone();
    let router = api::with_fallbacks(probes::plain_router(context));
    accept(listener, api::with_guards(router, HostRule { allowed: None }), shutdown).await;
    Ok(())
}

async fn accept(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    loop {
        let next = tokio::select! {
            () = shutdown.cancelled() => break,
            next = next_connection(&listener, &permits) => next,
        };
        let (stream, permit) = match next {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(error = %error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
                continue;
            }
        };
        let connection = connection(stream, router.clone(), shutdown.clone(), abort.clone());
        connections.spawn(async move {
            connection.await;
            drop(permit);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_DEADLINE, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections are cut: they did not end in time");
        abort.cancel();
        connections.wait().await;
    }
}

async fn next_connection(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Option<OwnedSemaphorePermit>)> {
    let permit = permits.clone().acquire_owned().await.ok();
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn connection(
    stream: TcpStream,
    router: Router,
    shutdown: CancellationToken,
    abort: CancellationToken,
) {
    let bounded = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES);
    if let Err(error) = stream.set_nodelay(true).and(bounded) {
        tracing::debug!(error = %error, "a connection has gone before it was served");
    }
    let io = TokioIo::new(PatientStream::new(stream));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .serve_connection(io, TowerToHyperService::new(router));
    let mut serving = std::pin::pin!(serving);
    let mut draining = false;
    let outcome = loop {
        tokio::select! {
            outcome = serving.as_mut() => break outcome,
            () = shutdown.cancelled(), if !draining => {
                draining = true;
                serving.as_mut().graceful_shutdown();
            }
            () = abort.cancelled() => return,
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(error = %error, "a connection was dropped");
    }
}
