//! How all producers together treat a provider that fails, and why.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::batch::Outcome;
use crate::ids::WorkerId;

/// How a provider is treated from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cared {
    /// Its name.
    pub provider: String,
    /// How, and why.
    pub treated: Treated,
}

/// How a provider is treated, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treated {
    /// One that hardly ever fails has failed: it is left alone until another of its requests has ended.
    Doubted {
        /// How the request ended.
        outcome: Outcome,
    },
    /// It is left alone.
    Rests {
        /// Failures in a row, probes among them.
        failures: u32,
        /// How the last one ended; `None` where an earlier leader has decided it.
        outcome: Option<Outcome>,
        /// Lately answered requests among a thousand.
        answered: u16,
        /// Until somebody tries it, in milliseconds.
        pause_ms: u64,
    },
    /// It is tried.
    Probed {
        /// By whom alone.
        by: WorkerId,
    },
    /// It is asked as before.
    Back {
        /// Answers in a row since it was left alone.
        answers: u32,
    },
}

impl fmt::Display for Cared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, treated } = self;
        match treated {
            Treated::Doubted { outcome } => write!(
                f,
                "{provider} fails ({}), which it hardly ever does: nobody asks it until another of its requests has ended",
                outcome.as_str()
            ),
            Treated::Rests { failures, outcome, answered, pause_ms } => {
                write!(
                    f,
                    "{provider} is left alone by all producers for {:.1} s: ",
                    Duration::from_millis(*pause_ms).as_secs_f64()
                )?;
                match outcome {
                    Some(outcome) => write!(
                        f,
                        "{failures} failure{} in a row (the last: {}), {} % of its requests answered of late",
                        if *failures == 1 { "" } else { "s" },
                        outcome.as_str(),
                        answered / 10
                    ),
                    None => f.write_str("an earlier leader had decided it"),
                }
            }
            Treated::Probed { by } => write!(f, "{provider} is tried by {by} alone, with one request"),
            Treated::Back { answers } => write!(
                f,
                "{provider} is asked by all producers again, after {answers} answer{} in a row",
                if *answers == 1 { "" } else { "s" }
            ),
        }
    }
}
