//! Endpoints about topics, and what they share.

pub(super) mod attributes;
pub(super) mod change;
pub(super) mod curve;
pub(crate) mod decisions;
pub(super) mod list;
pub(crate) mod parts;
pub(crate) mod quote;
mod rules;
pub(super) mod show;
pub(super) mod start;
pub(crate) mod statistics;
pub(super) mod stop;

use std::time::Duration;

use igentai_core::folder::TopicId;
use igentai_core::topic::Topic;
use igentai_shared::registry::{self, Altered};

use crate::context::{App, AppRef, WebContext};
use crate::problem::Problem;

/// Hints under way at once; one more is left out, the coordinator looks by itself.
const MAX_HINTS: usize = 64;

const HINT_DEADLINE: Duration = Duration::from_secs(5);

impl App {
    /// One topic, or the problem that there is none.
    async fn topic(&self, id: &TopicId) -> Result<Topic, Problem> {
        self.context.store.topic(id).await?.ok_or_else(|| Problem::no_topic(id.as_str()))
    }

    /// Changes a topic, and tells the coordinator if it was changed. `change` says what the topic becomes, `None` to leave it as it is.
    async fn alter(
        self: &AppRef,
        id: &TopicId,
        change: impl FnMut(&Topic) -> Result<Option<Topic>, Problem>,
    ) -> Result<Topic, Problem> {
        match registry::alter(self.context.store.as_ref(), id, change).await? {
            Some(Altered::Made(topic)) => Ok(self.changed(topic)),
            Some(Altered::AsItWas(topic)) => Ok(topic),
            None => Err(Problem::no_topic(id.as_str())),
        }
    }

    /// Tells the coordinator, which looks by itself too: this only makes it quicker.
    fn changed(self: &AppRef, topic: Topic) -> Topic {
        if self.tasks.len() >= MAX_HINTS {
            tracing::debug!(topic = topic.id.as_str(), "the hint is left out, too many are under way");
            return topic;
        }
        let app = self.clone();
        let changed = topic.clone();
        self.tasks.spawn(async move {
            let WebContext { bus, id: server, .. } = &app.context;
            let id = &changed.id;
            let told = registry::hint(bus.as_ref(), server, &changed);
            match tokio::time::timeout(HINT_DEADLINE, told).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(topic = id.as_str(), error = %error, "the coordinator was not told of a change");
                }
                Err(_) => tracing::warn!(topic = id.as_str(), "the coordinator was not told of a change in time"),
            }
        });
        topic
    }
}
