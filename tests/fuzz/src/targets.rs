//! Everything that decodes what others wrote, and good input for it.

use igentai_core::answer::{AnswerLimits, parse_answer};
use igentai_core::command::{Command, Heartbeat};
use igentai_core::coordinator::Ledger;
use igentai_core::folder::TopicId;
use igentai_core::key::{Key, clean_text};
use igentai_core::status::TopicStatus;
use igentai_shared::config::environment::Environment;
use igentai_shared::config::{Config, Keys, Sources};
use igentai_shared::store::{checkpoints, rows};
use igentai_shared::wire::{
    self, Batches, FilterDelta, FilterSnapshot, Hint, Message, NewAttributes, Published, Receipts, Refused,
    StatusEvent,
};
use igentai_simulation::Corpus;
use igentai_webserver::fuzzing;

/// Memory that a decoder may take besides four times its input: what the smallest values of a message that is within its limits become.
const SMALL: usize = 2 << 20;

/// Besides, where entries of our own store are read: room that is made for lists by the length that they claim.
const ROWS: usize = 4 << 20;

/// Tries to understand some bytes; whether it did.
type Decode = Box<dyn Fn(&[u8]) -> bool + Sync>;

/// Something that decodes.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// How many inputs of a hundred are its.
    pub(crate) share: u64,
    /// Bytes that may be taken besides four times the input; `None`: it reads what operators wrote, and is only not to panic.
    pub(crate) besides: Option<usize>,
    pub(crate) corpus: Vec<Vec<u8>>,
    pub(crate) decode: Decode,
}

fn target(
    name: &'static str,
    share: u64,
    besides: Option<usize>,
    corpus: Vec<Vec<u8>>,
    decode: impl Fn(&[u8]) -> bool + Sync + 'static,
) -> Target {
    Target { name, share, besides, corpus, decode: Box::new(decode) }
}

/// A decoder of messages: what it takes, it must be able to say again.
fn message<M: Message + 'static>(corpus: &Corpus, share: u64) -> Target {
    let content_type = wire::content_type::<M>();
    let mut good = corpus.messages.get(M::KIND).cloned().unwrap_or_default();
    // Some read what was meant for others.
    good.extend(corpus.messages.values().filter_map(|messages| messages.first().cloned()));
    target(M::KIND, share, Some(SMALL), good, move |bytes| {
        wire::decode::<M>(&content_type, bytes).is_ok_and(|message| !wire::encode(&message).is_empty())
    })
}

/// All of them.
pub(crate) fn all(corpus: &Corpus) -> Vec<Target> {
    let mut all = messages(corpus);
    all.extend(records(corpus));
    all.extend(texts_of_people());
    all
}

fn messages(corpus: &Corpus) -> Vec<Target> {
    let mut corpus = corpus.clone();
    let hint = wire::encode(&Hint { topic: corpus.topic.clone() }).to_vec();
    corpus.messages.entry(Hint::KIND.to_owned()).or_default().push(hint);
    let (topic, reason) = (corpus.topic.clone(), "no space left".to_owned());
    let refused = wire::encode(&Refused { topic, run: 1, reason }).to_vec();
    corpus.messages.entry(Refused::KIND.to_owned()).or_default().push(refused);
    let every: Vec<Vec<u8>> = corpus.messages.values().flatten().cloned().collect();
    let types = texts(&[&wire::content_type::<Hint>(), "application/json", ""]);
    let corpus = &corpus;
    vec![
        message::<Batches>(corpus, 12),
        message::<Receipts>(corpus, 6),
        message::<Command>(corpus, 6),
        message::<Heartbeat>(corpus, 6),
        message::<FilterDelta>(corpus, 6),
        message::<FilterSnapshot>(corpus, 3),
        message::<Published>(corpus, 4),
        message::<Refused>(corpus, 4),
        message::<Hint>(corpus, 4),
        message::<NewAttributes>(corpus, 6),
        message::<StatusEvent>(corpus, 6),
        target("scan", 10, Some(0), every, |bytes| wire::scan::scan(bytes).is_ok()),
        target("content-type", 4, Some(SMALL), types, |bytes| {
            wire::kind_of(&String::from_utf8_lossy(bytes)).is_some()
        }),
    ]
}

/// What stands in the store, and cursors.
fn records(corpus: &Corpus) -> Vec<Target> {
    let (record, ledger, status) =
        (vec![corpus.record.clone()], vec![corpus.ledger.clone()], vec![corpus.status.clone()]);
    vec![
        target("row-entry", 5, Some(ROWS), corpus.entries.clone(), |bytes| {
            rows::decode_entry(1, bytes)
                .is_ok_and(|entry| rows::encode_entry(&entry.head, &entry.tail).is_ok())
        }),
        target("row-topic", 3, Some(SMALL), record, |bytes| rows::decode_topic(bytes).is_ok()),
        target("checkpoint-ledger", 3, Some(SMALL), ledger, |bytes| {
            checkpoints::decode::<Ledger>(bytes).is_ok()
        }),
        target("checkpoint-status", 3, Some(SMALL), status, |bytes| {
            checkpoints::decode::<Option<TopicStatus>>(bytes).is_ok()
        }),
        target("cursor", 5, Some(SMALL), fuzzing::cursors(), fuzzing::read_cursor),
    ]
}

fn texts_of_people() -> Vec<Target> {
    let settings = texts(&[Config::example(), &uncommented(Config::example())]);
    vec![
        target("configuration", 1, None, settings, configuration),
        target("key", 3, Some(SMALL), texts(NAMES), |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let key = Key::of(&text);
            if let Some(key) = &key {
                assert_eq!(Key::of(key.as_str()).as_ref(), Some(key), "a key has another key");
            }
            if let Ok(clean) = clean_text(&text) {
                assert_eq!(clean_text(&clean).as_ref(), Ok(&clean), "what is clean can be cleaned");
            }
            if let Ok(id) = TopicId::from_name(&text) {
                assert_eq!(TopicId::parse(id.as_str()).as_ref(), Ok(&id), "an id is none");
            }
            key.is_some()
        }),
        target("answer", 1, Some(SMALL), texts(ANSWERS), |bytes| {
            let text = String::from_utf8_lossy(bytes);
            !parse_answer(&text, "Paris attractions", AnswerLimits::default()).items.is_empty()
        }),
    ]
}

fn texts(list: &[&str]) -> Vec<Vec<u8>> {
    list.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// The example with its settings in force.
fn uncommented(example: &str) -> String {
    example.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn configuration(bytes: &[u8]) -> bool {
    thread_local! {
        static FOLDER: Option<tempfile::TempDir> = tempfile::tempdir().ok();
    }
    FOLDER.with(|folder| {
        let Some(folder) = folder else { return false };
        let file = folder.path().join("igentai.toml");
        if std::fs::write(&file, bytes).is_err() {
            return false;
        }
        let sources = Sources {
            file: Some(&file),
            folder: folder.path(),
            environment: &Environment::default(),
            flags: &[],
            keys: Keys::Needed,
        };
        match Config::load_from(&sources) {
            Ok(config) => !config.show().is_empty(),
            Err(errors) => errors.iter().any(|error| error.to_string().is_empty()),
        }
    })
}

const NAMES: &[&str] = &[
    "Louvre",
    "The A-Team",
    "“Sci‑Fi”",
    "C++",
    "Ångström",
    "İstanbul",
    "café – bar",
    "👨‍👩‍👧",
    "-5 °C",
    "«Le Monde»",
    "می‌خواهم",
    "A",
    "../../x",
    "CON",
];

const ANSWERS: &[&str] = &[
    "[\"Louvre\", \"Eiffel Tower\", \"Sacré-Cœur\"]",
    "{\"items\": [\"Louvre\", {\"name\": \"Orsay\", \"why\": \"art\"}]}",
    "Here are some:\n\n1. **Louvre** - a museum\n2. Eiffel Tower: iron\n3) Pantheon\n\nLet me know!",
    "- Louvre\n- Orsay\n  * Monet\n  * Manet\n- [Pantheon](https://example.org)",
    "| name | what |\n|---|---|\n| Louvre | museum |\n| Orsay | museum |",
    "```json\n[\"Louvre\",\"Orsay\"]\n```",
    "<think>what is there</think><ul><li>Louvre</li><li>Orsay</li></ul>",
    "Louvre, Orsay, Pantheon and Sainte-Chapelle",
    "Museums:\nLouvre\nOrsay\n\nChurches:\nSacré-Cœur",
    "I'm sorry, but I can't help with that.",
];
