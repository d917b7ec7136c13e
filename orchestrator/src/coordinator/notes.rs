//! What the core wants people to hear of.

use igentai_core::coordinator::Note;
use igentai_core::folder::TopicId;
use tracing::{info, warn};

pub(super) fn say(note: &Note) {
    match note {
        Note::Joined(producer) => info!(producer = %producer, "a producer joined"),
        Note::Restarted(producer) => warn!(producer = %producer, "a producer came back in a new life"),
        Note::Left(producer) => info!(producer = %producer, "a producer left"),
        Note::Lost(producer) => {
            warn!(producer = %producer, "a producer is not heard any more; its work goes on elsewhere");
        }
        Note::Ending(topic, reason) => say_ending(topic, reason.in_words()),
    }
}

fn say_ending(topic: &TopicId, reason: &str) {
    info!(topic = %topic, reason, "a topic comes to its end");
}
