//! The operator's face of igentai: HTTP API, event streams and the live page.
//!
//! The web server is stateless: what it shows comes from the registry and from the events that integrators and the coordinator publish;
//! an operator's change is a compare-and-set on the topic's definition, followed by a hint to the coordinator. Run as many as needed.
//!
//! [`serve`] runs all of it, [`serve_probes`] only the probes and metrics of the other roles. [`api::dto`] holds the requests and
//! answers for clients.

pub mod api;
mod context;
mod extract;
mod fields;
#[doc(hidden)]
pub mod fuzzing;
mod leader;
mod page;
mod probes;
mod problem;
mod security;
mod server;
mod stream;
mod view;

pub use api::{Ahead, decision_page, parts_view, quote_view, statistics_view};
pub use context::{DependencyReadiness, MetricsText, ProbeContext, Readiness, WebContext};
pub use extract::MAX_LISTS_BYTES;
pub use problem::{FieldError, PROBLEM_CONTENT_TYPE, Problem, ProblemBody, ProblemKind};
pub use server::{MAX_CONNECTIONS, WebError, serve, serve_probes};
pub use view::{STATUS_CHECKPOINT, stored as topic_view};
