use std::collections::BTreeSet;

use igentai_core::key::Key;

use super::*;

#[test]
fn every_taxonomy_has_the_size_that_it_is_there_for_and_is_a_tree() {
    for name in names() {
        let taxonomy = Taxonomy::load(name).expect("the package is installed");
        let (items, kinds) = (taxonomy.items.len(), taxonomy.kinds.len());
        assert!((150..=2_000).contains(&items), "{name}: {items}");
        assert!((5..=200).contains(&kinds), "{name}: {kinds}");
        let keys: BTreeSet<_> = taxonomy.items.iter().map(|item| Key::of(&item.text)).collect();
        assert_eq!(keys.len(), items, "{name}");
        for (number, kind) in taxonomy.kinds.iter().enumerate() {
            assert_eq!(kind.parent.is_none(), number == 0, "{name}: {kind:?}");
            assert!(kind.parent.is_none_or(|parent| parent < number), "{name}: {kind:?}");
            assert!(taxonomy.count_within(number) >= MIN_KIND, "{name}: {kind:?}");
        }
        assert_eq!(taxonomy.count_within(0), items, "{name}");
    }
}

#[test]
fn some_are_kept_for_evaluation() {
    assert!(names_for(Purpose::Tuning).len() >= 4 && names_for(Purpose::Evaluation).len() >= 5);
}

#[test]
fn birds_are_where_they_belong() {
    let birds = Taxonomy::load("birds").expect("the package is installed");
    let owl = birds.items.iter().find(|item| item.text == "barn owl").expect("a bird");
    let path: Vec<&str> = birds.path(owl.kind).map(|kind| birds.kinds[kind].name.as_str()).collect();
    assert_eq!(path, ["owl", "bird of prey", "Birds"]);
}

#[test]
fn a_skewed_taxonomy_keeps_few_letters_whole_and_a_tenth_of_the_rest() {
    let birds = Taxonomy::load("birds").expect("the package is installed");
    let letter = |item: &Item| item.text.to_lowercase().chars().next();
    let mut drawn = BTreeSet::new();
    for seed in 0..12 {
        let skewed = birds.clone().skewed(3, seed);
        assert_eq!(skewed, birds.clone().skewed(3, seed));
        assert!(skewed.items.iter().all(|item| birds.items.contains(item)));
        let count = |of: &Taxonomy, from| of.items.iter().filter(|item| letter(item) == Some(from)).count();
        let whole: Vec<char> = ('a'..='z')
            .filter(|from| count(&birds, *from) > 8 && count(&skewed, *from) == count(&birds, *from))
            .collect();
        let rest = |of: &Taxonomy| of.items.len() - whole.iter().map(|from| count(of, *from)).sum::<usize>();
        assert!(whole.len() <= 3 && rest(&skewed) * 6 < rest(&birds), "{whole:?}: {}", rest(&skewed));
        drawn.extend(whole);
    }
    assert!(drawn.len() > 3, "{drawn:?}");
}

#[test]
fn what_is_not_there_is_said_with_what_to_do() {
    let error = Taxonomy::load("nonsense").expect_err("there is none");
    assert!(error.to_string().contains("there are birds, "), "{error}");
}
