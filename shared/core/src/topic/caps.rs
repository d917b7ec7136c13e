//! Whether a run that is to go on has anything left of its caps.

use super::{EndReason, Limits};
use crate::cost::Cost;
use crate::ids::Seq;

/// A cap that leaves nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsedUp {
    /// On items.
    #[error("the cap of {cap} items is used up: the run has {used}")]
    Attributes {
        /// What is allowed.
        cap: u64,
        /// What the run has.
        used: Seq,
    },
    /// On requests.
    #[error("the cap of {cap} requests is used up: {used} count against it")]
    Requests {
        /// What is allowed.
        cap: u64,
        /// What the run has sent, and what producers that ended without a word may have sent.
        used: u64,
    },
    /// On money.
    #[error("the cap of ${} is used up: ${} count against it", cap.usd(), used.usd())]
    Cost {
        /// What is allowed.
        cap: Cost,
        /// What the run has cost, with what may be charged at worst besides.
        used: Cost,
    },
}

impl UsedUp {
    /// Why a topic ends by it.
    #[must_use]
    pub const fn reason(&self) -> EndReason {
        match self {
            Self::Attributes { .. } => EndReason::MaxAttributes,
            Self::Requests { .. } => EndReason::MaxRequests,
            Self::Cost { .. } => EndReason::MaxUsd,
        }
    }
}

impl Limits {
    /// The caps of which a run that has got so far has nothing left. Time is never among them: it counts from the start that is asked for.
    #[must_use]
    pub fn used_up(&self, attributes: Seq, requests: u64, cost: Cost) -> Vec<UsedUp> {
        let items = self.max_attributes.filter(|cap| attributes >= *cap);
        let sent = self.max_requests.filter(|cap| requests >= *cap);
        let money = self.max_cost.filter(|cap| cost >= *cap);
        [
            items.map(|cap| UsedUp::Attributes { cap, used: attributes }),
            sent.map(|cap| UsedUp::Requests { cap, used: requests }),
            money.map(|cap| UsedUp::Cost { cap, used: cost }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
