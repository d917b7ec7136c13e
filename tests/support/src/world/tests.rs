use super::*;

fn birds() -> Taxonomy {
    Taxonomy::of(
        "birds",
        "Birds",
        &[
            ("", &["hoatzin", "ostrich"]),
            ("owl", &["barn owl", "tawny owl", "eagle owl", "Ural owl"]),
            ("water bird", &["mallard", "mute swan", "greylag goose", "smew", "Éider"]),
            ("finch", &["bullfinch", "brambling", "hawfinch", "siskin"]),
        ],
    )
}

fn world(traits: Traits) -> World {
    World::new(birds(), vec![traits], 1.0, 7)
}

fn ask(world: &World, number: u64, prompt: &str) -> Answer {
    world.answer(Request { model: 0, number, system: "You list.", prompt })
}

fn said(world: &World, prompt: &str) -> Vec<String> {
    let mut said = ask(world, 1, prompt).said;
    said.sort();
    said
}

#[test]
fn a_judge_names_what_is_made_up_and_nothing_else_unless_it_errs() {
    let prompt = "Topic: Birds\nWhich of these do not exist, or do not belong to this topic?\nThe list:\n- Smew\n- Blue glorf\n- mallard";
    assert_eq!(said(&world(Traits::honest()), prompt), ["Blue glorf"]);
    let real = "Which of these do not exist?\n- Smew\n- mallard";
    assert_eq!(said(&world(Traits::honest()), real), ["NONE"]);
    assert_eq!(said(&world(Traits { misjudges: 1.0, ..Traits::honest() }), prompt), ["Smew", "mallard"]);
}

#[test]
fn a_prompt_is_answered_with_what_it_asks_for() {
    let world = world(Traits::honest());
    let examples: [(&str, &[&str]); 12] = [
        ("List 50 owls.", &["Ural owl", "barn owl", "eagle owl", "tawny owl"]),
        (
            "Topic: Birds. List 30 items of the category \"finch\".",
            &["brambling", "bullfinch", "hawfinch", "siskin"],
        ),
        (
            "Topic: Birds\nList 50 items whose names begin with the letter B.",
            &["barn owl", "brambling", "bullfinch"],
        ),
        ("List 50 birds starting with \"Ba\" or \"Br\"", &["barn owl", "brambling"]),
        ("List 50 birds with the letters E to G.", &["eagle owl", "greylag goose", "Éider"]),
        ("List 50 water birds whose names begin with S, T or U.", &["smew"]),
        ("List 50 finches except siskin and brambling.", &["bullfinch", "hawfinch"]),
        ("List 50 owls. Do not repeat these: Barn Owl, eagle-owl.\nOne a line.", &["Ural owl", "tawny owl"]),
        ("Already known:\n- barn owl\n- tawny owl\n- Ural owl\n\nList 50 owls.", &["eagle owl"]),
        (
            "List 50 birds that belong to none of these groups: owl, finch, water bird.",
            &["hoatzin", "ostrich"],
        ),
        ("List up to 20 kinds of birds, one a line.", &["finch", "owl", "water bird"]),
        ("barn owl\ntawny owl\nUral owl\n\nSay what these have in common, by a short name.", &["owl"]),
    ];
    for (prompt, expected) in examples {
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(said(&world, prompt), expected, "{prompt}");
    }
}

#[test]
fn as_many_are_named_as_were_asked_for_and_none_twice() {
    let world = world(Traits::honest());
    for number in 0..50 {
        let answer = ask(&world, number, "List 7 different examples of birds.");
        assert_eq!((answer.said.len(), answer.truths.len(), answer.end), (7, 7, End::Listed));
    }
}

#[test]
fn popular_items_are_named_first() {
    let world = world(Traits::honest());
    let mut named = vec![0; birds().items.len()];
    for number in 0..1_000 {
        for item in ask(&world, number, "List 2 birds.").truths {
            named[item] += 1;
        }
    }
    let rank = |rank: f64| {
        let at = world.weights.iter().position(|weight| (weight - 1.0 / rank).abs() < 1e-9).expect("a rank");
        named[at]
    };
    assert!(rank(1.0) > 2 * rank(4.0) && rank(4.0) > rank(15.0) && rank(15.0) > 0, "{named:?}");
}

#[test]
fn the_same_request_is_answered_the_same_way_and_others_otherwise() {
    let world = world(Traits::default());
    let prompt = "List 9 birds.";
    assert_eq!(ask(&world, 3, prompt), ask(&world, 3, prompt));
    assert_ne!(ask(&world, 3, prompt), ask(&world, 4, prompt));
}

#[test]
fn what_is_made_up_is_never_said_twice_and_is_no_item() {
    let world = world(Traits { inventions: 1.0, ..Traits::honest() });
    let mut seen = BTreeSet::new();
    for number in 0..2_000 {
        let answer = ask(&world, number, "List 10 birds.");
        assert!(answer.truths.is_empty());
        for text in answer.said {
            assert!(seen.insert(fold(&text)), "{text}");
        }
    }
}

#[test]
fn spellings_differ_and_are_known_for_what_they_are() {
    let world = world(Traits { sloppiness: 1.0, ..Traits::honest() });
    let mut spellings = BTreeSet::new();
    for number in 0..100 {
        let answer = ask(&world, number, "List 50 birds.");
        assert_eq!(answer.truths.len(), birds().items.len());
        spellings.extend(answer.said);
    }
    assert!(
        spellings.len() > 40 && spellings.contains("Eider") && spellings.contains("Barn Owl"),
        "{spellings:?}"
    );
}

#[test]
fn exclusions_are_obeyed_as_often_as_the_model_does() {
    let world = world(Traits { obedience: 0.75, ..Traits::honest() });
    let named = |number| ask(&world, number, "List 50 owls, not barn owl.").truths.len();
    let slips = (0..1_000).filter(|number| named(*number) == 4).count();
    assert!((200..300).contains(&slips), "{slips}");
}

#[test]
fn a_long_list_of_exclusions_is_heeded_less() {
    let world = world(Traits { attention: Some(2), ..Traits::honest() });
    let named =
        |prompt: &str| (0..1_000).map(|number| ask(&world, number, prompt).truths.len()).sum::<usize>();
    assert_eq!(named("List 50 owls, not barn owl or tawny owl."), 2_000);
    let all = named("List 50 owls. Already known: barn owl, tawny owl, Ural owl, eagle owl.");
    assert!((1_800..2_200).contains(&all), "{all}");
}

#[test]
fn who_is_asked_for_more_than_fits_fills_up_with_others_at_times() {
    let world = world(Traits { pads: 0.5, ..Traits::honest() });
    let sizes: BTreeSet<usize> =
        (0..50).map(|number| ask(&world, number, "List 50 owls.").said.len()).collect();
    assert_eq!(sizes, [4, 15].into());
}

#[test]
fn each_member_of_a_family_knows_what_it_should() {
    let sizes = |family: Family| {
        let world = World::new(birds(), family.models(), 1.0, 7);
        let known: Vec<usize> = world.known.iter().map(Vec::len).collect();
        (known, world.knowable())
    };
    assert_eq!(sizes(Family::One), (vec![15], 15));
    assert_eq!(sizes(Family::Same), (vec![15, 15, 15], 15));
    assert_eq!(sizes(Family::Collapsed), (vec![4, 9, 15], 15));
    assert_eq!(sizes(Family::Complementary), (vec![6, 4, 5], 15));
}

#[test]
fn tokens_cost_and_time_grow_with_the_texts() {
    let world = world(Traits::honest());
    let (short, long) =
        (ask(&world, 1, "List 2 birds."), ask(&world, 1, "List 15 birds, all that come to your mind."));
    assert!(short.input_tokens < long.input_tokens && short.output_tokens * 3 < long.output_tokens);
    assert!(short.cost < long.cost && short.latency < long.latency);
    assert_eq!(long.cost, Traits::honest().price.of(long.input_tokens, long.output_tokens));
}
