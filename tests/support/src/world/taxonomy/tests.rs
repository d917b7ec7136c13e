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
fn what_is_not_there_is_said_with_what_to_do() {
    let error = Taxonomy::load("nonsense").expect_err("there is none");
    assert!(error.to_string().contains("there are birds, "), "{error}");
}
