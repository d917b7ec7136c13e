//! How much may be under way at once. Every command names all topics that have not ended, with their prompts, and whoever reads a message takes
//! only so much; a topic that would not fit in is refused when it is started or changed.
//!
//! The bounds leave room: two starts at the same moment do not see each other.

use super::Topic;

/// Topics that may be under way at once.
pub const MAX_UNDER_WAY: usize = 200;

/// What they may weigh together, in bytes.
pub const MAX_LOAD: usize = 768 * 1024;

/// What a topic weighs without its texts, and one of its providers' weights without the name. Both are more than they take in a command, by
/// so much that [`MAX_LOAD`] bounds the number of values there, too: no value weighs less than 24 bytes.
const TOPIC: usize = 768;
const PROVIDER: usize = 48;

/// A category without its name: it stands in what is told of a topic, not in commands.
const CATEGORY: usize = 24;

/// Why a topic cannot be under way beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overload {
    /// There are too many.
    #[error(
        "{MAX_UNDER_WAY} topics are under way, which is the most there may be at once; stop one, or wait until one has ended"
    )]
    TooMany,
    /// They say too much.
    #[error(
        "names, prompts, rules and provider weights of all topics under way would come to {load} bytes, at most {MAX_LOAD} can be told to producers; \
         shorten the prompt, stop another topic, or wait until one has ended"
    )]
    TooLarge {
        /// What they would weigh together.
        load: usize,
    },
}

impl Topic {
    /// What the topic weighs in a command, in bytes: no less than it takes there.
    #[must_use]
    pub fn load(&self) -> usize {
        let prompt = self.prompt.as_ref().map_or(0, String::len);
        let weights: usize = self.provider_weights.keys().map(|name| PROVIDER + name.len()).sum();
        let categories: usize =
            self.categories.iter().map(|category| CATEGORY + category.as_str().len()).sum();
        TOPIC + self.id.as_str().len() + self.name.len() + prompt + weights + categories + self.rules.load()
    }

    /// Refuses a topic that is to be under way and does not fit in beside the others in `topics`.
    pub fn refuse_overload(&self, topics: &[Self]) -> Result<(), Overload> {
        let under_way = |topic: &&Self| !topic.state.is_ended() && topic.id != self.id;
        let others = topics.iter().filter(under_way);
        if others.clone().count() >= MAX_UNDER_WAY {
            return Err(Overload::TooMany);
        }
        let load = self.load() + others.map(Self::load).sum::<usize>();
        if load > MAX_LOAD { Err(Overload::TooLarge { load }) } else { Ok(()) }
    }
}
