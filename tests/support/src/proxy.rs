//! A TCP proxy that makes the faults of a network, switched while connections are open.
//!
//! What it makes: latency, low throughput, data held back, data swallowed, connections refused, connections reset,
//! also in the middle of a frame. What it does not: lost packets that TCP sends again, and a peer whose kernel is
//! silent (the proxy's own kernel always completes the handshake).

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
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until},
};

/// Bytes read at once.
const CHUNK: usize = 16 * 1024;
/// Chunks on their way in one direction; then nothing more is read, and the sender feels it.
const IN_FLIGHT: usize = 64;

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

struct Connection {
    settings: watch::Receiver<Settings>,
    counts: Arc<Counts>,
}

/// The connection is to be reset.
struct Cut;

impl Connection {
    async fn run(mut self, mut client: TcpStream, upstream: SocketAddr) {
        let _open = Open::count(Arc::clone(&self.counts));
        let resets = self.settings.borrow_and_update().resets;
        let Ok(mut server) = TcpStream::connect(upstream).await else {
            client.set_zero_linger().ok();
            return;
        };
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        let cut = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let there = self.pump(from_client, to_server, Direction::ToServer);
            let back = self.pump(from_server, to_client, Direction::ToClient);
            let mut settings = self.settings.clone();
            let reset = async move { settings.wait_for(|now| now.resets != resets).await.map(drop) };
            tokio::select! {
                both = async { tokio::try_join!(there, back) } => both.is_err(),
                // An error is the end of the proxy.
                _ = reset => true,
            }
        };
        if cut {
            client.set_zero_linger().ok();
            server.set_zero_linger().ok();
        }
    }

    /// Reads into a bounded queue, each chunk with its due time, so that a delay does not cost throughput.
    async fn pump(&self, from: ReadHalf<'_>, to: WriteHalf<'_>, direction: Direction) -> Result<(), Cut> {
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        tokio::try_join!(self.read(from, sender, direction), self.write(to, receiver, direction))?;
        Ok(())
    }

    async fn read(
        &self,
        mut from: ReadHalf<'_>,
        sender: mpsc::Sender<(Instant, Vec<u8>)>,
        direction: Direction,
    ) -> Result<(), Cut> {
        let mut chunk = vec![0; CHUNK];
        loop {
            match from.read(&mut chunk).await {
                Ok(0) => return Ok(()),
                Ok(length) => {
                    let due = Instant::now() + self.lane(direction).delay;
                    sender.send((due, chunk[..length].to_vec())).await.map_err(|_| Cut)?;
                }
                Err(_) => return Err(Cut),
            }
        }
    }

    async fn write(
        &self,
        mut to: WriteHalf<'_>,
        mut receiver: mpsc::Receiver<(Instant, Vec<u8>)>,
        direction: Direction,
    ) -> Result<(), Cut> {
        let mut lost = false;
        while let Some((due, chunk)) = self.next(&mut receiver, direction, lost).await? {
            sleep_until(due).await;
            if self.pass_or_drop(direction).await? == Flow::Drop {
                lost = true;
                continue;
            }
            self.write_chunk(&mut to, &chunk, direction).await?;
        }
        // The end of the stream is a packet, too.
        self.pass_or_drop(direction).await?;
        self.until_passing(direction).await?;
        if lost { Err(Cut) } else { to.shutdown().await.map_err(|_| Cut) }
    }

    /// The next chunk; a connection that lost bytes does not outlive the drop.
    async fn next(
        &self,
        receiver: &mut mpsc::Receiver<(Instant, Vec<u8>)>,
        direction: Direction,
        lost: bool,
    ) -> Result<Option<(Instant, Vec<u8>)>, Cut> {
        if !lost {
            return Ok(receiver.recv().await);
        }
        tokio::select! {
            passing = self.until_passing(direction) => passing.and(Err(Cut)),
            chunk = receiver.recv() => Ok(chunk),
        }
    }

    async fn write_chunk(
        &self,
        to: &mut WriteHalf<'_>,
        chunk: &[u8],
        direction: Direction,
    ) -> Result<(), Cut> {
        let mut rest = chunk;
        while !rest.is_empty() {
            let rate = self.lane(direction).bytes_per_second;
            // Twenty pieces a second are smooth enough.
            let piece =
                rate.map_or(CHUNK, |rate| usize::try_from(rate / 20).unwrap_or(CHUNK).clamp(1, CHUNK));
            let (piece, after) = rest.split_at(piece.min(rest.len()));
            let allowed = self.allowed(piece.len(), direction);
            to.write_all(&piece[..allowed]).await.map_err(|_| Cut)?;
            self.counts.passed[direction as usize].fetch_add(allowed as u64, Ordering::SeqCst);
            if allowed < piece.len() {
                return Err(Cut);
            }
            if let Some(rate) = rate {
                let nanos = 1_000_000_000 * piece.len() as u64 / rate.max(1);
                sleep(Duration::from_nanos(nanos)).await;
            }
            rest = after;
        }
        Ok(())
    }

    /// How much of a piece goes before the connection is cut.
    fn allowed(&self, length: usize, direction: Direction) -> usize {
        let mut cut = lock(&self.counts.cut_after[direction as usize]);
        let Some(left) = *cut else { return length };
        let allowed = usize::try_from(left).unwrap_or(length).min(length);
        *cut = if allowed < length { None } else { Some(left - allowed as u64) };
        allowed
    }

    fn lane(&self, direction: Direction) -> Lane {
        self.settings.borrow().lanes[direction as usize]
    }

    /// Waits while the direction is held, then says what it does.
    async fn pass_or_drop(&self, direction: Direction) -> Result<Flow, Cut> {
        self.wait(direction, |flow| flow != Flow::Hold).await
    }

    async fn until_passing(&self, direction: Direction) -> Result<(), Cut> {
        self.wait(direction, |flow| flow == Flow::Pass).await.map(drop)
    }

    async fn wait(&self, direction: Direction, wanted: impl Fn(Flow) -> bool) -> Result<Flow, Cut> {
        let mut settings = self.settings.clone();
        let now = settings.wait_for(|now| wanted(now.lanes[direction as usize].flow)).await;
        now.map(|now| now.lanes[direction as usize].flow).map_err(|_| Cut)
    }
}

/// Counts a connection while it is open.
struct Open(Arc<Counts>);

impl Open {
    fn count(counts: Arc<Counts>) -> Self {
        counts.open.fetch_add(1, Ordering::SeqCst);
        Self(counts)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
