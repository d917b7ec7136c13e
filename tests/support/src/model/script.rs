//! What the service does, said before and while it runs.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use rand::{Rng, RngExt};

use super::{Speaker, Style};

/// What happens to one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Behaviour {
    /// An answer.
    Answer,
    /// An answer after this time, on top of the script's latency.
    Slow(Duration),
    /// This status.
    Status {
        /// The status code.
        status: u16,
        /// Further headers, such as `retry-after`.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Nothing for this time, then the connection is closed.
    Hang(Duration),
    /// The connection is closed without a byte. For connections that are refused see
    /// [`super::ModelService::refuse_connections`].
    RefuseConnection,
    /// Half of an answer's JSON, as a whole response.
    TruncatedJson,
    /// Status 200 with a page of HTML.
    Html200,
    /// Status 200 with a JSON string of this many bytes.
    HugeBody(u64),
    /// The response's head and the first byte of its body, then nothing while the connection lasts.
    StallAfterFirstByte,
    /// A proper completion with this text as the model's answer.
    Raw(String),
}

impl Behaviour {
    /// A status with a short JSON body and no further headers.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let body = serde_json::json!({"error": {"message": format!("scripted status {status}")}});
        Self::Status { status, headers: Vec::new(), body: body.to_string() }
    }

    /// 429 with this `retry-after`.
    #[must_use]
    pub fn too_many_requests(retry_after: &str) -> Self {
        let headers = vec![("retry-after".to_owned(), retry_after.to_owned())];
        let body =
            r#"{"error": {"message": "rate limit reached", "type": "rate_limit_exceeded"}}"#.to_owned();
        Self::Status { status: 429, headers, body }
    }

    /// For the journal.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Answer => "answer".into(),
            Self::Slow(_) => "slow".into(),
            Self::Status { status, .. } => format!("status {status}"),
            Self::Hang(_) => "hang".into(),
            Self::RefuseConnection => "refuse connection".into(),
            Self::TruncatedJson => "truncated json".into(),
            Self::Html200 => "html 200".into(),
            Self::HugeBody(_) => "huge body".into(),
            Self::StallAfterFirstByte => "stall after first byte".into(),
            Self::Raw(_) => "raw".into(),
        }
    }
}

/// What a plan may decide by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The request's number, from 0.
    pub number: u64,
    /// The model asked.
    pub model: String,
    /// The texts of all messages.
    pub prompt: String,
}

/// Decides what happens to each request.
#[derive(Clone, Default)]
pub enum Plan {
    /// All are answered.
    #[default]
    Answer,
    /// The same for all.
    Always(Behaviour),
    /// One after another, counted from when the plan is set; then all are answered.
    Sequence(Vec<Behaviour>),
    /// Each with its probability, the rest answered.
    Random(Vec<(f64, Behaviour)>),
    /// Decided by a function.
    ByRequest(Arc<dyn Fn(&Asked) -> Behaviour + Send + Sync>),
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer => formatter.write_str("Answer"),
            Self::Always(behaviour) => formatter.debug_tuple("Always").field(behaviour).finish(),
            Self::Sequence(behaviours) => formatter.debug_tuple("Sequence").field(behaviours).finish(),
            Self::Random(chances) => formatter.debug_tuple("Random").field(chances).finish(),
            Self::ByRequest(_) => formatter.write_str("ByRequest(..)"),
        }
    }
}

impl Plan {
    /// A plan decided by a function.
    pub fn by_request(decide: impl Fn(&Asked) -> Behaviour + Send + Sync + 'static) -> Self {
        Self::ByRequest(Arc::new(decide))
    }

    /// `position` counts the requests under this plan from 0.
    pub(super) fn decide(&self, asked: &Asked, position: u64, rng: &mut impl Rng) -> Behaviour {
        match self {
            Self::Answer => Behaviour::Answer,
            Self::Always(behaviour) => behaviour.clone(),
            Self::Sequence(behaviours) => {
                let position = usize::try_from(position).unwrap_or(usize::MAX);
                behaviours.get(position).cloned().unwrap_or(Behaviour::Answer)
            }
            Self::Random(chances) => {
                let mut left: f64 = rng.random();
                for (chance, behaviour) in chances {
                    left -= chance;
                    if left < 0.0 {
                        return behaviour.clone();
                    }
                }
                Behaviour::Answer
            }
            Self::ByRequest(decide) => decide(asked),
        }
    }
}

/// The whole script of a service. The same script and the same requests in the same order give the same answers.
#[derive(Debug, Clone)]
pub struct Script {
    /// What all models know, the most popular item first.
    pub catalogue: Vec<String>,
    /// What single models know instead, by name.
    pub catalogues: BTreeMap<String, Vec<String>>,
    /// Of Zipf's law; 0 makes all items equally popular.
    pub exponent: f64,
    /// Names the random numbers.
    pub seed: u64,
    /// Items named where the prompt does not say how many.
    pub default_items: usize,
    /// With which probability an item is left out that the prompt names.
    pub obedience: f64,
    /// If set, its models answer, by their names, and neither catalogue counts; a name that none of them has is the first one's.
    pub world: Option<Speaker>,
    /// Requests to a model within any minute; those beyond get a 429.
    pub requests_per_minute: Option<usize>,
    /// Forms of an answer where no schema is asked for.
    pub styles: Vec<Style>,
    /// Before every answer.
    pub latency: Duration,
    /// What happens to each request.
    pub plan: Plan,
    /// If set, only this key is let in; other requests get a 401.
    pub key: Option<String>,
    /// Where the journal is appended to, a line of JSON a request.
    pub journal: Option<PathBuf>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            catalogue: Vec::new(),
            catalogues: BTreeMap::new(),
            exponent: 1.0,
            seed: 0,
            default_items: 50,
            obedience: 0.0,
            world: None,
            requests_per_minute: None,
            styles: Style::ALL.to_vec(),
            latency: Duration::ZERO,
            plan: Plan::Answer,
            key: None,
            journal: None,
        }
    }
}

impl Script {
    /// A script with this catalogue and the defaults.
    pub fn new(catalogue: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { catalogue: catalogue.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}
