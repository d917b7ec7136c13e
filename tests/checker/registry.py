"""What the registry in Redis holds, read with `redis-cli` alone.

These are the keys and forms that it relies on (`{id}` stands for the topic's id in braces):

| key | form |
|---|---|
| `igentai:topics` | hash: id → MessagePack map (`name`, `run`, `epoch`, `limits`, …) |
| `igentai:{id}:epoch` | hash: `run`, `epoch`, `cap`, `layout` |
| `igentai:{id}:seen` | hash: first 14 bytes of the fingerprint → number, in decimal; where `layout` is `compact`, bucket → fingerprints each so far with its number (4 bytes, big-endian) |
| `igentai:{id}:log` | stream: id `<index>-<attributes after it>`, field `e`: two MessagePack values, head (array, see `HEAD` and `RESPONSE`) and tail (array of six) |
| `igentai:{id}:totals` | hash: `entries`, `attributes` |
| `igentai:{id}:producers` | hash: `w:<producer>:<life>` → `<watermark> <swept>`; `r:<producer>:<life>:<number>` → receipt: six MessagePack numbers (entry, first new, new, known, over the cap, named by numbers that were not those of the log), then the first 14 bytes of each fingerprint that is missing |
| `igentai:lease` | hash: `holder`, `epoch`, `beat` |
| `igentai:attempts` | hash: message → attempts |
"""

import re
import subprocess

import msgpack

QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|.)", re.DOTALL)
PLAIN_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
PAGE = 2000
KEPT = 14
HEAD = ("producer", "incarnation", "seq", "at", "kind")
RESPONSE = (
    "provider", "model", "cell", "probe", "prompt_hash", "outcome", "latency_ms", "input_tokens", "output_tokens",
    "cost", "worst_case", "repeated", "rejected", "asked", "left_out", "copied", "categories", "phrasing", "rejections", "judged",
)
# The last of them is left out where there is nothing to tell.
LEFT_OUT = 1


class Unreadable(RuntimeError):
    """Something that must be there cannot be read."""


class Redis:
    def __init__(self, port):
        self.port = port

    def strings(self, *words):
        """Every bulk string of the reply, nested ones too, in order."""
        command = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), "-e", "--no-raw", *words]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Unreadable(f"redis-cli {' '.join(words[:2])}: {done.stderr.decode()[:300]}{done.stdout.decode(errors='replace')[:300]}")
        return [unescape(match) for match in QUOTED.findall(done.stdout)]

    def hash(self, key):
        flat = self.strings("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))

    def everything(self):
        """A dump of every key, for finding what must not be there."""
        command = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), "--rdb", "/dev/stdout"]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).stdout


def unescape(text):
    def one(match):
        what = match.group(1)
        return bytes([int(what[1:], 16)]) if len(what) == 3 else PLAIN_ESCAPES.get(what, what)

    return ESCAPE.sub(one, text)


def topics(redis):
    """Definitions, by id."""
    return {key.decode(): msgpack.decode(record) for key, record in redis.hash("igentai:topics").items()}


def numbers(fields):
    return {name.decode(): int(value) for name, value in fields.items() if value.isdigit()}


def members(fields, layout):
    """The set: what is kept of the fingerprint → number."""
    if layout != b"compact":
        return {fingerprint: int(number) for fingerprint, number in fields.items()}
    packed = b"".join(fields.values())
    each = (packed[at:at + KEPT + 4] for at in range(0, len(packed), KEPT + 4))
    return {one[:KEPT]: int.from_bytes(one[KEPT:], "big") for one in each}


def topic(redis, name):
    """All that is kept of a topic's run."""
    key = f"igentai:{{{name}}}:"
    state = redis.hash(key + "epoch")
    return {
        "state": numbers(state),
        "set": members(redis.hash(key + "seen"), state.get(b"layout")),
        "totals": numbers(redis.hash(key + "totals")),
        "log": log(redis, key + "log"),
        "receipts": receipts(redis.hash(key + "producers")),
    }


def log(redis, key):
    entries, start = [], "-"
    while True:
        flat = redis.strings("XRANGE", key, start, "+", "COUNT", str(PAGE))
        for identifier, _, data in zip(flat[::3], flat[1::3], flat[2::3]):
            entries.append(entry(identifier.decode(), data))
        if len(flat) < 3 * PAGE:
            return entries
        start = "(" + flat[-3].decode()


def entry(identifier, data):
    index, after = (int(part) for part in identifier.split("-"))
    reader = msgpack.Reader(data)
    head, tail = reader.value(), reader.value()
    if not reader.at_end() or len(tail) != 6:
        raise Unreadable(f"log entry {identifier} has another form")
    first_new, new, again, variants, missing, over_cap = tail
    head = dict(zip(HEAD, head, strict=True))
    kind = head["kind"]
    if "response" in kind:
        meta = kind["response"]
        if not len(RESPONSE) - LEFT_OUT <= len(meta) <= len(RESPONSE):
            raise Unreadable(f"the response of log entry {identifier} has {len(meta)} fields")
        kind["response"] = dict(zip(RESPONSE, meta))
    return {
        "index": index, "attributes_after": after,
        "producer": head["producer"], "incarnation": head["incarnation"], "seq": head["seq"], "at": head["at"],
        "response": kind.get("response"), "resolves": kind.get("resolution", [None])[0],
        "first_new": first_new, "new": new, "again": again, "variants": variants, "missing": missing, "over_cap": over_cap,
    }


def receipts(fields):
    """Stored receipts and watermarks by producer and life."""
    found = {"watermarks": {}, "receipts": {}}
    for name, value in fields.items():
        kind, producer, life, *number = name.decode().split(":")
        if kind == "w":
            found["watermarks"][producer, int(life)] = int(value.split()[0])
        else:
            reader = msgpack.Reader(value)
            parts = [reader.value() for _ in range(6)]
            rest = value[reader.at:]
            missing = [rest[at:at + KEPT] for at in range(0, len(rest), KEPT)]
            found["receipts"][producer, int(life), int(number[0])] = (*parts, missing)
    return found


def lease(redis):
    fields = redis.hash("igentai:lease")
    return {"holder": fields.get(b"holder", b"").decode(), "epoch": int(fields.get(b"epoch", 0))}
