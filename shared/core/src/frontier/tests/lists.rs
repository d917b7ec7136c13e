//! Lists that turn out to be none.

use super::*;

impl Log {
    fn has_listed(&self, cell: &str) -> bool {
        let mut within = self.frontier().stretches.iter();
        let within = within.find(|stretch| stretch.letters().overlaps(part(cell)));
        within.is_some_and(|stretch| stretch.reach.listed > 0)
    }
}

#[test]
fn lists_of_one_that_turns_out_to_stop_early_are_taken_back() {
    let known = names("abcdefghijklmnopqrst", 5);
    let (whole, many, few) = (all(&known), names("b", 20), names("d", 10));
    let mut log = Log::default();
    log.answer(ONE, None, 50, &whole[..50]).answer(ONE, None, 50, &whole[50..]);
    log.answer(ONE, Some("b"), 50, &all(&many)).answer(ONE, Some("d"), 50, &all(&few));
    assert!(log.has_listed("b") && log.has_listed("d"));
    // It has named a hundred of the whole, and stops after twenty.
    log.answer(ONE, None, 50, &whole[..20]);
    assert!(!log.has_listed("b") && log.has_listed("d"), "ten are clearly fewer");
    let is_about_b = |aim: &Aim| matches!(aim, Aim::Part(of) if of.overlaps(part("b")));
    let mut under_way = Vec::new();
    while let Outlook::Ask { aim, new, .. } = next(log.frontier(), &under_way)
        && under_way.len() < 20
    {
        under_way.push((aim, new));
    }
    assert!(under_way.iter().any(|(aim, _)| is_about_b(aim)), "{under_way:?}");
    // What it lists then is a list whatever comes.
    log.answer(ONE, Some("b"), 50, &all(&few)).answer(ONE, None, 50, &whole[..20]);
    assert!(log.has_listed("b"));
}
