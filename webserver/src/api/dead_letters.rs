//! Endpoints about dead letters, and what they share.

pub(super) mod content;
pub(super) mod drop;
pub(super) mod list;
pub(super) mod replay;
pub(super) mod show;

use igentai_shared::bus::BusError;
use igentai_shared::dead_letters::{self, Act, Letter, Settled, Undone, Which};

use crate::api::dto::{DeadLetter, LetterOutcome, SettleLetters, SettledLetter, SettledLetters};
use crate::context::App;
use crate::fields::Errors;
use crate::problem::{Problem, ProblemKind};
use crate::view;

/// Characters of a header, a key or a reason that are shown.
const MAX_SHOWN: usize = 1_000;

impl From<BusError> for Problem {
    fn from(error: BusError) -> Self {
        tracing::warn!(error = %error, "the broker could not be asked");
        Self::new(ProblemKind::BusUnavailable, format!("{error}; try again in a moment"))
    }
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

fn summary(letter: &Letter) -> DeadLetter {
    let origin = letter.origin.as_ref();
    let mut producers: Vec<String> = letter.batches.iter().map(|id| id.producer.to_string()).collect();
    producers.sort_unstable();
    producers.dedup();
    let topic = letter.batches.first().map(|id| id.topic.to_string());
    DeadLetter {
        id: letter.id.clone(),
        kind: igentai_shared::wire::kind_of(&letter.content_type).map(|(kind, _)| shown(kind)),
        reason: letter.reason().map(shown),
        reason_kind: letter.reason_kind().map(shown),
        at: letter.at().map(view::time),
        by: letter.by().map(shown),
        size: letter.payload.len(),
        topic: topic.or_else(|| origin.map(|origin| shown(&origin.routing_key))),
        producers,
        message_id: shown(&letter.message_id),
        content_type: shown(&letter.content_type),
        exchange: origin.map(|origin| origin.exchange.name().to_owned()),
        routing_key: origin.map(|origin| shown(&origin.routing_key)),
        replays: letter.replays(),
    }
}

/// Replays or drops what a request names.
async fn settle(
    app: &App,
    request: SettleLetters,
    errors: Errors,
    act: Act,
) -> Result<SettledLetters, Problem> {
    errors.finish(ProblemKind::Invalid)?;
    let which = match (request.ids, request.first) {
        (Some(ids), None) => Which::Ids(ids.into_iter().collect()),
        (None, Some(first)) => Which::First(first),
        (Some(_), Some(_)) | (None, None) => {
            let mut errors = Errors::default();
            errors.add(
                "ids",
                "say which letters: either `ids` or `first`",
                "a list of ids, or a number in `first`",
            );
            return Err(errors.finish(ProblemKind::Invalid).err().unwrap_or_else(|| {
                Problem::new(ProblemKind::Invalid, "say which letters: either `ids` or `first`")
            }));
        }
    };
    let settled = dead_letters::settle(app.context.bus.as_ref(), &which, act).await?;
    let items: Vec<SettledLetter> = settled.into_iter().map(|one| outcome(one, act)).collect();
    let done = items.iter().filter(|item| item.outcome.is_done()).count();
    tracing::info!(act = ?act, done, undone = items.len() - done, "dead letters were settled");
    Ok(SettledLetters { undone: items.len() - done, done, items })
}

fn outcome((id, outcome): Settled, act: Act) -> SettledLetter {
    let word = match (&outcome, act) {
        (Ok(()), Act::Replay) => LetterOutcome::Replayed,
        (Ok(()), Act::Drop) => LetterOutcome::Dropped,
        (Err(Undone::NotFound), _) => LetterOutcome::NotFound,
        (Err(Undone::NoOrigin), _) => LetterOutcome::NoOrigin,
        (Err(Undone::NotSent(_) | Undone::NotTried | Undone::NotCertain(_)), _) => LetterOutcome::Failed,
    };
    SettledLetter { id, outcome: word, detail: outcome.err().map(|undone| undone.to_string()) }
}

fn no_letter(id: &str) -> Problem {
    let id: String = id.chars().take(100).collect();
    Problem::new(
        ProblemKind::NotFound,
        format!("there is no dead letter with the id `{id}` among the first {}", dead_letters::WINDOW),
    )
}
