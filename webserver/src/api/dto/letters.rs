//! Dead letters, as clients see and settle them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::fields::{Fields, FromFields};

/// Letters settled by one request at most, so that its answer is there before whoever asks has lost patience.
const MOST: usize = igentai_shared::dead_letters::AT_ONCE;

const ID_LENGTH: usize = 16;

/// A message that could not be integrated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetter {
    /// What tells it from others; made of what it holds, so that equal copies are one.
    pub id: String,
    /// What kind of message it says it is: `batches`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Why it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in a word, that of `igentai_dead_letters_total`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_kind: Option<String>,
    /// When it was put there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Which orchestrator put it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Bytes that it holds.
    pub size: usize,
    /// The topic that it is for, as far as that can be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Whose batches it holds, as far as that can be known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub producers: Vec<String>,
    /// The id that its publisher gave it.
    pub message_id: String,
    /// Its content type.
    pub content_type: String,
    /// The exchange that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<String>,
    /// The routing key that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_key: Option<String>,
    /// How often it was replayed, and came back.
    pub replays: u32,
}

/// Dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterList {
    /// The letters, the oldest first.
    pub items: Vec<DeadLetter>,
    /// For the next page; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_after: Option<String>,
    /// How many there are, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u64>,
    /// Whether all of them were looked at.
    pub complete: bool,
}

/// A dead letter with what it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterView {
    /// What is known of it.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// What it holds.
    pub content: LetterContent,
}

/// What a dead letter holds: one of `decoded` and `hex`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LetterContent {
    /// What was understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub decoded: Option<serde_json::Value>,
    /// The first bytes of what was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not_decoded: Option<String>,
    /// Whether there is more than is shown.
    pub cut: bool,
}

/// Which dead letters: either `ids` or `first`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettleLetters {
    /// Those with these ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 500)]
    pub ids: Option<Vec<String>>,
    /// The first so many of the queue; fewer where they are large. Asked for again until they are as many as a list showed, they are all that were there then, and none that came since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 500)]
    pub first: Option<usize>,
}

impl FromFields for SettleLetters {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            ids: fields.texts("ids", MOST, ID_LENGTH, "a list of 1 to 500 ids of letters").value(),
            first: fields.count_in("first", 1..=MOST as u64).value(),
        }
    }
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LetterOutcome {
    /// It is on its way again.
    Replayed,
    /// It is gone.
    Dropped,
    /// It was not there.
    NotFound,
    /// It does not say where it came from; it is still there.
    NoOrigin,
    /// `detail` says why; it is still there, or that is not known.
    Failed,
}

impl LetterOutcome {
    /// Whether it is as was asked.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Replayed | Self::Dropped)
    }
}

/// A letter and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettledLetter {
    /// Which.
    pub id: String,
    /// What became of it.
    pub outcome: LetterOutcome,
    /// Why it is not as was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettledLetters {
    /// One by one.
    pub items: Vec<SettledLetter>,
    /// How many are as was asked.
    pub done: usize,
    /// How many are not.
    pub undone: usize,
}
