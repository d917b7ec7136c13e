"""Watches a system while faults are made, and writes down what it sees, a line of JSON each. Judges nothing.

* every message on the exchanges of batches and filters, from queues of its own,
* samples of every role's `/metrics`, of the lease and of the number of log entries,
* how far `output.txt` had come, with a checksum of its whole lines,
* one reader of the events for each topic, from the first item on, who comes back with the cursor that he had.
"""

import base64
import json
import sys
import threading
import time
import zlib
from pathlib import Path

import broker as rabbit
import registry
import web

TAPS = {"checker.batches": [("igentai.batches", "#")], "checker.filters": [("igentai.filters", "#")]}
EVERY = 0.5


class Notebook:
    """One line a record; usable from several threads."""

    def __init__(self, path):
        self.file, self.lock = open(path, "a", encoding="utf-8"), threading.Lock()

    def note(self, kind, **what):
        line = json.dumps({"kind": kind, "at_ms": int(time.time() * 1000), **what})
        with self.lock:
            self.file.write(line + "\n")
            self.file.flush()


def repeat(stop, work):
    """Does it again and again; what is away in a fault is away."""
    while not stop.wait(EVERY):
        try:
            work()
        except (OSError, ValueError, registry.Unreadable, EOFError) as error:
            print(f"watching: {error}"[:200], file=sys.stderr)
        except Exception as error:  # http.client's errors share no base but this
            print(f"watching: {type(error).__name__} {error}"[:200], file=sys.stderr)


def drain(broker, notes):
    for tap in TAPS:
        while taken := broker.drain(tap):
            for kind, identity, payload in taken:
                notes.note("message", type=kind, id=identity, payload=base64.b64encode(payload).decode())


def sample(scene, notes):
    for role in scene["roles"]:
        try:
            found = web.metrics(role["address"])
        except Exception:  # dead or hung, as somebody always is here
            continue
        values = [[name, labels, value] for (name, labels), value in found.items() if not name.endswith("_bucket")]
        notes.note("metrics", role=role["id"], values=values)


def look(scene, redis, notes):
    lease = registry.lease(redis)
    for topic in scene["topics"]:
        totals = registry.numbers(redis.hash(f"igentai:{{{topic}}}:totals"))
        state = registry.numbers(redis.hash(f"igentai:{{{topic}}}:epoch"))
        notes.note("registry", topic=topic, lease=lease["epoch"], **totals, topic_epoch=state.get("epoch", 0))


def read_files(scene, notes):
    for topic in scene["topics"]:
        folder = Path(scene["outputs"]) / topic
        try:
            text = (folder / "output.txt").read_bytes()
            state = json.loads((folder / "state.json").read_text())
        except FileNotFoundError:
            continue
        whole = text[:text.rfind(b"\n") + 1]
        notes.note(
            "file", topic=topic, lines=whole.count(b"\n"), crc=zlib.crc32(whole), epoch=state["epoch"],
            total=state["total_unique_count"],
        )


def follow(scene, topic, stop, notes):
    cursor = None
    while not stop.is_set():
        try:
            query = f"?topic={topic}" + ("&after=0" if cursor is None else "")
            stream = web.Stream(scene["web"][0], query, cursor, timeout=3)
            while not stop.is_set():
                event = stream.next()
                if event is None:
                    break
                kind, place, data = event
                if kind == "reset":
                    notes.note("reset", topic=topic, **data)
                elif kind == "attributes":
                    notes.note("told", topic=topic, first=data["first"], texts=data["texts"], cursor=place)
                cursor = place or cursor
        except Exception:  # the server is away, or says nothing for a while
            pass
        stop.wait(0.2)


def run(scene_path):
    """Until the standard input ends; then takes what is left on the taps."""
    scene = json.loads(Path(scene_path).read_text())
    notes, stop = Notebook(scene["watch"]), threading.Event()
    redis = registry.Redis(scene["redis_port"])
    broker = rabbit.Broker(scene["broker"]["management"], scene["broker"]["vhost"])
    for tap, bindings in TAPS.items():
        broker.tap(tap, bindings)
    jobs = [
        lambda: drain(broker, notes), lambda: sample(scene, notes), lambda: look(scene, redis, notes),
        lambda: read_files(scene, notes),
    ]
    threads = [threading.Thread(target=repeat, args=(stop, job)) for job in jobs]
    threads += [threading.Thread(target=follow, args=(scene, topic, stop, notes)) for topic in scene["topics"]]
    for thread in threads:
        thread.start()
    print("watching", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    drain(broker, notes)
    sample(scene, notes)
    notes.note("end")
    print("watched", flush=True)
    return 0
