//! A loop that is never idle.

use std::sync::atomic::AtomicU64;

use igentai_shared::bus::{Delivery, DeliveryTag};
use igentai_shared::clock::Clock;

use super::*;

/// For how many milliseconds it is kept busy at most.
const LONGEST: u64 = 5_000;

/// The first is made at once, the others after a time.
const NOTES: u64 = 3;

/// A bus that takes everything at once, and has a message for the integrator whenever it asks, until some are acknowledged and the coordinator is told.
#[derive(Debug)]
struct Ceaseless {
    inner: Arc<MemoryBus>,
    clock: SystemClock,
    given: AtomicU64,
    acknowledged: AtomicU64,
    noted: AtomicU64,
}

impl Ceaseless {
    fn new() -> Arc<Self> {
        let [given, acknowledged, noted] = [(), (), ()].map(|()| AtomicU64::new(0));
        Arc::new(Self { inner: MemoryBus::new(), clock: SystemClock::new(), given, acknowledged, noted })
    }

    /// Acknowledgements and notes so far.
    fn made(&self) -> (u64, u64) {
        (self.acknowledged.load(Relaxed), self.noted.load(Relaxed))
    }

    fn is_over(&self) -> bool {
        let (acknowledged, noted) = self.made();
        acknowledged > 0 && noted >= NOTES || self.clock.now().monotonic.0 >= LONGEST
    }

    fn message(&self) -> Delivery {
        let number = self.given.fetch_add(1, Relaxed) + 1;
        Delivery {
            tag: DeliveryTag { connection: 1, tag: number },
            redelivered: false,
            exchange: Exchange::Batches.name().to_owned(),
            routing_key: topic().to_string(),
            content_type: wire::content_type::<Batches>(),
            message_id: format!("innocent-{number}"),
            headers: BTreeMap::new(),
            payload: wire::encode(&Batches { batches: vec![batch("innocent", number)] }),
        }
    }
}

#[async_trait]
impl Bus for Ceaseless {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        self.noted.fetch_add(u64::from(message.exchange == Exchange::Status), Relaxed);
        Ok(())
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Box<dyn Consumer>, BusError> {
        self.inner.consume(source, prefetch).await
    }

    fn state(&self) -> BusState {
        self.inner.state()
    }

    async fn look(&self, queue: WorkQueue, most: usize, bytes: usize) -> Result<Box<dyn Look>, BusError> {
        self.inner.look(queue, most, bytes).await
    }

    async fn depth(&self, queue: WorkQueue) -> Option<u64> {
        self.inner.depth(queue).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[derive(Debug)]
struct Flood(Arc<Ceaseless>);

#[async_trait]
impl Consumer for Flood {
    async fn next(&mut self) -> Result<Incoming, BusError> {
        match self.try_next() {
            Some(delivery) => Ok(Incoming::Delivery(delivery)),
            None => std::future::pending().await,
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        (!self.0.is_over()).then(|| self.0.message())
    }

    async fn ack(&mut self, _: DeliveryTag) -> Result<(), BusError> {
        self.0.acknowledged.fetch_add(1, Relaxed);
        Ok(())
    }

    async fn requeue(&mut self, _: DeliveryTag) -> Result<(), BusError> {
        Ok(())
    }
}

/// Nothing that it does waits for anything, so no timer of the runtime ever goes off while there is something to do.
#[tokio::test]
async fn acknowledgements_and_notes_are_made_in_a_loop_that_is_never_idle() {
    let world = World::new().await;
    let store = Arc::new(FlawedStore::over(Arc::clone(&world.store)));
    store.commits_at_once.store(true, Relaxed);
    let bus = Ceaseless::new();
    let context = Context { store, bus: Arc::clone(&bus) as _, ..world.context("nobody", Fate::Hangs) };
    let stop = CancellationToken::new();
    let mut integrator = Integrator::of(&context, Box::new(Flood(Arc::clone(&bus))), &stop, &|_| {});
    let until_over = async {
        while !bus.is_over() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let given = tokio::select! {
        biased;
        () = integrator.work() => unreachable!("nobody stops it"),
        () = until_over => bus.given.load(Relaxed),
    };
    let (acknowledged, noted) = bus.made();
    assert!(
        acknowledged > 0 && noted >= NOTES,
        "{acknowledged} acknowledged and {noted} notes of {given} messages"
    );
}
