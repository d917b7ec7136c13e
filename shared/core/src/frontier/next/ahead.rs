//! What the next requests bring, if all goes as it is thought to: the frontier's own choices for one model, made one after the other without waiting for answers.

use super::super::estimate::Picture;
use super::super::view::View;
use super::{Frontier, LEAST_NEW, PART};
use crate::estimate::Completeness;
use crate::topic::ProbeShare;

/// Requests that are looked ahead.
const MOST_REQUESTS: usize = 4_000;

/// An answer about the whole topic names what is known rather than what is not.
const OF_WHOLE: f64 = 0.3;

/// What a topic that is cut by letters promises.
#[derive(Clone, Debug)]
pub(crate) struct Ahead {
    /// How complete it is.
    pub(crate) completeness: Option<Completeness>,
    /// New names that the next requests bring, made-up ones included, as long as parts promise anything; none where several models share the parts.
    pub(crate) requests: Vec<f64>,
}

impl Frontier {
    /// What the next requests bring, of so many names each, where so many of them are a sample of the whole.
    pub(crate) fn ahead(&self, items: u32, probes: ProbeShare) -> Ahead {
        let view = self.view();
        let picture = view.picture();
        let completeness = view.estimate_by(&picture);
        let is_told = !self.is_shared();
        let requests = if is_told { view.coming(&picture, completeness, items, probes) } else { Vec::new() };
        Ahead { completeness, requests }
    }

    /// Whether several models have answered.
    pub(crate) fn is_shared(&self) -> bool {
        self.voices.len() > 1
    }
}

impl View<'_> {
    fn coming(
        &self,
        picture: &Picture,
        completeness: Option<Completeness>,
        items: u32,
        probes: ProbeShare,
    ) -> Vec<f64> {
        let most = f64::from(items);
        let (mut parts, mut cut): (Vec<(f64, f64)>, _) = (Vec::new(), Vec::new());
        for stretch in self.stretches.iter().filter(|stretch| !stretch.reach.is_done(picture.useful)) {
            self.cut(stretch, picture, (most * PART, self.spares(true), None), &mut cut);
            for (letters, load) in cut.drain(..) {
                let missing = self.expected(picture, letters, stretch.reach) - self.sum(letters).found();
                let new = missing.clamp(0.0, most);
                if new >= LEAST_NEW {
                    parts.push((new, load.gives.clamp(0.0, most)));
                }
            }
        }
        parts.sort_by(|one, other| other.0.total_cmp(&one.0));
        let left = 1.0 - completeness.map_or(0.0, |said| said.completeness);
        let of_whole = most * (left * OF_WHOLE + picture.made_up);
        let mut requests = Vec::new();
        let (mut whole, mut all) = (self.whole, self.whole + self.aimed);
        for (new, gives) in parts {
            if requests.len() >= MOST_REQUESTS {
                break;
            }
            while probes.lacks(whole, all) && requests.len() < MOST_REQUESTS {
                whole += 1;
                all += 1;
                requests.push(of_whole);
            }
            all += 1;
            requests.push(new + picture.made_up * gives);
        }
        requests
    }
}
