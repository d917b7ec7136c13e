//! One connection through the proxy.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{Counts, Direction, Flow, Lane, Settings, lock};

/// Bytes read at once.
const CHUNK: usize = 16 * 1024;
/// Chunks on their way in one direction; then nothing more is read, and the sender feels it.
const IN_FLIGHT: usize = 64;

pub(super) struct Connection {
    pub(super) settings: watch::Receiver<Settings>,
    pub(super) counts: Arc<Counts>,
}

/// The connection is to be reset.
struct Cut;

impl Connection {
    pub(super) async fn run(mut self, mut client: TcpStream, upstream: SocketAddr) {
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
