//! Decides again, from the log, what was decided.

use std::time::Instant;

use igentai_core::decision::Differs;
use igentai_core::folder::TopicId;
use igentai_core::ids::LogIndex;
use igentai_shared::store::{self, ReplayError, Replayed, Store};
use igentai_webserver::api::dto::TopicView;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::counted;
use crate::topics::inert::inert;

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    topic: String,
    run: u64,
    /// Log entries that were taken in.
    entries: LogIndex,
    /// Decisions that stand written.
    decisions: u64,
    /// Those of them that follow from the log, and came out the same.
    same: u64,
    /// Those of programs that decide by other rules, which are not made again.
    taken: u64,
    /// The first that did not.
    differs: Option<String>,
    seconds: f64,
}

impl Found {
    pub(super) const fn is_same(&self) -> bool {
        self.differs.is_none()
    }

    pub(super) fn json(&self) -> Result<String, Failure> {
        let line =
            serde_json::to_string(self).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        Ok(line + "\n")
    }

    pub(super) fn text(&self) -> String {
        let (topic, run) = (inert(&self.topic), self.run);
        let (decisions, same) = (counted(self.decisions, "decision"), self.same);
        let read = format!(
            "{} in {:.1} s",
            counted(self.entries, "log entry").replace("entrys", "entries"),
            self.seconds
        );
        match &self.differs {
            None if self.decisions == 0 => format!("{topic}, run {run}: no decision stands written\n"),
            None => format!(
                "{topic}, run {run}: {same} of {decisions} follow from the log, and all of them come out the same ({read}){}\n",
                self.older()
            ),
            Some(differs) => {
                format!("{topic}, run {run}: after {same} that came out the same, {}\n", inert(differs))
            }
        }
    }
}

impl Found {
    /// What is said of decisions that are not made again.
    fn older(&self) -> String {
        match self.taken {
            0 => String::new(),
            taken => format!(
                "; {} made by another version of igentai, with other rules, and not made again",
                if taken == 1 { "one was".to_owned() } else { format!("{taken} were") }
            ),
        }
    }
}

/// Replays a topic's run.
#[expect(clippy::disallowed_methods, reason = "it is told how long it took")]
pub(super) async fn replay(store: &dyn Store, topic: &TopicView) -> Result<Found, Failure> {
    let began = Instant::now();
    let id = TopicId::parse(&topic.id).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let replayed = store::replay(store, &id, topic.run).await.map_err(|error| match error {
        ReplayError::Store(error) => Failure::from(error),
        ReplayError::Log(_) => Failure::new(Exit::Store, error.to_string()),
        ReplayError::Gone { .. } | ReplayError::Short { .. } => Failure::new(Exit::Failed, error.to_string()),
    })?;
    let Replayed { entries, decisions, same, taken, differs } = replayed;
    let differs = differs.as_ref().map(Differs::to_string);
    let seconds = began.elapsed().as_secs_f64();
    Ok(Found { topic: topic.name.clone(), run: topic.run, entries, decisions, same, taken, differs, seconds })
}
