use super::Phrasing::{Broad, Exact, Plain, Rare};
use super::*;

/// So many answers of each in turn, of which each brings so many new items, neither all alike nor far apart, at such a price.
fn brought(turns: u64, all: &[(Phrasing, u64, u64)]) -> Phrasings {
    let mut phrasings = Phrasings::default();
    for turn in 0..turns {
        for (phrasing, new, picodollars) in all {
            let new = if turn % 2 == 0 { new + 1 } else { new - 1 };
            phrasings.held(*phrasing, new, ("small", *picodollars));
        }
    }
    phrasings
}

fn next(used: &[Phrasing], phrasings: &Phrasings) -> Option<Vec<Phrasing>> {
    Wording::next(used, phrasings).map(|next| next.used)
}

#[test]
fn the_leading_way_has_every_second_turn_and_the_others_share_the_rest() {
    let turns: Vec<Phrasing> = (0..6).map(|number| Wording::turn(&[Plain, Rare, Exact], number)).collect();
    assert_eq!(turns, [Plain, Rare, Plain, Exact, Plain, Rare]);
    assert_eq!((Wording::turn(&[Broad], 7), Wording::turn(&[], 7)), (Broad, Plain));
}

#[test]
fn who_brings_less_is_used_no_more_and_who_brings_more_leads_but_not_before_there_are_answers_enough() {
    let all = Wording::all();
    let ways = [(Plain, 10, 5), (Rare, 30, 5), (Exact, 2, 5), (Broad, 28, 5)];
    assert_eq!(next(&all, &brought(8, &ways)), None, "the first answers are held against nothing");
    let wording = Wording::next(&all, &brought(12, &ways));
    let words = "of the ways to ask “rare” (30.0 new items an answer, 12 answers) leads; used no more: “plain” (10.0 new items an answer, 12 answers), “exact” (2.0 new items an answer, 12 answers)";
    assert_eq!(
        wording.map(|one| (one.used.clone(), one.to_string())),
        Some((vec![Rare, Broad], words.to_owned()))
    );
}

#[test]
fn what_costs_more_must_bring_more_and_what_is_no_better_after_many_turns_is_retired() {
    let dear = brought(20, &[(Plain, 10, 5), (Rare, 12, 20)]);
    assert_eq!(next(&[Plain, Rare], &dear), Some(vec![Plain]));
    let alike = |turns| brought(turns, &[(Plain, 10, 5), (Rare, 10, 5)]);
    assert_eq!(next(&[Plain, Rare], &alike(39)), None);
    assert_eq!(next(&[Plain, Rare], &alike(44)), Some(vec![Plain]));
    assert_eq!((next(&[Plain], &alike(44)), next(&[], &alike(44))), (None, None));
}

/// Who answers is not for a way to ask: one whose answers came from a dear provider is no worse for that.
#[test]
fn a_way_to_ask_is_not_dearer_because_a_dearer_provider_answered() {
    let mut phrasings = Phrasings::default();
    for turn in 0..30_u64 {
        for (phrasing, dear) in [(Plain, 3), (Rare, 15)] {
            let provider = if turn.is_multiple_of(dear) { ("large", 600) } else { ("small", 6) };
            phrasings.held(phrasing, 10 + turn % 2, provider);
        }
    }
    assert!(phrasings.of(Plain).usd() > 4.0 * phrasings.of(Rare).usd());
    assert_eq!(next(&[Plain, Rare], &phrasings), None);
    let words =
        Wording { used: vec![Plain], before: vec![Plain], brought: phrasings.all().clone() }.in_short();
    assert_eq!(words, "“plain” (10.5 new items an answer, 30 answers) leads");
}

#[test]
fn where_longer_answers_cost_more_the_price_that_decided_is_told() {
    let dear = brought(20, &[(Plain, 10, 5_000), (Rare, 12, 20_000)]);
    let words = Wording::next(&[Plain, Rare], &dear).map(|next| next.in_short()).unwrap_or_default();
    assert_eq!(
        words,
        "“plain” (10.0 new items an answer at 44 % of the usual price, 20 answers) leads; used no more: “rare” (12.0 new items an answer at 160 % of the usual price, 20 answers)"
    );
}

#[test]
fn the_providers_whose_prices_are_known_are_bounded() {
    let mut phrasings = Phrasings::default();
    for number in 0..100_u64 {
        phrasings.held(Plain, 1, (&format!("{number}"), number));
    }
    assert_eq!((phrasings.prices.len(), phrasings.of(Plain).price), (PROVIDERS, 100 * USUAL_PRICE));
}

/// The first answers of a topic bring most, whoever has them.
#[test]
fn who_had_the_first_turns_is_not_thought_the_better_for_that() {
    let mut phrasings = Phrasings::default();
    for number in 0..60 {
        let phrasing = Wording::turn(&Wording::all(), number);
        phrasings.held(phrasing, 60 / (number / 3 + 1), ("small", 5));
    }
    assert_eq!(next(&Wording::all(), &phrasings), None);
}
