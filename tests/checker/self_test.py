"""The checker's own tests: a small world in which everything holds, and every way to break it that it must notice."""

import copy
import zlib

import canon
import check
import counters
import fold
import msgpack
import registry
import web
import xxh3

PRICES = (150.0, 600.0)
NAME = "sights"


def item(number):
    return f"Sight No {number:04}"


def response(model, outcome="answered", tokens=(100, 20), prompt=""):
    cost = round(tokens[0] * PRICES[0] * 1e6 + tokens[1] * PRICES[1] * 1e6) if outcome == "answered" else 0
    return {
        "provider": "small", "model": model, "prompt_hash": prompt, "outcome": outcome, "latency_ms": 5, "input_tokens": tokens[0],
        "output_tokens": tokens[1], "cost": cost, "worst_case": 0, "repeated": 0, "rejected": 0,
    }


def world():
    """One topic, two lives of producers (one killed), a false positive that is resolved, an answer that a kill lost."""
    prompt = "You list.\nTopic: Sights\nList 3 different examples."
    hashed = xxh3.hash64(b"You list.\0" + prompt.split("\n", 1)[1].encode())
    journal, log, seen = [], [], {}

    def answer(model, numbers, answered=True):
        journal.append({
            "number": len(journal), "at_ms": 1000 * len(journal), "model": model, "prompt": prompt, "answered": answered,
            "items": [item(n) for n in numbers], "prompt_tokens": 100, "completion_tokens": 20, "behaviour": "answer",
        })

    def entry(producer, life, seq, kind, numbers, missing=0):
        new = [n for n in numbers if n not in seen]
        first = len(seen) + 1 if new else 0
        again = tuple(seen[n] for n in numbers if n in seen)
        for n in new:
            seen[n] = len(seen) + 1
        meta = response(kind, prompt=hashed) if isinstance(kind, str) else None
        log.append({
            "index": len(log) + 1, "attributes_after": len(seen), "producer": producer, "incarnation": life, "seq": seq,
            "at": 1000 * len(log) + 500, "response": meta, "resolves": None if meta else kind, "first_new": first,
            "new": tuple(item(n) for n in new), "again": again, "variants": (), "missing": missing, "over_cap": 0,
        })

    answer("one-1", (1, 2, 3))
    entry("one", 7, 1, "one-1", (1, 2, 3))
    answer("two-1", (2, 3, 4))
    entry("two", 8, 1, "two-1", (2, 3, 4))
    answer("one-1", (1, 5, 6))
    entry("one", 7, 2, "one-1", (1, 5), missing=1)
    answer("two-1", (7, 8, 9))  # lost by the kill
    answer("one-1", (4, 5, 10))
    entry("one", 7, 3, 2, (6,))
    entry("one", 7, 4, "one-1", (4, 5, 10))
    return facts(journal, log, hashed)


def facts(journal, log, hashed):
    listed = [text for entry in log for text in entry["new"]]
    sums, counts = fold.of(log), fold.sightings(log)
    view = {field: sums[field] for field in fold.FIELDS} | {"usd": sums["picodollars"] / 1e12}
    told = {("new" if field == "attributes" else field): sums[field] for field in fold.FIELDS} | {"usd": view["usd"]}
    coverage = fold.coverage(counts, 0)
    output = "".join(text + "\n" for text in listed).encode()
    numbered = list(enumerate(listed, 1))
    receipts = {
        (e["producer"], e["incarnation"], e["seq"]): (
            e["index"], e["first_new"], len(e["new"]), len(e["again"]), e["over_cap"], 0, [b"x" * 16] * e["missing"],
        )
        for e in log
    }
    words = fold.bloom(map(canon.fingerprint, listed), 0)
    half = len(words) // 2
    roles = [{"role": "orchestrator", "id": "o"}, {"role": "producer", "id": "one"}, {"role": "webserver", "id": "w"}]
    queue = {"ready": 0, "unacked": 0, "consumers": 1}
    return {
        "scene": {
            "topics": [NAME], "roles": roles, "watch": "here", "open_per_life": 4, "broker_unharmed": True, "poison": 0,
            "lives": [{"model": "one-1", "ended": "running"}, {"model": "two-1", "ended": "killed"}],
            "limits": {"descriptors": 50}, "secret": "sk-secret-1", "usd_per_million": PRICES,
            "faults": [{"kind": "a fault", "ended_ms": 900, "limit_ms": 5000}],
        },
        "journal": journal,
        "definitions": {NAME: {"name": "Sights", "limits": {}, "epoch": 2}},
        "lease": {"holder": "o", "epoch": 2}, "attempts": {},
        "topics": {NAME: {
            "state": {"run": 1, "epoch": 2}, "set": {canon.fingerprint(text)[:registry.KEPT]: seq for seq, text in numbered},
            "totals": {"entries": len(log), "attributes": len(listed)}, "log": log,
            "receipts": {"watermarks": {}, "receipts": receipts},
        }},
        "files": {NAME: {
            "output": output, "state": {"epoch": 2, "total_unique_count": len(listed)},
            "metrics": {"totals": told, "log_entries": len(log), "outcomes": sums["outcomes"],
                        "rejections": sums["rejections"], "coverage": coverage},
        }},
        "pages": {NAME: list(numbered)}, "feeds": {NAME: [(0, list(numbered), []), (4, numbered[4:], [])]},
        "views": {NAME: {"state": "ended", "numbers": {"totals": view, "outcomes": sums["outcomes"], "rejections": sums["rejections"],
                                                           "coverage": coverage}}},
        "watched": {
            "batches": [{"batches": (batch(log[3], hashed),)}],
            "filter-delta": [
                {"topic": NAME, "run": 1, "from": e["index"], "to": e["index"], "first": e["first_new"],
                 "fingerprints": tuple(map(canon.fingerprint, e["new"]))}
                for e in log
            ],
            "filter-snapshot": [
                {"topic": NAME, "run": 1, "generation": 0, "complete_to": len(log), "chunk": n, "chunks": 2, "words": part}
                for n, part in enumerate((words[:half], words[half:]))
            ],
            "told": [{"topic": NAME, "first": 1, "texts": listed, "cursor": "c"}], "reset": [],
            "file": [{"topic": NAME, "lines": 2, "crc": zlib.crc32("".join(f"{t}\n" for t in listed[:2]).encode()), "epoch": e, "at_ms": 1}
                     for e in (1, 2)],
            "registry": [{"topic": NAME, "lease": 1, "topic_epoch": 1, "entries": 1, "attributes": 1},
                         {"topic": NAME, "lease": 2, "topic_epoch": 2, "entries": 2, "attributes": 1}],
            "metrics": [
                {"role": role["id"], "at_ms": at, "values": [[name, labels, value] for (name, labels), value in samples(role, of).items()]}
                for at, of in ((600, log[:1]), (5000, log)) for role in roles
            ],
        },
        "metrics": {role["id"]: samples(role, log) for role in roles},
        "metrics_at_last": {role["id"]: samples(role, log) for role in roles},
        "broker": {
            "igentai.integrate": dict(queue), "igentai.coordinate": dict(queue), "igentai.tasks": dict(queue, consumers=0),
            "igentai.dead": dict(queue, consumers=0), "igentai.unrouted": dict(queue, consumers=0),
            "igentai.producer.one": dict(queue), "igentai.webserver.w": dict(queue),
        },
        "processes": {"o": {"descriptors": 20}},
        "places_of_a_secret": {"redis": b"REDIS0010", "a file": b"nothing"},
    }


def samples(role, log):
    """What a role's /metrics says when that is committed; the orchestrator does all of it."""
    found = {("igentai_build_info", (("version", "1.0.0"),)): 1.0, counters.START: 1.0}
    if role["role"] == "orchestrator":
        found |= {(name, ()): float(sum(map(of, log))) for name, of in counters.COUNTERS.items()}
        gauge = "igentai_topic_attributes", (("topic", NAME),)
        found |= {("igentai_leader", ()): 1.0, gauge: float(sum(len(entry["new"]) for entry in log))}
    return found


def batch(entry, hashed):
    """The resolution, as it was published."""
    return {
        "id": {"topic": NAME, "run": 1, "producer": "one", "incarnation": 7, "seq": entry["seq"]},
        "body": {"resolution": {"of": 2, "texts": entry["new"]}},
    }


def log_of(world):
    return world["topics"][NAME]["log"]


def drop_entry(world, index):
    """As if the commit had never been, with everything that follows from it."""
    log = log_of(world)
    del log[index]
    world["topics"][NAME]["totals"]["entries"] -= 1


def put(path, value):
    def change(world):
        *way, last = path
        for step in way:
            world = world[step]
        world[last] = value(world[last]) if callable(value) else value

    return change


def entry(index, field, value):
    return put(("topics", NAME, "log", index, field), value)


def at_last(name, value, labels=()):
    """A sample of the orchestrator's as it was read at the end; one that is None is missing."""
    def change(world):
        for when in ("metrics", "metrics_at_last"):
            samples = world[when]["o"]
            new = value(samples.get((name, labels), 0)) if callable(value) else value
            samples.pop((name, labels), None)
            samples |= {} if new is None else {(name, labels): new}
        # Only then it falls behind nothing.
        last = world["watched"]["metrics"][3]
        last["values"] = [one for one in last["values"] if one[0] != name]

    return change


def drop_watched(name):
    def change(world):
        for note in world["watched"]["metrics"]:
            note["values"] = [one for one in note["values"] if one[0] != name]

    return change


def watched_sample(note, name, value):
    def change(world):
        for one in world["watched"]["metrics"][note]["values"]:
            one[2] = value if one[0] == name else one[2]

    return change


def second_life(*names, lost):
    """As if the orchestrator had been killed after it was read for the first time, and its next life had not counted the last `lost` of `names`."""
    def change(world):
        values = [world["metrics"]["o"], world["metrics_at_last"]["o"]]
        first = {name: value for name, _, value in world["watched"]["metrics"][0]["values"]}
        for samples in values:
            samples[counters.START] = 2.0
            for name in counters.COUNTERS:
                samples[name, ()] -= first[name] + (lost if name in names else 0)
        world["watched"]["metrics"][3]["values"] = [[name, labels, value] for (name, labels), value in values[0].items()]

    return change


def both(*changes):
    def change(world):
        for one in changes:
            one(world)

    return change


GAUGE = "igentai_topic_attributes", (("topic", NAME),)

# Things that happen, and are right all the same.
SOUND = [
    ("a topic ended before the leader's term", both(
        at_last(GAUGE[0], None, GAUGE[1]), put(("definitions", NAME, "epoch"), 1),
    )),
    ("a topic ended between two looks", lambda w: w["metrics"]["o"].pop(GAUGE)),
    ("a life was killed and had told all", second_life(lost=0)),
    ("a life was killed before it told the rest", second_life("igentai_commits_total", lost=3)),
    ("the store lost an answer", both(
        put(("scene", "faults", 0, "kind"), "store killed"), at_last("igentai_commits_total", lambda n: n - 1),
    )),
]

# What is broken, how, and the invariant that must notice.
BREAKS = [
    ("an answer of a living producer is lost", 1, lambda w: drop_entry(w, 4)),
    ("more is lost by a kill than was under way", 1, put(("scene", "open_per_life"), 0)),
    ("an item that no model said", 1, entry(4, "new", ("Sight No 9999",))),
    ("a false positive is never resolved", 1, lambda w: drop_entry(w, 3)),
    ("a published batch is not in the log", 1, put(("watched", "batches", 0, "batches", 0, "id", "seq"), 99)),
    ("a published batch lost elements", 1, put(("watched", "batches", 0, "batches", 0, "body", "resolution", "texts"), ("a", "b"))),
    ("a key is in the log twice", 2, entry(4, "new", (item(1),))),
    ("a fingerprint is missing in the set", 2, put(("topics", NAME, "set"), lambda s: dict(list(s.items())[1:]))),
    ("numbers have a gap", 2, entry(4, "first_new", 9)),
    ("a line is twice in output.txt", 2, put(("files", NAME, "output"), lambda b: b + b.splitlines(keepends=True)[-1])),
    ("a torn line in output.txt", 2, put(("files", NAME, "output"), lambda b: b[:-4])),
    ("two lines in another order", 2, put(("files", NAME, "output"), lambda b: b"".join(sorted(b.splitlines(True), reverse=True)))),
    ("output.txt was another one for a while", 2, put(("watched", "file", 0, "crc"), 1)),
    ("the cap on items is exceeded", 2, put(("definitions", NAME, "limits"), {"max_attributes": 3})),
    ("the pages leave one out", 2, put(("pages", NAME), lambda p: p[1:])),
    ("a batch is applied twice", 3, lambda w: log_of(w).append(dict(log_of(w)[4], index=6, new=(), again=(4, 5, 10), first_new=0))),
    ("a batch number is in no entry", 3, entry(3, "seq", 9)),
    ("a receipt is not stored", 3, put(("topics", NAME, "receipts", "receipts"), lambda r: dict(list(r.items())[1:]))),
    ("a receipt tells something else", 3, put(("topics", NAME, "receipts", "receipts", ("one", 7, 1)), (1, 1, 2, 0, 0, 0, []))),
    ("the watermark is ahead", 3, put(("topics", NAME, "receipts", "watermarks"), {("one", 7): 5})),
    ("totals of the API are wrong", 3, put(("views", NAME, "numbers", "totals", "duplicates"), 0)),
    ("the cap on requests is exceeded", 3, put(("definitions", NAME, "limits"), {"max_requests": 3})),
    ("the feed leaves one out", 4, put(("feeds", NAME), lambda f: [(0, f[0][1][1:], [])])),
    ("a cursor is off by one", 4, put(("feeds", NAME, 1), lambda f: (3, f[1], []))),
    ("the reader was told one twice", 4, put(("watched", "told", 0, "texts"), lambda t: t + t[-1:])),
    ("a reset without a cause", 4, put(("watched", "reset"), [{"topic": NAME, "reason": "rewound"}])),
    ("metrics.json is wrong", 5, put(("files", NAME, "metrics", "totals", "candidates"), 1)),
    ("costs are counted twice", 5, put(("files", NAME, "metrics", "totals", "usd"), lambda u: 2 * u)),
    ("an entry's cost is not price times tokens", 5, lambda w: log_of(w)[0]["response"].update(cost=1)),
    ("a counter falls", 5, watched_sample(3, "igentai_commits_total", 0)),
    ("a counter falls behind what was watched", 5, put(("metrics", "o", ("igentai_commits_total", ())), 4.0)),
    *((f"{name} is too high", 5, at_last(name, lambda n: n + 1)) for name in counters.COUNTERS),
    *((f"{name} is too low", 5, at_last(name, lambda n: n - 1)) for name in counters.COUNTERS),
    *((f"{name} is missing", 5, both(at_last(name, None), drop_watched(name))) for name in counters.COUNTERS),
    ("a dead letter is counted that nobody sent", 5, at_last("igentai_dead_letters_total", 1.0, (("reason", "undecodable"),))),
    ("a dead letter is not counted", 5, put(("scene", "poison"), 1)),
    ("two lives count the same commit", 5, second_life("igentai_commits_total", lost=-1)),
    ("more is lost by a kill than was under way then", 5, both(
        second_life("igentai_commits_total", lost=1), put(("watched", "metrics", 0, "at_ms"), 40_000), put(("watched", "metrics", 3, "at_ms"), 41_000),
    )),
    ("a counter is too low before a fault of the store", 5, both(
        put(("scene", "faults"), lambda f: [*f, {"kind": "another", "ended_ms": 40_000}, {"kind": "store killed", "ended_ms": 41_000}]),
        at_last("igentai_commits_total", lambda n: n - 1),
    )),
    ("a topic's attributes are not shown", 5, at_last(GAUGE[0], None, GAUGE[1])),
    ("a topic's attributes are too many", 5, at_last(GAUGE[0], lambda n: n + 1, GAUGE[1])),
    ("a topic's attributes are too few", 5, at_last(GAUGE[0], lambda n: n - 1, GAUGE[1])),
    ("the orchestrator's metrics are empty", 5, both(put(("metrics", "o"), {}), put(("metrics_at_last", "o"), {}))),
    ("a producer's metrics are empty", 5, put(("metrics", "one"), {})),
    ("a role's metrics are missing at last", 5, lambda w: w["metrics_at_last"].pop("w")),
    ("nothing was read while it was watched", 5, put(("watched", "metrics"), [])),
    ("the registry goes back", 5, put(("watched", "registry", 1, "entries"), 0)),
    ("two lead", 5, put(("metrics", "p"), {("igentai_leader", ()): 1.0})),
    ("a delta lacks a fingerprint", 6, put(("watched", "filter-delta", 0, "fingerprints"), lambda f: f[1:])),
    ("a delta numbers from the wrong attribute", 6, put(("watched", "filter-delta", 0, "first"), 2)),
    ("a delta is in another order than the numbers", 6, put(("watched", "filter-delta", 0, "fingerprints"), lambda f: f[::-1])),
    ("a delta is dropped", 6, put(("watched", "filter-delta"), lambda d: d[1:])),
    ("a snapshot lacks bits", 6, put(("watched", "filter-snapshot", 0, "words"), lambda b: bytes(len(b)))),
    ("a snapshot has bits of nobody", 6, put(("watched", "filter-snapshot", 0, "words"), lambda b: b"\xff" * len(b))),
    ("false positives above the target", 6, entry(2, "missing", 30)),
    ("a file of an older epoch", 7, put(("watched", "file", 1, "epoch"), 0)),
    ("a topic of a later epoch than the lease", 7, put(("lease", "epoch"), 1)),
    ("a message is left over", 8, put(("broker", "igentai.integrate", "ready"), 1)),
    ("a message is never acknowledged", 8, put(("broker", "igentai.integrate", "unacked"), 1)),
    ("a consumer too many", 8, put(("broker", "igentai.producer.one", "consumers"), 2)),
    ("a dead letter that nobody sent", 8, put(("broker", "igentai.dead", "ready"), 1)),
    ("a topic does not end", 8, put(("views", NAME, "state"), "ending")),
    ("a queue is left behind", 8, put(("broker", "igentai.producer.gone"), {"ready": 0, "unacked": 0, "consumers": 0})),
    ("descriptors leak", 9, put(("processes", "o", "descriptors"), 400)),
    ("the secret is in a file", 9, put(("places_of_a_secret", "a file"), b"key=sk-secret-1")),
    ("nothing moves after a fault", 10, put(("scene", "faults", 0, "ended_ms"), 10**9)),
    ("a sighting is not logged", 11, entry(4, "again", lambda seqs: seqs[1:])),
    ("the coverage is wrong", 11, put(("views", NAME, "numbers", "coverage"), 0.5)),
]

# What cannot be read must not pass for what holds.
EMPTY = [
    ("an empty registry", lambda w: w["scene"].update(topics=[])),
    ("an empty journal", put(("journal",), [])),
    ("an empty log", lambda w: (log_of(w).clear(), w["topics"][NAME]["set"].clear(), w["topics"][NAME]["totals"].clear())),
    ("no feed", put(("feeds", NAME), [])),
    ("no file", put(("files", NAME, "output"), b"")),
    ("no queues", put(("broker",), {})),
]


def put_new_keys():
    """`put` replaces what is there; what is not there yet is put there first."""
    made = world()
    made["metrics"]["p"] = {}
    made["broker"]["igentai.producer.gone"] = None
    return made


def decoders():
    assert xxh3.hash64(b"").to_bytes(8, "big").hex() == "2d06800538d394c2"
    vectors = [
        (b"", "99aa06d3014798d86001c324468d497f"), (b"a", "a96faf705af16834e6c632b61e964e1f"),
        (b"abcd", "8d6b60383dfa90c21be79eecd1b1353d"), (b"sight no 0001", "0c52d65a3e0af422e38b547360d3836b"),
        (b"x" * 40, "205eb51ff4ba728a884322f76914af3f"), (b"y" * 200, "833cf59a501ae2a8661514be62296c9c"),
        (b"z" * 500, "864a8587b4a675f30ff9839e0d749249"),
    ]
    for data, expected in vectors:
        assert xxh3.hash128(data).hex() == expected, data
    packed = b"\x83\xa1a\x93\x01\xcd\x01\x00\xe0\xa1b\xc4\x02\x00\xff\xa1c\x92\xc0\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"
    assert msgpack.decode(packed) == {"a": (1, 256, -32), "b": b"\x00\xff", "c": (None, 1.0)}
    for text, expected in [("The Sight No 1.", "sight no 1"), ('"Sci Fi"', "sci fi"), ("sci-fi", "sci fi"), ("A", "a")]:
        assert canon.key(text) == expected, text
    try:
        canon.key("é")
        raise AssertionError("a text that is not plain has a key")
    except canon.NotPlain:
        pass
    assert [counters.least(*one) for one in ((0, 99), (0, 100), (7, 100))] == [0, 1, 7]
    assert registry.members({b"f" * 14: b"7"}, None) == {b"f" * 14: 7}
    assert registry.members({b"0": b"f" * 14 + b"\0\0\1\0"}, b"compact") == {b"f" * 14: 256}
    assert registry.numbers({b"run": b"2", b"layout": b"fast"}) == {"run": 2}
    assert registry.unescape(rb"a\x00\n\"\\") == b'a\x00\n"\\'
    assert web.SAMPLE.match('a_total{x="1"} 3').groups() == ("a_total", '{x="1"}', "3")


def run():
    decoders()
    reports = check.judge(world())
    assert check.verdict(reports) == 0, check.show(reports)
    missed = 0
    for what, change in SOUND:
        sound = world()
        change(sound)
        reports = check.judge(sound)
        if check.verdict(reports) != 0:
            missed += 1
            print(f"NOT BORNE: {what}")
            check.show(reports)
    for what, number, change in BREAKS:
        broken = copy.deepcopy(put_new_keys() if what in ("two lead", "a queue is left behind") else world())
        change(broken)
        found = {report["invariant"] for report in check.judge(broken) if report["violations"]}
        if number not in found:
            missed += 1
            print(f"NOT NOTICED by invariant {number}: {what} (noticed by {sorted(found)})")
    for what, change in EMPTY:
        broken = world()
        change(broken)
        if check.verdict(check.judge(broken)) == 0:
            missed += 1
            print(f"NOT NOTICED: {what}")
    print(f"{len(BREAKS)} breaks, {len(EMPTY)} empty and {len(SOUND) + 1} sound worlds, {missed} taken for what they are not")
    return 1 if missed else 0
