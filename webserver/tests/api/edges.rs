//! Peers that are slow, silent or many, and the probes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use igentai_shared::clock::{Clock, SystemClock};
use igentai_webserver::{DependencyReadiness, ProbeContext, serve_probes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::client::{Answer, DEADLINE, Events, answer};
use crate::support::{Reasons, World};

/// Sends `request` and nothing more; how long until the server hangs up, in virtual time.
async fn hung_up_after(address: SocketAddr, request: &str) -> Duration {
    let clock = SystemClock::new();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    Duration::from_millis(clock.now().monotonic.0)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_slow_with_its_headers_or_idle_is_cut_off() {
    let world = World::new();
    let server = world.serve().await;
    for request in ["", "GET / HTTP/1.1\r\nHo", "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let after = hung_up_after(server.address, request).await;
        assert!((9..=12).contains(&after.as_secs()), "{request:?} after {after:?}");
    }
    let body = "POST /api/v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    let after = hung_up_after(server.address, body).await;
    assert!((9..=21).contains(&after.as_secs()), "a slow body after {after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_never_read_do_not_hurt_others() {
    let world = World::new();
    let server = world.serve().await;
    let topic = world.running("t").await.id;
    let mut silent = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        silent.push(stream);
    }
    let mut events = Events::open(&server, "", None).await;
    assert_eq!(events.next().await.unwrap().name, "hello");
    for n in 0..50 {
        world.publish(&world.add(&topic, 1, 20).await).await;
        assert_eq!(events.named("attributes").await.data["first"], n * 20 + 1);
    }
    assert_eq!(server.get("/health/live").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn readiness_says_why_not_and_liveness_does_not_care() {
    let world = World::new();
    let mut context = world.context();
    context.readiness = Arc::new(Reasons(vec!["the broker is away".to_owned(), "the store too".to_owned()]));
    let server = crate::support::Server::start(context, "127.0.0.1:0").await;
    assert_eq!(server.get("/health/live").await.status, 200);
    let ready = server.get("/health/ready").await;
    assert_eq!((ready.status, ready.problem().as_str()), (503, "not-ready"));
    assert_eq!(ready.json()["errors"][1]["detail"], "the store too");
    assert_eq!(server.get("/metrics").await.text, "igentai_up 1\n");
}

#[tokio::test]
async fn other_roles_serve_probes_and_nothing_else() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let context = ProbeContext {
        metrics: Arc::new(|| "igentai_up 1\n".to_owned()),
        readiness: Arc::new(DependencyReadiness { bus: world.bus.clone(), store: world.store.clone() }),
        shutdown: CancellationToken::new(),
    };
    let shutdown = context.shutdown.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_probes(listener, context));
    let get = async |path: &str| -> Answer {
        answer(crate::client::http().get(format!("http://{address}{path}")).timeout(DEADLINE)).await
    };
    assert_eq!(get("/health/ready").await.status, 200);
    assert_eq!(get("/metrics").await.text, "igentai_up 1\n");
    for path in ["/", "/api/v1/topics"] {
        assert_eq!(get(path).await.problem(), "not-found");
    }
    igentai_shared::store::Store::close(world.store.as_ref()).await;
    assert_eq!(get("/health/ready").await.problem(), "not-ready");
    assert_eq!(get("/health/live").await.status, 200);
    shutdown.cancel();
    tasks.join_next().await.unwrap().unwrap().unwrap();
}
