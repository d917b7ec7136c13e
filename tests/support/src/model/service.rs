//! From a request to what the script says of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, Request, Response, body::Incoming};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Asked, Behaviour, Entry, Plan, Script, answer,
    catalogue::{Catalogue, asked_for},
    journal::{Journal, Open, key_hash, now_ms},
    pace::Pace,
    response::{Scripted, add_headers, completion, respond, respond_json, respond_scripted},
};

/// Headers that carry keys.
const SECRET_HEADERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "cookie"];

/// The connection is to be closed without a byte.
#[derive(Debug, thiserror::Error)]
#[error("the script closes the connection")]
pub(super) struct Close;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Service {
    script: Script,
    catalogue: Catalogue,
    catalogues: BTreeMap<String, Catalogue>,
    plan: Mutex<(Plan, u64)>,
    pace: Pace,
    pub(super) journal: Journal,
}

impl Service {
    pub(super) fn new(script: Script) -> std::io::Result<Self> {
        let with_weights = |items: &Vec<String>| Catalogue::new(items.clone(), script.exponent);
        Ok(Self {
            catalogue: with_weights(&script.catalogue),
            catalogues: script.catalogues.iter().map(|(k, v)| (k.clone(), with_weights(v))).collect(),
            plan: Mutex::new((script.plan.clone(), 0)),
            pace: Pace::default(),
            journal: Journal::new(script.journal.as_deref())?,
            script,
        })
    }

    pub(super) fn set_plan(&self, plan: Plan) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = (plan, 0);
    }

    pub(super) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Scripted>, Close> {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/v1/chat/completions") => self.complete(request).await,
            (&Method::GET, "/v1/models") if self.refuses(key(request.headers()).as_deref()) => {
                Ok(error(401, "wrong key"))
            }
            (&Method::GET, "/v1/models") => Ok(respond_json(200, &self.models())),
            _ => Ok(error(404, "no such address")),
        }
    }

    fn refuses(&self, key: Option<&str>) -> bool {
        self.script.key.is_some() && self.script.key.as_deref() != key
    }

    fn models(&self) -> Value {
        let names: Vec<&str> =
            std::iter::once("stand-in").chain(self.catalogues.keys().map(String::as_str)).collect();
        let names = self.script.world.as_ref().map_or(names, |speaker| speaker.models().collect());
        let models: Value = names
            .iter()
            .map(|name| json!({"id": name, "object": "model", "created": 0, "owned_by": "igentai"}))
            .collect();
        json!({"object": "list", "data": models})
    }

    async fn complete(&self, request: Request<Incoming>) -> Result<Response<Scripted>, Close> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Close)?.to_bytes();
        let Ok(body) = serde_json::from_slice::<Value>(&body) else {
            return Ok(error(400, "the body is not JSON"));
        };
        let key = key(&head.headers);
        let open = self.journal.open(Entry {
            number: 0,
            at_ms: now_ms(),
            headers: public_headers(&head.headers),
            key_hash: key.as_deref().map(key_hash),
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            prompt: prompt(&body),
            behaviour: String::new(),
            answered: false,
            items: Vec::new(),
            prompt_tokens: 0,
            completion_tokens: 0,
        });
        if self.refuses(key.as_deref()) {
            open.change(|entry| entry.behaviour = "wrong key".into());
            return Ok(error(401, "wrong key"));
        }
        if body["stream"] == true {
            open.change(|entry| entry.behaviour = "stream refused".into());
            return Ok(error(400, "the stand-in does not stream"));
        }
        let mut rng =
            StdRng::seed_from_u64(self.script.seed ^ open.number().wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let asked = Asked {
            number: open.number(),
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            prompt: prompt(&body),
        };
        let behaviour = self.decide(&asked, &body, &mut rng);
        open.change(|entry| entry.behaviour = behaviour.name());
        self.behave(behaviour, &asked, &body, &open, &mut rng).await
    }

    fn decide(&self, asked: &Asked, body: &Value, rng: &mut StdRng) -> Behaviour {
        let most = self.script.requests_per_minute;
        if most.is_some_and(|most| self.pace.is_over(&asked.model, most, now_ms())) {
            return Behaviour::too_many_requests("1");
        }
        let behaviour = self.decide_by_plan(asked, rng);
        let failure = self.script.world.as_ref().and_then(|speaker| speaker.failure(asked, body));
        // What the plan says counts before what the world does.
        failure.filter(|_| behaviour == Behaviour::Answer).unwrap_or(behaviour)
    }

    fn decide_by_plan(&self, asked: &Asked, rng: &mut StdRng) -> Behaviour {
        let mut current = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let (plan, position) = &mut *current;
        *position += 1;
        plan.decide(asked, *position - 1, rng)
    }

    async fn behave(
        &self,
        behaviour: Behaviour,
        asked: &Asked,
        body: &Value,
        open: &Open,
        rng: &mut StdRng,
    ) -> Result<Response<Scripted>, Close> {
        let slower = if let Behaviour::Slow(time) = behaviour { time } else { Duration::ZERO };
        let speaker = self.script.world.as_ref();
        let speaking = speaker.map_or(Duration::ZERO, |speaker| speaker.latency(asked, body));
        sleep(self.script.latency + slower + speaking).await;
        match behaviour {
            Behaviour::Answer | Behaviour::Slow(_) => {
                let (items, text) = self.answer(asked, body, rng);
                Ok(respond_json(200, &answered(asked, items, &text, open)))
            }
            Behaviour::Raw(text) => Ok(respond_json(200, &answered(asked, Vec::new(), &text, open))),
            Behaviour::TruncatedJson => {
                let (_, text) = self.answer(asked, body, rng);
                let whole = completion(asked.number, now_ms() / 1000, &asked.model, &text, 0, 0).to_string();
                let half = whole.floor_char_boundary(whole.len() / 2);
                Ok(respond(200, "application/json", whole[..half].to_owned()))
            }
            Behaviour::Status { status, headers, body } => {
                let mut response = respond(status, "application/json", body);
                add_headers(response.headers_mut(), &headers);
                Ok(response)
            }
            Behaviour::Html200 => {
                Ok(respond(200, "text/html", "<!doctype html><title>Sign in</title><p>Please sign in."))
            }
            Behaviour::HugeBody(bytes) => Ok(respond_scripted(Scripted::Huge { left: bytes, begun: false })),
            Behaviour::StallAfterFirstByte => {
                Ok(respond_scripted(Scripted::Stalled(Some(hyper::body::Bytes::from_static(b"{")))))
            }
            Behaviour::Hang(time) => {
                sleep(time).await;
                Err(Close)
            }
            Behaviour::RefuseConnection => Err(Close),
        }
    }

    fn answer(&self, asked: &Asked, body: &Value, rng: &mut StdRng) -> (Vec<String>, String) {
        if let Some(speaker) = &self.script.world {
            let (items, said, declined) = speaker.say(asked, body);
            let text =
                if declined { said.join("\n") } else { answer::text(&said, body, &self.script.styles, rng) };
            return (items, text);
        }
        let catalogue = self.catalogues.get(&asked.model).unwrap_or(&self.catalogue);
        let count = asked_for(&asked.prompt).unwrap_or(self.script.default_items);
        let items = catalogue.draw(rng, count, &asked.prompt, self.script.obedience);
        let text = answer::text(&items, body, &self.script.styles, rng);
        (items, text)
    }
}

/// Writes an answer down, then makes it.
fn answered(asked: &Asked, items: Vec<String>, text: &str, open: &Open) -> Value {
    let (prompt_tokens, completion_tokens) = (tokens(&asked.prompt), tokens(text));
    open.change(|entry| {
        entry.answered = true;
        entry.items = items;
        entry.prompt_tokens = prompt_tokens;
        entry.completion_tokens = completion_tokens;
    });
    completion(asked.number, now_ms() / 1000, &asked.model, text, prompt_tokens, completion_tokens)
}

/// Four characters a token, as a rule of thumb has it.
fn tokens(text: &str) -> u64 {
    text.chars().count().div_ceil(4) as u64
}

/// The texts of all messages.
fn prompt(body: &Value) -> String {
    texts(body["messages"].as_array().into_iter().flatten())
}

/// The texts of messages; a message's content is a text or a list of parts.
pub(super) fn texts<'a>(messages: impl Iterator<Item = &'a Value>) -> String {
    let mut texts = Vec::new();
    for message in messages {
        let content = &message["content"];
        texts.extend(content.as_str());
        texts.extend(content.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str()));
    }
    texts.join("\n")
}

fn key(headers: &HeaderMap) -> Option<String> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = value("authorization").map(|value| value.strip_prefix("Bearer ").unwrap_or(value));
    bearer.or_else(|| value("x-api-key")).or_else(|| value("api-key")).map(str::to_owned)
}

fn public_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter(|(name, _)| !SECRET_HEADERS.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

fn error(status: u16, message: &str) -> Response<Scripted> {
    respond_json(status, &json!({"error": {"message": message}}))
}
