//! A world whose models answer over HTTP.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::service::texts;
use super::{Asked, Behaviour};
use crate::world::{Answer, End, Request, World};

/// A world whose models answer over HTTP.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// The world.
    pub world: Arc<World>,
    /// How much of the time that a model takes is really taken; at 0 it answers at once.
    pub slowness: f64,
}

impl Speaker {
    pub(super) fn models(&self) -> impl Iterator<Item = &str> {
        self.world.models().iter().map(|model| model.name.as_str())
    }

    /// How the world lets a request fail, if it does.
    pub(super) fn failure(&self, asked: &Asked, body: &Value) -> Option<Behaviour> {
        match self.answer(asked, body).end {
            End::Listed | End::Declined => None,
            End::RateLimited => Some(Behaviour::too_many_requests("1")),
            End::Broken => Some(Behaviour::status(500)),
        }
    }

    pub(super) fn latency(&self, asked: &Asked, body: &Value) -> Duration {
        self.answer(asked, body).latency.mul_f64(self.slowness)
    }

    /// The items named, what is said, and whether that is a refusal.
    pub(super) fn say(&self, asked: &Asked, body: &Value) -> (Vec<String>, Vec<String>, bool) {
        let answer = self.answer(asked, body);
        let items = &self.world.taxonomy().items;
        let named = answer.truths.iter().map(|item| items[*item].text.clone()).collect();
        (named, answer.said, answer.end == End::Declined)
    }

    /// Always the same for a request.
    fn answer(&self, asked: &Asked, body: &Value) -> Answer {
        let model = self.models().position(|name| name == asked.model).unwrap_or(0);
        let of_user = |message: &&Value| message["role"] == "user";
        let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let prompt = texts(messages.iter().filter(of_user));
        let system = texts(messages.iter().filter(|message| !of_user(message)));
        self.world.answer(Request { model, number: asked.number, system: &system, prompt: &prompt })
    }
}
