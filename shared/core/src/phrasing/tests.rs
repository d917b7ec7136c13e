use super::*;

fn brought(all: &[(Phrasing, u64, u64, u64)]) -> Phrasings {
    let mut phrasings = Phrasings::default();
    for (phrasing, answers, new, picodollars) in all {
        for number in 0..*answers {
            // Neither all alike nor far apart.
            let new = if number % 2 == 0 { new + 1 } else { new - 1 };
            phrasings.all.entry(*phrasing).or_default().answered(new, *picodollars);
        }
    }
    phrasings
}

use Phrasing::{Broad, Exact, Plain, Rare};

#[test]
fn the_leading_way_has_every_second_turn_and_the_others_share_the_rest() {
    let turns: Vec<Phrasing> = (0..6).map(|number| Wording::turn(&[Plain, Rare, Exact], number)).collect();
    assert_eq!(turns, [Plain, Rare, Plain, Exact, Plain, Rare]);
    assert_eq!((Wording::turn(&[Broad], 7), Wording::turn(&[], 7)), (Broad, Plain));
}

#[test]
fn who_brings_less_is_used_no_more_and_who_brings_more_leads_but_not_before_there_are_answers_enough() {
    let all = Wording::all();
    let few = brought(&[(Plain, 20, 10, 5), (Rare, 7, 30, 5), (Exact, 7, 2, 5), (Broad, 7, 10, 5)]);
    assert_eq!(Wording::next(&all, &few), None);
    let enough = brought(&[(Plain, 20, 10, 5), (Rare, 8, 30, 5), (Exact, 8, 2, 5), (Broad, 7, 10, 5)]);
    let next = Wording::next(&all, &enough).map(|next| (next.used.clone(), next.to_string()));
    let words = "of the ways to ask “rare” (30.0 new items an answer, 8 answers) leads; used no more: “plain” (10.0 new items an answer, 20 answers), “exact” (2.0 new items an answer, 8 answers)";
    assert_eq!(next, Some((vec![Rare, Broad], words.to_owned())));
}

#[test]
fn what_costs_more_must_bring_more_and_what_is_no_better_after_many_turns_is_retired() {
    let dear = brought(&[(Plain, 20, 10, 5), (Rare, 20, 12, 20)]);
    assert_eq!(Wording::next(&[Plain, Rare], &dear).map(|next| next.used), Some(vec![Plain]));
    let alike = |answers| brought(&[(Plain, 60, 10, 5), (Rare, answers, 10, 5)]);
    assert_eq!(Wording::next(&[Plain, Rare], &alike(39)), None);
    assert_eq!(Wording::next(&[Plain, Rare], &alike(40)).map(|next| next.used), Some(vec![Plain]));
    assert_eq!(Wording::next(&[Plain], &alike(40)), None);
    assert_eq!(Wording::next(&[], &alike(40)), None);
}
