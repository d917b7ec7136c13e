"""Everything that is compared, read once, from where it really is. No judgement here: see `invariants`."""

import base64
import json
import os
import random
import time
from collections import defaultdict
from pathlib import Path

import broker as rabbit
import msgpack
import registry
import web

RANDOM_STREAMS = 4


def gather(scene):
    random_numbers = random.Random(scene.get("seed", 0))
    redis = registry.Redis(scene["redis_port"])
    facts = {
        "scene": scene,
        "journal": journal(scene["journal"]),
        "definitions": registry.topics(redis),
        "lease": registry.lease(redis),
        "attempts": redis.hash("igentai:attempts"),
        "topics": {}, "files": {}, "pages": {}, "feeds": {}, "views": {},
        "watched": watched(scene.get("watch")),
        "metrics": metrics(scene),
    }
    cursors = defaultdict(dict)
    for note in facts["watched"]["told"]:
        cursors[note["topic"]][note["first"] + len(note["texts"]) - 1] = note["cursor"]
    for name in scene["topics"]:
        facts["topics"][name] = kept = registry.topic(redis, name)
        facts["files"][name] = files(Path(scene["outputs"]) / name)
        address, count = scene["web"][0], kept["totals"].get("attributes", 0)
        facts["pages"][name] = pages(address, name)
        facts["views"][name] = web.ask(address, f"/api/v1/topics/{name}")
        facts["feeds"][name] = feeds(address, name, kept, count, cursors[name], random_numbers)
    facts["broker"] = quiet_queues(scene)
    # Once more behind what they are compared with: nothing that was read there can be too new for them.
    facts["metrics_at_last"] = metrics(scene)
    facts["processes"] = {role["id"]: process(role["pid"]) for role in scene["roles"]}
    facts["places_of_a_secret"] = places(scene, redis)
    return facts


def metrics(scene):
    return {role["id"]: web.metrics(role["address"]) for role in scene["roles"]}


def journal(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def watched(path):
    """The records of `watch`, by kind, with the messages decoded."""
    found = defaultdict(list)
    if path is None:
        return found
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        note = json.loads(line)
        if note["kind"] == "message" and note["id"].startswith("poison-"):
            # Not to be read, or not as what it says; the scene tells how many there are.
            found["poison"].append(note)
        elif note["kind"] == "message":
            kind = note["type"].removeprefix("application/vnd.igentai.").split(".v")[0]
            found[kind].append(msgpack.decode(base64.b64decode(note["payload"])))
        else:
            found[note["kind"]].append(note)
    return found


def files(folder):
    return {
        "output": (folder / "output.txt").read_bytes(),
        "metrics": json.loads((folder / "metrics.json").read_text()),
        "state": json.loads((folder / "state.json").read_text()),
    }


def pages(address, name, limit=997):
    items, after = [], 0
    while True:
        page = web.ask(address, f"/api/v1/topics/{name}/attributes?after={after}&limit={limit}")
        if not page["items"]:
            return items
        items += [(item["seq"], item["text"]) for item in page["items"]]
        after = page["next_after"]


def feeds(address, name, kept, count, cursors, random_numbers):
    """Streams from the first item, from random numbers, and from random cursors: (told after, told, resets)."""
    run, found = kept["state"].get("run", 1), []
    if count == 0:
        return found
    told, resets, own = web.feed(address, name, run, 0, until=count)
    found.append((0, told, resets))
    cursors = {**own, **cursors}
    for _ in range(RANDOM_STREAMS):
        after = random_numbers.randrange(count)
        found.append((after, *web.feed(address, name, run, after, until=count)[:2]))
    below = [number for number in cursors if number < count]
    for after in random_numbers.sample(below, min(RANDOM_STREAMS, len(below))):
        found.append((after, *web.feed(address, name, run, cursor=cursors[after], until=count)[:2]))
    return found


def quiet_queues(scene, patience=6):
    """The queues once two looks agree, and nothing is in between: a look is up to five seconds old, and a reader may just have subscribed anew."""
    broker = rabbit.Broker(scene["broker"]["management"], scene["broker"]["vhost"])
    ends, before = time.monotonic() + patience, None
    while True:
        now = {name: queue for name, queue in broker.queues().items() if not name.startswith("checker.")}
        busy = [name for name, queue in now.items() if queue["unacked"]]
        expected = (item for part in rabbit.expected_consumers(scene["roles"]) for item in part.items())
        busy += [name for name, count in expected if name in now and count not in (None, now[name]["consumers"])]
        if (now == before and not busy) or time.monotonic() > ends:
            return now
        before = now
        time.sleep(0.5)


def process(pid):
    """Descriptors, threads and resident kilobytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": int(fields["Threads"]), "resident_kb": int(fields["VmRSS"].split()[0]),
    }


def places(scene, redis):
    """Bytes in which a secret must not be, by where they are."""
    found = {"redis": redis.everything()}
    for folder in [scene["outputs"], *scene.get("logs", [])]:
        for path in Path(folder).rglob("*"):
            if path.is_file():
                found[str(path)] = path.read_bytes()
    if scene.get("watch"):
        lines = [json.loads(line) for line in Path(scene["watch"]).read_text().splitlines()]
        found["messages"] = b"\0".join(base64.b64decode(one["payload"]) for one in lines if one["kind"] == "message")
    for role in scene["roles"]:
        found["/metrics of " + role["id"]] = web.get(role["address"], "/metrics")[1]
    return found
