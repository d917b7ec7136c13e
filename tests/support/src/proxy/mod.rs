//! A TCP proxy that makes the faults of a network, switched while connections are open.
//!
//! What it makes: latency, low throughput, data held back, data swallowed, connections refused, connections reset,
//! also in the middle of a frame. What it does not: lost packets that TCP sends again, and a peer whose kernel is
//! silent (the proxy's own kernel always completes the handshake).

mod connection;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use self::connection::Connection;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What happens to the bytes of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// They are passed on.
    #[default]
    Pass,
    /// They are kept, and passed on when the direction passes again: a link that is down for a while.
    Hold,
    /// They are swallowed. A connection that lost some is reset when the direction passes again, since what follows
    /// would make no sense.
    Drop,
}

#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    flow: Flow,
    delay: Duration,
    bytes_per_second: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Settings {
    lanes: [Lane; 2],
    /// Raised at every reset: a connection accepted before ends.
    resets: u64,
}

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    accepted: AtomicU64,
    passed: [AtomicU64; 2],
    /// Bytes left to pass in a direction before its connection is reset.
    cut_after: [Mutex<Option<u64>>; 2],
}

/// A proxy on a free loopback port. Its connections are closed on drop.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    upstream: SocketAddr,
    settings: watch::Sender<Settings>,
    counts: Arc<Counts>,
    listening: Mutex<Option<JoinHandle<()>>>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Proxy {
    /// Starts a proxy in front of a server, passing everything on.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, crate::free_port()?)).await?;
        let proxy = Self {
            address: listener.local_addr()?,
            upstream,
            settings: watch::Sender::new(Settings::default()),
            counts: Arc::default(),
            listening: Mutex::default(),
            connections: Arc::default(),
        };
        proxy.listen(listener);
        Ok(proxy)
    }

    /// Where clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Connections open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    /// Bytes passed on so far.
    #[must_use]
    pub fn passed(&self, direction: Direction) -> u64 {
        self.counts.passed[direction as usize].load(Ordering::SeqCst)
    }

    /// Passes, holds or drops the bytes of one direction.
    pub fn set_flow(&self, direction: Direction, flow: Flow) {
        self.settings.send_modify(|settings| settings.lanes[direction as usize].flow = flow);
    }

    /// Delays the bytes of one direction; it does not slow them.
    pub fn set_delay(&self, direction: Direction, delay: Duration) {
        self.settings.send_modify(|settings| settings.lanes[direction as usize].delay = delay);
    }

    /// Limits the throughput of one direction, for each connection.
    pub fn set_throughput(&self, direction: Direction, bytes_per_second: Option<u64>) {
        self.settings
            .send_modify(|settings| settings.lanes[direction as usize].bytes_per_second = bytes_per_second);
    }

    /// Resets the connection on which `bytes` more have gone in a direction, which can be in the middle of a frame.
    /// Counted over all connections, done once.
    pub fn reset_after(&self, direction: Direction, bytes: u64) {
        *lock(&self.counts.cut_after[direction as usize]) = Some(bytes);
    }

    /// Resets all open connections (RST on both sides). New ones are accepted.
    pub fn reset_all(&self) {
        self.settings.send_modify(|settings| settings.resets += 1);
    }

    /// Passes everything on again, as at the start.
    pub async fn heal(&self) -> io::Result<()> {
        self.settings.send_modify(|settings| settings.lanes = Default::default());
        for cut in &self.counts.cut_after {
            *lock(cut) = None;
        }
        self.refuse(false).await
    }

    /// Refuses new connections (ECONNREFUSED), or accepts them again. Open ones go on.
    pub async fn refuse(&self, refuse: bool) -> io::Result<()> {
        let listening = lock(&self.listening).take();
        match (refuse, listening) {
            (true, Some(task)) => {
                task.abort();
                // Its end is the listener's, too.
                task.await.ok();
            }
            (true, None) => {}
            (false, Some(task)) => *lock(&self.listening) = Some(task),
            (false, None) => self.listen(TcpListener::bind(self.address).await?),
        }
        Ok(())
    }

    fn listen(&self, listener: TcpListener) {
        let (upstream, settings) = (self.upstream, self.settings.clone());
        let (counts, connections) = (Arc::clone(&self.counts), Arc::clone(&self.connections));
        let task = tokio::spawn(async move {
            // An error is that of one connection (aborted, or no descriptor left): the next one may do better.
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    sleep(Duration::from_millis(10)).await;
                    continue;
                };
                counts.accepted.fetch_add(1, Ordering::SeqCst);
                let connection = Connection { settings: settings.subscribe(), counts: Arc::clone(&counts) };
                let mut connections = lock(&connections);
                while connections.try_join_next().is_some() {}
                connections.spawn(connection.run(client, upstream));
            }
        });
        *lock(&self.listening) = Some(task);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.listening).take() {
            task.abort();
        }
        lock(&self.connections).abort_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
