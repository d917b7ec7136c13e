//! The names of the keys.

use igentai_core::folder::TopicId;

/// Topic id → record.
pub(super) const TOPICS: &str = "igentai:topics";
/// The coordinator's lease.
pub(super) const LEASE: &str = "igentai:lease";
/// Message → attempts at it that were begun and have not ended.
pub(super) const ATTEMPTS: &str = "igentai:attempts";

/// The registry's id.
pub(super) const REGISTRY: &str = "igentai:registry";

/// The keys of one topic, all in one hash slot.
#[derive(Debug)]
pub(super) struct Keys(String);

impl Keys {
    pub(super) fn of(topic: &TopicId) -> Self {
        Self(format!("igentai:{{{topic}}}"))
    }

    pub(super) fn epoch(&self) -> String {
        self.key("epoch")
    }

    pub(super) fn seen(&self) -> String {
        self.key("seen")
    }

    pub(super) fn log(&self) -> String {
        self.key("log")
    }

    pub(super) fn producers(&self) -> String {
        self.key("producers")
    }

    pub(super) fn totals(&self) -> String {
        self.key("totals")
    }

    pub(super) fn seeds(&self) -> String {
        self.key("seeds")
    }

    pub(super) fn checkpoint(&self) -> String {
        self.key("checkpoint")
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.0)
    }
}
