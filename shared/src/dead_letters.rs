//! Dead letters, as whoever speaks for an operator lists, shows and settles them.
//!
//! A letter has no place of its own in a queue, so its id is made of what it holds: two equal copies are one letter, and one that comes back
//! after it was sent again is another, since it says when it was buried. Only the first [`WINDOW`] of the queue are looked at.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use igentai_core::batch::BatchId;
use igentai_core::time::UnixMillis;
use xxhash_rust::xxh3::Xxh3Default;

use crate::bus::{Bus, BusError, Delivery, Exchange, Look, Outgoing, WorkQueue};
use crate::wire::{
    self, DEAD_LETTER_AT, DEAD_LETTER_BY, DEAD_LETTER_EXCHANGE, DEAD_LETTER_KIND, DEAD_LETTER_REASON,
    DEAD_LETTER_REPLAYS, DEAD_LETTER_ROUTING_KEY,
};

/// Letters looked at in one go at most.
pub const WINDOW: usize = 1_000;

/// Their bytes, after which no more are taken in hand.
pub const WINDOW_BYTES: usize = 32 << 20;

/// Letters settled in one go at most: each waits for the broker, and whoever has asked waits for all of them.
pub const AT_ONCE: usize = 500;

/// The kind of reason of a message that crashes whoever works on it: its content is not touched here either.
pub const CRASHES: &str = "crashes";

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What tells it from others: 16 hexadecimal digits.
    pub id: String,
    /// The id that its publisher gave it.
    pub message_id: String,
    /// Its content type.
    pub content_type: String,
    /// Every header that is a text.
    pub headers: BTreeMap<String, String>,
    /// Where it came from, as far as it says so.
    pub origin: Option<Origin>,
    /// The batches in it, as far as they can be read.
    pub batches: Vec<BatchId>,
    /// What it holds.
    pub payload: Bytes,
}

/// Where a letter came from, and where it is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Exchange.
    pub exchange: Exchange,
    /// Routing key.
    pub routing_key: String,
}

impl Letter {
    fn of(delivery: &Delivery) -> Self {
        let headers = &delivery.headers;
        let exchange = headers.get(DEAD_LETTER_EXCHANGE).map(String::as_str);
        let exchange = exchange.and_then(|name| Exchange::ALL.into_iter().find(|known| known.name() == name));
        let routing_key = headers.get(DEAD_LETTER_ROUTING_KEY).unwrap_or(&delivery.routing_key).clone();
        let mut letter = Self {
            id: id_of(delivery),
            message_id: delivery.message_id.clone(),
            content_type: delivery.content_type.clone(),
            headers: headers.clone(),
            origin: exchange.map(|exchange| Origin { exchange, routing_key }),
            batches: Vec::new(),
            payload: delivery.payload.clone(),
        };
        if !letter.crashes() {
            letter.batches = wire::batch_ids(&letter.content_type, &letter.payload);
        }
        letter
    }

    /// Why it is dead, for people; what somebody else put there may not say.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.headers.get(DEAD_LETTER_REASON).map(String::as_str)
    }

    /// The same in one word.
    #[must_use]
    pub fn reason_kind(&self) -> Option<&str> {
        self.headers.get(DEAD_LETTER_KIND).map(String::as_str)
    }

    /// Who put it there.
    #[must_use]
    pub fn by(&self) -> Option<&str> {
        self.headers.get(DEAD_LETTER_BY).map(String::as_str)
    }

    /// When it was put there, by the clock of who did.
    #[must_use]
    pub fn at(&self) -> Option<UnixMillis> {
        self.headers.get(DEAD_LETTER_AT)?.parse().ok().map(UnixMillis)
    }

    /// How often it was sent again before it came back.
    #[must_use]
    pub fn replays(&self) -> u32 {
        self.headers.get(DEAD_LETTER_REPLAYS).and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    /// Whether whoever worked on it crashed.
    #[must_use]
    pub fn crashes(&self) -> bool {
        self.reason_kind() == Some(CRASHES)
    }

    /// The message as it was, but for how often it was sent again.
    fn again(&self) -> Option<Outgoing> {
        let Origin { exchange, routing_key } = self.origin.clone()?;
        let mut headers = self.headers.clone();
        for ours in [
            DEAD_LETTER_REASON,
            DEAD_LETTER_KIND,
            DEAD_LETTER_BY,
            DEAD_LETTER_AT,
            DEAD_LETTER_EXCHANGE,
            DEAD_LETTER_ROUTING_KEY,
        ] {
            headers.remove(ours);
        }
        headers.insert(DEAD_LETTER_REPLAYS.to_owned(), self.replays().saturating_add(1).to_string());
        Some(Outgoing {
            exchange,
            routing_key,
            content_type: self.content_type.clone(),
            message_id: self.message_id.clone(),
            headers,
            payload: self.payload.clone(),
        })
    }
}

/// Lengths stand before what they are of, so that nothing can be taken for something else.
fn id_of(delivery: &Delivery) -> String {
    let mut hash = Xxh3Default::new();
    let mut take = |part: &[u8]| {
        hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    };
    take(delivery.message_id.as_bytes());
    take(delivery.content_type.as_bytes());
    take(delivery.routing_key.as_bytes());
    take(&delivery.payload);
    for (name, value) in &delivery.headers {
        take(name.as_bytes());
        take(value.as_bytes());
    }
    format!("{:016x}", hash.digest())
}

/// What a look at the dead letters showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The letters, the oldest first, each once.
    pub letters: Vec<Letter>,
    /// Whether there are no others.
    pub is_whole: bool,
}

/// Looks at the dead letters.
pub async fn list(bus: &dyn Bus) -> Result<Listing, BusError> {
    let look = bus.look(WorkQueue::Dead, WINDOW, WINDOW_BYTES).await?;
    let (letters, is_whole) = (look.deliveries().iter().map(Letter::of), look.is_whole());
    let letters: BTreeMap<_, _> = letters.map(|letter| ((letter.at(), letter.id.clone()), letter)).collect();
    if let Err(error) = look.end().await {
        // Nothing was taken out: they are in the queue, whatever became of the connection.
        tracing::debug!(error = %error, "a look at the dead letters did not end in good order");
    }
    Ok(Listing { letters: letters.into_values().collect(), is_whole })
}

/// What is to be done with letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Send them again to where they came from.
    Replay,
    /// Throw them away.
    Drop,
}

/// Which letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those with these ids, with every equal copy.
    Ids(BTreeSet<String>),
    /// The first so many, of [`AT_ONCE`] at most; fewer where they are large.
    First(usize),
}

/// Why nothing was done with a letter, which is where it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undone {
    /// There is no such letter.
    #[error("there is no such dead letter among the first {WINDOW}; it may have been settled meanwhile")]
    NotFound,
    /// It does not say where it came from.
    #[error("it does not say where it came from, so it cannot be sent there again; it can only be dropped")]
    NoOrigin,
    /// The broker did not take it.
    #[error("{0}")]
    NotSent(String),
    /// Another one before it could not be sent, and this one was not tried.
    #[error("not tried, since the broker did not take the one before")]
    NotTried,
    /// The connection broke before it was certain.
    #[error("it is not known whether it is out of the queue ({0}); if it is still listed, do it again")]
    NotCertain(String),
}

/// What became of one letter.
pub type Settled = (String, Result<(), Undone>);

/// Sends letters again, or drops them. One is out of the queue only when the broker has confirmed the message that was sent again: should anything
/// break in between, it is there twice, which its batches' ids absorb.
pub async fn settle(bus: &dyn Bus, which: &Which, act: Act) -> Result<Vec<Settled>, BusError> {
    let most = match which {
        Which::Ids(_) => WINDOW,
        Which::First(most) => (*most).min(AT_ONCE),
    };
    let mut look = bus.look(WorkQueue::Dead, most, WINDOW_BYTES).await?;
    let mut settled = settle_window(bus, look.as_mut(), which, act).await;
    if let Err(error) = look.end().await {
        let uncertain = Undone::NotCertain(error.to_string());
        for (_, outcome) in settled.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
            *outcome = Err(uncertain.clone());
        }
    }
    if let Which::Ids(ids) = which {
        let known: BTreeSet<String> = settled.iter().map(|(id, _)| id.clone()).collect();
        settled.extend(ids.difference(&known).map(|id| (id.clone(), Err(Undone::NotFound))));
    }
    Ok(settled)
}

/// Settles what is in hand, one by one, each letter once however many copies there are.
async fn settle_window(bus: &dyn Bus, look: &mut dyn Look, which: &Which, act: Act) -> Vec<Settled> {
    let mut outcomes: BTreeMap<String, Result<(), Undone>> = BTreeMap::new();
    let mut order = Vec::new();
    let mut stopped = false;
    for delivery in look.deliveries().to_vec() {
        let letter = Letter::of(&delivery);
        if matches!(which, Which::Ids(ids) if !ids.contains(&letter.id)) {
            continue;
        }
        let outcome = match (outcomes.get(&letter.id), act) {
            (Some(known), _) => known.clone(),
            (None, Act::Drop) => Ok(()),
            (None, Act::Replay) if stopped => Err(Undone::NotTried),
            (None, Act::Replay) => replay(bus, &letter).await,
        };
        stopped |= matches!(outcome, Err(Undone::NotSent(_)));
        let outcome = match outcome {
            Ok(()) => {
                let out = look.take_out(delivery.tag).await;
                out.map_err(|error| Undone::NotCertain(error.to_string()))
            }
            undone @ Err(_) => undone,
        };
        if outcomes.insert(letter.id.clone(), outcome).is_none() {
            order.push(letter.id);
        }
    }
    order.into_iter().filter_map(|id| outcomes.remove_entry(&id)).collect()
}

async fn replay(bus: &dyn Bus, letter: &Letter) -> Result<(), Undone> {
    let message = letter.again().ok_or(Undone::NoOrigin)?;
    bus.publish(message).await.map_err(|error| Undone::NotSent(error.to_string()))
}

#[cfg(test)]
mod tests;
