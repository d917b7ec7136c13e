//! Whatever the system may be asked for, its messages are taken by those who read them.

use igentai_core::batch::{Committed, Verdict};
use igentai_core::command::{
    AIMS_LOAD, Care, FilterReport, Lease, MOST_CARE, OrderedAim, ProviderReport, ProviderState, TopicReport,
};
use igentai_core::coordinator::{Action, Coordinator, Settings};
use igentai_core::fold::{MAX_DOUBTED, TopicFold};
use igentai_core::frontier::{Category, MAX_PARTS};
use igentai_core::log::{Entry, EntryHead, EntryKind, EntryTail};
use igentai_core::rules::{ItemRules, MAX_PATTERN_BYTES, Script};
use igentai_core::status::{JudgingNumbers, NAMED, OTHERS};
use igentai_core::time::{Now, UnixMillis};
use igentai_core::topic::{MAX_PROMPT_BYTES, MAX_UNDER_WAY, Overload, StartRequest, Topic, TopicState};

use super::*;

/// The largest numbers there are.
const LEASE: Lease = Lease { requests: u64::MAX, cost: Cost::MAX };

fn taken<M: Message>(message: &M) -> usize {
    let payload = encode_within_limits(message).unwrap();
    decode::<M>(&content_type::<M>(), &payload).unwrap();
    payload.len()
}

/// As much as rules can say.
fn rules() -> ItemRules {
    ItemRules {
        matches: Some("m".repeat(MAX_PATTERN_BYTES)),
        min_chars: Some(u32::MAX),
        max_chars: Some(u32::MAX),
        scripts: Script::ALL.iter().copied().collect(),
    }
}

/// As many categories as can be given, with the longest names.
fn categories() -> Vec<Category> {
    let names: Vec<String> = (0..MAX_PARTS).map(|number| format!("{}{number:02}", "漢".repeat(58))).collect();
    let given = Category::given(names.iter().map(String::as_str)).unwrap();
    assert_eq!(given.len(), MAX_PARTS);
    given
}

fn topic(number: usize, prompt: usize, weights: usize) -> Topic {
    let name = format!("{number:04}{}", "𝄞".repeat(296));
    let request = StartRequest {
        prompt: Some("p".repeat(prompt)),
        rules: (prompt > 1).then(rules),
        categories: (prompt > 1).then(categories),
        provider_weights: Some((0..weights).map(|number| (format!("{number:02}"), 0.1)).collect()),
        ..StartRequest { name: name.clone(), ..StartRequest::default() }
    };
    let topic =
        Topic::start(None, TopicId::from_name(&name).unwrap(), request, UnixMillis(u64::MAX)).unwrap();
    Topic { state: TopicState::Running, ..topic }
}

/// As many topics as may be under way, and some more, which were started at the same moment by others.
fn full(prompt: usize, weights: usize) -> (Vec<Topic>, Overload) {
    let mut topics = Vec::new();
    let refused = loop {
        let next = topic(topics.len(), prompt, weights);
        match next.refuse_overload(&topics) {
            Ok(()) => topics.push(next),
            Err(refused) => break refused,
        }
    };
    let number = topics.len();
    topics.extend((number..number + 8).map(|number| topic(number, prompt, weights)));
    (topics, refused)
}

/// The command that makes a producer work on all of them.
fn command(topics: &[Topic]) -> Command {
    let now = Now::default();
    let mut coordinator = Coordinator::new("r".repeat(64), 1, Settings::default());
    for topic in topics {
        coordinator.topic(topic.clone(), now);
    }
    coordinator.heartbeat(heartbeat(&[]), now);
    let sent = coordinator
        .decide(now)
        .into_iter()
        .find_map(|action| if let Action::Send { command, .. } = action { Some(command) } else { None });
    let mut command = sent.unwrap();
    command.topics.iter_mut().for_each(|order| order.lease = LEASE);
    let care = |number: usize| Care {
        provider: format!("{number:064}"),
        rests: true,
        probe: u64::MAX,
        yours: true,
        key_waits_ms: u64::MAX,
    };
    Command {
        care: (0..MOST_CARE).map(care).collect(),
        replaces: Some("r".repeat(64)),
        epoch: u64::MAX,
        version: u64::MAX,
        incarnation: u64::MAX,
        ..command
    }
}

fn heartbeat(topics: &[Topic]) -> Heartbeat {
    let max = u64::MAX;
    let report = |topic: &Topic| TopicReport {
        topic: topic.id.clone(),
        run: max,
        sent: max,
        places: u32::MAX,
        in_flight: u32::MAX,
        unresolved: u32::MAX,
        risked: Cost::MAX,
        capped_cost: true,
        lease: LEASE,
        request_cost: Cost::MAX,
        dearest_cost: Cost::MAX,
        hopeless: Some("w".repeat(2_003)),
        refused: u32::MAX,
        filter: FilterReport {
            generation: u32::MAX,
            complete_to: max,
            heard_of: max,
            wants_snapshot: true,
            digest: Some(max),
            hits: max,
            false_positives: max,
            checked_new: max,
            claimed_new: max,
        },
    };
    Heartbeat {
        registry: Some("r".repeat(64)),
        producer: WorkerId::parse(&"p".repeat(64)).unwrap(),
        incarnation: max,
        seq: max,
        command: (max, max),
        concurrency: u32::MAX,
        draining: false,
        left: false,
        topics: topics.iter().map(report).collect(),
        providers: (0..100).map(provider).collect(),
    }
}

fn provider(number: u32) -> ProviderReport {
    let (name, model) = (format!("{number:064}"), "m".repeat(100));
    ProviderReport {
        name,
        model,
        state: ProviderState::Waiting,
        detail: "𝄞".repeat(200),
        weight_millis: Some(u64::MAX),
        rests: true,
        key_waits_ms: u64::MAX,
    }
}

#[test]
fn the_most_that_may_be_under_way_is_taken_in_one_command_and_one_heartbeat() {
    for (prompt, weights) in [(MAX_PROMPT_BYTES, 0), (MAX_PROMPT_BYTES, 100), (1, 100), (1_000, 0), (1, 0)] {
        let (topics, refused) = full(prompt, weights);
        assert_eq!(refused == Overload::TooMany, topics.len() == MAX_UNDER_WAY + 8, "{prompt}, {weights}");
        let command = command(&topics);
        assert_eq!(command.topics.len(), topics.len());
        for (topic, order) in topics.iter().zip(&command.topics) {
            let bytes = rmp_serde::to_vec_named(order).unwrap().len();
            assert!(bytes <= topic.load(), "{bytes} of {}", topic.load());
        }
        taken(&command);
        taken(&heartbeat(&topics));
        for leave_out in [vec![], vec!["a".to_owned(); 80], vec!["𝄞".repeat(128); 80]] {
            taken(&aiming(command.clone(), &leave_out));
        }
    }
}

/// The same with as much of what requests aim at as a command may hold.
fn aiming(mut command: Command, leave_out: &[String]) -> Command {
    let aim = |number| OrderedAim {
        number: u64::MAX - number,
        cell: Some("s'-sz".to_owned()),
        provider: Some("p".repeat(100)),
        items: u32::MAX,
        leave_out: leave_out.to_vec(),
        numbers: leave_out.iter().map(|_| u64::MAX).collect(),
    };
    let (bytes, load) = (rmp_serde::to_vec_named(&aim(0)).unwrap().len(), aim(0).load());
    assert!(bytes <= load, "{bytes} of {load}");
    let aims: Vec<OrderedAim> = (0..u64::try_from(AIMS_LOAD / load).unwrap()).map(aim).collect();
    if let Some(order) = command.topics.first_mut() {
        order.aims = Some(aims);
    }
    command
}

/// The fold of a run on which ever new producers have worked.
fn fold(names: u64) -> TopicFold {
    let mut fold = TopicFold::default();
    for index in 1..=names {
        let BatchBody::Response { meta, .. } = batches(Vec::new()).batches.remove(0).body else {
            unreachable!("it is a response")
        };
        let name = format!("{index:064}");
        let meta = ResponseMeta {
            provider: name.clone(),
            cell: Some(name.clone()),
            latency_ms: 1 << 50,
            input_tokens: 1 << 50,
            output_tokens: 1 << 50,
            ..meta
        };
        let (producer, kind) = (WorkerId::parse(&name).unwrap(), EntryKind::Response(meta));
        let head = EntryHead { producer, incarnation: 1, seq: 1, at: UnixMillis(0), kind };
        fold.apply(&Entry { index, head, tail: EntryTail::default() }).unwrap();
    }
    fold
}

#[test]
fn a_status_names_the_busiest_and_sums_the_rest_however_many_have_worked() {
    let status = TopicStatus::of(topic(1, MAX_PROMPT_BYTES, 100), &fold(3_000), 1, UnixMillis(0));
    assert_eq!((status.producers.len(), status.producers_ever), (NAMED + 1, 3_000));
    let rest = status.producers.iter().find(|(id, _)| id.as_str() == OTHERS).unwrap().1;
    assert_eq!(rest.responses, 3_000 - NAMED as u64);
    let sum = |all: &mut dyn Iterator<Item = u64>| all.sum::<u64>();
    for responses in [
        sum(&mut status.producers.values().map(|totals| totals.responses)),
        sum(&mut status.providers.values().map(|totals| totals.responses)),
        sum(&mut status.cells.values().map(|totals| totals.responses)),
    ] {
        assert_eq!(responses, 3_000);
    }
    let provider_reports = (0..u32::try_from(NAMED).unwrap()).map(provider).collect();
    let doubted = vec![u64::MAX; MAX_DOUBTED];
    let judging = JudgingNumbers { judged: u64::MAX, doubted };
    taken(&StatusEvent {
        status: TopicStatus { provider_reports, problem: Some("w".repeat(2_003)), judging, ..status },
    });
    let few = TopicStatus::of(topic(1, 1, 0), &fold(3), 1, UnixMillis(0));
    assert_eq!((few.producers.len(), few.producers_ever), (3, 3), "nobody is among the others");
}

#[test]
fn receipts_that_miss_everything_are_taken_as_many_as_are_sent_at_once() {
    let receipt = |seq: u64| {
        let mut id = batches(Vec::new()).batches.remove(0).id;
        id.seq = u64::MAX - seq;
        let missing = vec![Fingerprint::from_bytes([7; 16]); 1_000];
        let committed = Committed {
            log_index: u64::MAX,
            first_new: 0,
            new: 0,
            known: 0,
            over_cap: 0,
            missing,
            unnumbered: 0,
        };
        Receipt { id, verdict: Verdict::Committed(committed), told: None }
    };
    taken(&Receipts { receipts: (0..32).map(receipt).collect() });
}

#[test]
fn what_is_over_the_limits_is_not_sent() {
    let (topics, _) = full(MAX_PROMPT_BYTES, 0);
    let mut command = command(&topics);
    let more = command.topics.clone();
    // Categories weigh, too, and stand in no command.
    (0..3).for_each(|_| command.topics.extend(more.clone()));
    assert!(matches!(encode_within_limits(&command), Err(DecodeError::TooLarge(_))));
    let texts = vec![String::new(); 1_001];
    let long = NewAttributes { topic: topics[0].id.clone(), run: 1, first: 1, texts };
    assert!(matches!(encode_within_limits(&long), Err(DecodeError::Refused(ScanError::TooManyElements(_)))));
}
