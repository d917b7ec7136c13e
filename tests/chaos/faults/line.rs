//! Faults of a line between a process and a server.

use std::time::Duration;

use igentai_test_support::proxy::{Direction, Flow, Proxy};
use rand::RngExt;
use rand::rngs::StdRng;

const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

faults! {
    /// What happens to a line.
    LineFault {
        /// Bytes of one direction are swallowed: what was sent is lost, or the answer.
        LosesADirection = "loses a direction",
        /// Two seconds each way.
        Slow = "is slow (2 s)",
        /// A thousand bytes a second.
        Thin = "is thin (1 kB/s)",
        /// A reset at a byte by chance, mostly in the middle of a frame.
        ResetInMidFrame = "is reset in mid-frame",
        /// Nothing comes through either way, and nobody is told.
        HalfOpen = "is half open",
        /// Connections are reset, and refused for a while.
        Refused = "is refused",
    }
}

/// What chance decides about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    way: Direction,
    /// That pass before a reset.
    bytes: u64,
}

impl Line {
    pub(crate) fn of(random: &mut StdRng) -> Self {
        let way = if random.random_bool(0.5) { Direction::ToServer } else { Direction::ToClient };
        Self { way, bytes: random.random_range(1..20_000) }
    }
}

impl LineFault {
    pub(crate) const fn lasts(self) -> (u64, u64) {
        match self {
            Self::LosesADirection | Self::HalfOpen => (1_000, 4_000),
            Self::Slow | Self::Thin => (1_500, 3_000),
            Self::ResetInMidFrame | Self::Refused => (200, 2_000),
        }
    }

    pub(crate) async fn begin(self, proxy: &Proxy, line: Line) {
        match self {
            Self::LosesADirection => proxy.set_flow(line.way, Flow::Drop),
            Self::Slow => BOTH.iter().for_each(|way| proxy.set_delay(*way, Duration::from_secs(2))),
            Self::Thin => BOTH.iter().for_each(|way| proxy.set_throughput(*way, Some(1_000))),
            Self::ResetInMidFrame => proxy.reset_after(line.way, line.bytes),
            Self::HalfOpen => BOTH.iter().for_each(|way| proxy.set_flow(*way, Flow::Drop)),
            Self::Refused => {
                proxy.refuse(true).await.unwrap();
                proxy.reset_all();
            }
        }
    }
}
