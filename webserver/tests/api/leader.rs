//! What is told when no orchestrator leads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use igentai_core::time::{Monotonic, Now, UnixMillis};
use igentai_core::topic::{EndReason, TopicState};
use igentai_shared::clock::Clock;
use igentai_webserver::WebContext;
use serde_json::{Value, json};

use crate::client::{DEADLINE, Events};
use crate::support::{Server, World};

/// Stands where it is put.
#[derive(Debug, Default)]
struct Manual(AtomicU64);

impl Clock for Manual {
    fn now(&self) -> Now {
        let ms = self.0.load(Ordering::Relaxed);
        Now { monotonic: Monotonic(ms), unix: UnixMillis(ms) }
    }
}

struct Led {
    world: World,
    clock: Arc<Manual>,
    server: Server,
}

const TTL: Duration = Duration::from_millis(500);

impl Led {
    /// A server, and an orchestrator that has taken the lease.
    async fn new(world: World) -> Self {
        let clock = Arc::new(Manual::default());
        let context = WebContext { clock: clock.clone(), lease_ttl: TTL, ..world.context() };
        world.lead().await;
        let server = Server::start(context, "127.0.0.1:0").await;
        Self { world, clock, server }
    }

    async fn ready(&self) -> Value {
        let answer = self.server.get("/health/ready").await;
        assert_eq!(answer.status, 200, "it can serve reads: {}", answer.text);
        answer.json()
    }

    /// Lets time pass, a little at once, until the probe warns or does so no more.
    async fn until_warned(&self, warned: bool) {
        let told = async {
            while self.ready().await.get("warnings").is_some() != warned {
                self.clock.0.fetch_add(100, Ordering::Relaxed);
                if !warned {
                    self.world.beat().await;
                }
            }
        };
        tokio::time::timeout(DEADLINE, told).await.expect("it is told in time");
    }
}

#[tokio::test]
async fn live_topics_streams_and_the_probe_tell_when_no_orchestrator_leads_and_when_one_does_again() {
    let world = World::new();
    let running = world.running("running").await;
    world.tick(&running, |status| status.attributes_per_minute = 70.0).await;
    let ended = world.running("ended").await;
    world.put(ended, TopicState::Ended(EndReason::Dry)).await;
    let led = Led::new(world).await;
    assert_eq!(led.ready().await, json!({"status": "ready", "process": std::process::id()}));
    let shown = async |id: &str| led.server.get(&format!("/api/v1/topics/{id}")).await.json();
    assert_eq!(shown("running").await["numbers"]["attributes_per_minute"], 70.0);
    let mut events = Events::open(&led.server, "?topic=running", None).await;

    led.until_warned(true).await;
    let problem = "no orchestrator leads since 00:00:0";
    let says = |topic: &Value| topic["numbers"]["problem"].as_str().is_some_and(|p| p.starts_with(problem));
    assert!(led.ready().await["warnings"][0].as_str().unwrap().starts_with(problem));
    let topic = shown("running").await;
    assert!(says(&topic), "{topic}");
    assert_eq!(topic["numbers"]["attributes_per_minute"], 0.0);
    let told = events.until("topic", says).await;
    assert_eq!(told["numbers"]["attributes_per_minute"], 0.0);
    assert!(says(&led.server.post("/api/v1/topics", &json!({"name": "new"})).await.json()));
    assert!(shown("ended").await["numbers"].get("problem").is_none(), "nothing is to happen there");

    led.until_warned(false).await;
    assert_eq!(shown("running").await["numbers"]["attributes_per_minute"], 70.0);
    events.until("topic", |topic| !says(topic)).await;
}

#[tokio::test]
async fn a_leader_that_renews_is_never_taken_for_gone() {
    let led = Led::new(World::new()).await;
    for _ in 0..20 {
        led.world.beat().await;
        led.clock.0.fetch_add(100, Ordering::Relaxed);
        tokio::time::timeout(DEADLINE, led.ready()).await.unwrap();
        assert!(led.ready().await.get("warnings").is_none());
    }
}
