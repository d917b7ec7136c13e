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

/// An answer with this share of what was asked for is no list, and the rest of its part is asked for once more.
const FULL: f64 = 0.92;

/// What is thought of parts is too little as long as most of a topic is not known, and too much towards its end: they bring so many times as many, by the
/// share that is known (of five topics, 24 runs each).
const AT_FIRST: f64 = 1.2;
const IN_THE_END: f64 = 0.9;

/// So many requests are about as good, since it is not known which of those under way is answered first: half of what each brings is their mean.
const ALIKE: usize = 6;

/// Requests that are alike, and what they bring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// How many; less than one where it is not sure that there will be one.
    pub(crate) requests: f64,
    /// New names, made-up ones included.
    pub(crate) new: f64,
}

/// What a topic that is cut by letters promises.
#[derive(Clone, Debug)]
pub(crate) struct Ahead {
    /// How complete it is.
    pub(crate) completeness: Option<Completeness>,
    /// The next requests, as long as parts promise anything; none where several models share the parts.
    pub(crate) steps: Vec<Step>,
}

impl Frontier {
    /// What the next requests bring, of so many names each, where so many of them are a sample of the whole.
    pub(crate) fn ahead(&self, items: u32, probes: ProbeShare) -> Ahead {
        let view = self.view();
        let picture = view.picture();
        let completeness = view.estimate_by(&picture);
        let is_told = !self.is_shared();
        let steps = if is_told { view.coming(&picture, completeness, items, probes) } else { Vec::new() };
        Ahead { completeness, steps }
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
    ) -> Vec<Step> {
        let most = f64::from(items);
        let left = 1.0 - completeness.map_or(0.0, |said| said.completeness);
        let of_whole = most * (left * OF_WHOLE + picture.made_up);
        let mut steps = Vec::new();
        let (mut whole, mut all) = (self.whole, count(self.whole + self.aimed));
        for step in self.of_parts(picture, most, left) {
            if steps.len() >= MOST_REQUESTS {
                break;
            }
            while probes.lacks(whole, floor(all)) && steps.len() < MOST_REQUESTS {
                whole += 1;
                all += 1.0;
                steps.push(Step { requests: 1.0, new: of_whole });
            }
            all += step.requests;
            steps.push(step);
        }
        steps
    }

    /// Requests about parts, those first that bring most; then what is left of parts that have more than one answer holds.
    fn of_parts(&self, picture: &Picture, most: f64, left: f64) -> Vec<Step> {
        let (mut parts, mut cut): (Vec<(f64, f64)>, _) = (Vec::new(), Vec::new());
        for stretch in self.stretches.iter().filter(|stretch| !stretch.reach.is_done(picture.useful)) {
            self.cut(stretch, picture, (most * PART, self.spares(true), None), &mut cut);
            for (letters, load) in cut.drain(..) {
                let missing = self.expected(picture, letters, stretch.reach) - self.sum(letters).found();
                // Of a part with more names than an answer has, known ones come as well as new ones.
                let new = missing.max(0.0) * (most / load.gives.max(most));
                if new >= LEAST_NEW {
                    parts.push((new, load.gives.clamp(0.0, most)));
                }
            }
        }
        let brings = IN_THE_END + (AT_FIRST - IN_THE_END) * left;
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for (new, gives) in parts {
            let spread = gives.sqrt().max(LEAST_NEW);
            let over = new * (beyond(most, gives, spread) / gives.max(1.0)).min(1.0);
            first.push(Step { requests: 1.0, new: brings * (new - over + picture.made_up * gives) });
            again.push(Step { requests: above((FULL * most - gives) / spread), new: over });
        }
        first.sort_by(|one, other| other.new.total_cmp(&one.new));
        level(&mut first);
        again.sort_by(|one, other| (other.new * one.requests).total_cmp(&(one.new * other.requests)));
        first.extend(again);
        first
    }
}

/// See [`ALIKE`].
fn level(steps: &mut [Step]) {
    let alike = || steps.iter().take(ALIKE);
    let mean = alike().map(|step| step.new).sum::<f64>() / small(alike().count().max(1));
    for step in steps.iter_mut().take(ALIKE) {
        step.new = f64::midpoint(step.new, mean);
    }
}

/// What a normal variable has beyond a number, in the mean.
fn beyond(number: f64, mean: f64, spread: f64) -> f64 {
    let far = (number - mean) / spread;
    let density = (-0.5 * far * far).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (spread * (density - far * above(far))).max(0.0)
}

/// How likely a standard normal variable is above a number, within a hundredth: by the logistic curve that is nearest (Bowling et al. 2009).
fn above(number: f64) -> f64 {
    1.0 / (1.0 + (1.702 * number).exp())
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn count(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "it is small")]
fn small(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn floor(number: f64) -> u64 {
    number.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_knows_which_of_the_first_answers_comes_first() {
        let mut steps: Vec<Step> =
            [9.0, 8.0, 7.0, 6.0, 4.0, 2.0, 1.0].map(|new| Step { requests: 1.0, new }).to_vec();
        level(&mut steps);
        let new: Vec<f64> = steps.iter().map(|step| step.new).collect();
        assert_eq!(new, [7.5, 7.0, 6.5, 6.0, 5.0, 4.0, 1.0]);
        level(&mut []);
    }

    #[test]
    fn what_does_not_fit_an_answer_is_left_for_another_one() {
        // Of parts with as many names as are asked for, in the mean, answers lack two fifths of a standard deviation.
        for (most, mean, spread, left) in [
            (50.0, 50.0, 10.0, 4.0),
            (10.0, 7.5, 4.74, 0.92),
            (50.0, 10.0, 5.0, 0.0),
            (10.0, 40.0, 5.0, 30.0),
        ] {
            let is = beyond(most, mean, spread);
            assert!((is - left).abs() < 0.1, "{is} of {mean}");
        }
        assert!((above(0.0) - 0.5).abs() < 1e-9 && (above(1.0) - 0.159).abs() < 0.01 && above(9.0) < 1e-3);
    }
}
