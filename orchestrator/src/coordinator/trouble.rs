//! What the store does not do for us at the moment, topic by topic: said once, shown to people, tried again after a pause. One topic's trouble
//! is nobody else's.

use std::collections::BTreeMap;
use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::ids::Epoch;
use igentai_core::time::Monotonic;
use igentai_shared::store::StoreError;
use tracing::{error, info, warn};

const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_LAST: Duration = Duration::from_secs(2);

/// What was not tried again for so long is over: it is not wanted any more.
const MEMORY: Duration = Duration::from_secs(30);

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Definitions,
    Open,
    Follow,
    Refill,
    Put,
    SaveLedger,
    SaveDecisions,
    SaveStatus,
    SaveFolds,
    Announce,
}

impl Step {
    const fn in_words(self) -> &'static str {
        match self {
            Self::Definitions => "the topics cannot be read",
            Self::Open => "the topic cannot be opened",
            Self::Follow => "the topic's log cannot be followed",
            Self::Refill => "the topic's filter cannot be made anew",
            Self::Put => "the topic's state cannot be changed",
            Self::SaveLedger => "the topic's leases cannot be saved, so that none is granted",
            Self::SaveDecisions => "the topic's decisions cannot be saved, so that none is carried out",
            Self::SaveStatus => "the topic's numbers cannot be saved",
            Self::SaveFolds => "a checkpoint of the topic's numbers cannot be saved",
            Self::Announce => "what commits brought cannot be announced",
        }
    }
}

#[derive(Debug)]
struct Trouble {
    why: String,
    transient: bool,
    pause: Duration,
    rests_until: Monotonic,
}

/// Troubles of one term.
#[derive(Debug)]
pub(super) struct Troubles {
    epoch: Epoch,
    known: BTreeMap<(Option<TopicId>, Step), Trouble>,
}

impl Troubles {
    pub(super) const fn new(epoch: Epoch) -> Self {
        Self { epoch, known: BTreeMap::new() }
    }

    /// Whether the step failed just now and is not to be tried yet.
    pub(super) fn rests(&self, topic: Option<&TopicId>, step: Step, now: Monotonic) -> bool {
        self.known.get(&(topic.cloned(), step)).is_some_and(|trouble| now < trouble.rests_until)
    }

    /// Takes in how a step went; the answer is what it brought, if it went well.
    ///
    /// # Errors
    /// When another leader is in force: then the term is over for all topics.
    pub(super) fn note<T>(
        &mut self,
        topic: Option<&TopicId>,
        step: Step,
        outcome: Result<T, StoreError>,
        now: Monotonic,
    ) -> Result<Option<T>, StoreError> {
        match outcome {
            Ok(value) => {
                self.gone(topic, step);
                Ok(Some(value))
            }
            Err(error) if self.ends_the_term(&error) => Err(error),
            Err(error) => {
                self.failed(topic, step, &error, now);
                Ok(None)
            }
        }
    }

    /// A write for a run that is over is refused as well; that concerns its topic alone.
    pub(super) const fn ends_the_term(&self, error: &StoreError) -> bool {
        matches!(error, StoreError::Fenced { current, .. } if *current > self.epoch)
    }

    fn gone(&mut self, topic: Option<&TopicId>, step: Step) {
        let Some(trouble) = self.known.remove(&(topic.cloned(), step)) else { return };
        if !trouble.transient {
            info!(topic = topic.map(TopicId::as_str), "it is over that {}", step.in_words());
        } else if !self.is_store_away() {
            info!("the store serves again");
        }
    }

    fn failed(&mut self, topic: Option<&TopicId>, step: Step, error: &StoreError, now: Monotonic) {
        let (why, transient) = (error.to_string(), error.is_transient());
        let before = self.known.remove(&(topic.cloned(), step));
        let known = before.as_ref().is_some_and(|before| before.why == why || before.transient && transient);
        if transient && !known && !self.is_store_away() {
            warn!(error = %error, "the store does not serve");
        } else if !transient && !known {
            error!(topic = topic.map(TopicId::as_str), error = %error, "{}; it is tried again", step.in_words());
        }
        let pause = before.map_or(PAUSE_FIRST, |before| (before.pause * 2).min(PAUSE_LAST));
        let trouble = Trouble { why, transient, pause, rests_until: now + pause };
        self.known.insert((topic.cloned(), step), trouble);
    }

    fn is_store_away(&self) -> bool {
        self.known.values().any(|trouble| trouble.transient)
    }

    /// Forgets what nobody tries any more.
    pub(super) fn forget_old(&mut self, now: Monotonic) {
        self.known.retain(|_, trouble| now.since(trouble.rests_until) < MEMORY);
    }

    /// What is the matter with a topic, for people.
    pub(super) fn problem(&self, topic: &TopicId) -> Option<String> {
        let mut own = self.known.iter().filter(|((of, _), _)| of.as_ref() == Some(topic));
        own.next().map(|((_, step), trouble)| format!("{}: {}", step.in_words(), trouble.why))
    }
}
