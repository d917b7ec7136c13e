//! What the core wants people to hear of.

use igentai_core::coordinator::Note;
use igentai_core::decision::{Cared, Treated};
use igentai_core::folder::TopicId;
use tracing::{debug, info, warn};

pub(super) fn say(note: &Note) {
    match note {
        Note::Joined(producer) => info!(producer = %producer, "a producer joined"),
        Note::Restarted(producer) => warn!(producer = %producer, "a producer came back in a new life"),
        Note::Left(producer) => info!(producer = %producer, "a producer left"),
        Note::Lost(producer) => {
            warn!(producer = %producer, "a producer is not heard any more; its work goes on elsewhere");
        }
        Note::Ending(topic, reason) => say_ending(topic, reason.in_words()),
        Note::Cared(cared) => say_cared(cared),
    }
}

fn say_cared(cared: &Cared) {
    let provider = cared.provider.as_str();
    match cared.treated {
        Treated::Rests { .. } => warn!(provider, "{cared}"),
        Treated::Back { .. } => info!(provider, "{cared}"),
        Treated::Doubted { .. } | Treated::Probed { .. } => debug!(provider, "{cared}"),
    }
}

fn say_ending(topic: &TopicId, reason: &str) {
    info!(topic = %topic, reason, "a topic comes to its end");
}
