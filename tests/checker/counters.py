"""Prometheus' part of invariant 5: what `/metrics` said, while faults were made and at the end, and a count of the logs.

Exact, whatever happened:

* a gauge of a topic that the leader shows is what the topic's log holds; it must show that of each topic that ended in its term,
* a counter never falls within a life, and the lives together never say more than the logs hold: a batch that is counted twice shows here,
* no dead letter is counted beyond the poison that was sent.

Exact where nothing happened to an orchestrator or to the store, bounded elsewhere: the lives together say no less than the logs hold. A commit is
counted by the life that learns that it was new. No life does where

* one ends after it was looked at for the last time: what it counted since is forgotten with it,
* an answer of the store is lost: the commit is asked for again, and is nothing new then.

So what was taken to be committed in such times (`unsure`) may be counted or not, and all else must be. In a round in which the faults follow upon each
other that may be everything; then a counter that was always at 0 is all that shows.
"""

from math import inf

from checking import log_of

START = ("igentai_process_start_time_seconds", ())

# What a log entry adds to each counter.
COUNTERS = {
    "igentai_commits_total": lambda entry: 1,
    "igentai_attributes_total": lambda entry: len(entry["new"]),
    "igentai_duplicates_total": lambda entry: len(entry["again"]) + (entry["response"]["repeated"] if entry["response"] else 0),
    "igentai_false_positives_total": lambda entry: entry["missing"],
}

# What faults are called that may end a life of an orchestrator, or cost it an answer of the store.
UNSETTLING = ("orchestrator ", "store ", "line to the store ")

# Milliseconds: longer than an answer of the store is waited for (5 s), than a look at all roles takes, and than a broker that hangs keeps an orchestrator
# from telling, and so from counting, what it has committed.
MARGIN = 30_000

# Of so many, faults cannot cost all.
MANY = 100


def prometheus(facts, check, leaders):
    read(facts, check)
    gauges(facts, check, leaders)
    early = monotone(check, looks(facts, "metrics"))
    late = monotone(check, looks(facts, "metrics", "metrics_at_last"))
    times = list(unsure(facts))
    entries = [entry for topic in facts["scene"]["topics"] for entry in log_of(facts, topic)]
    sure = [entry for entry in entries if not any(begin <= entry["at"] <= end for begin, end in times)]
    for name, of in COUNTERS.items():
        true = sum(map(of, entries))
        compare(check, name, early, late, least(sum(map(of, sure)), true), true)
    poison = facts["scene"].get("poison", 0)
    compare(check, "igentai_dead_letters_total", early, late, 0 if times else poison, poison)


def compare(check, name, early, late, low, high):
    """What was read before the logs says no more than they do, what was read after them no less."""
    said = [sum(value for (_, (sample, _)), value in last.items() if sample == name) for last in (early, late)]
    check.holds(said[0] <= high, f"{name} of all lives is {said[0]}, the truth is {high}")
    check.holds(said[1] >= low, f"{name} of all lives is {said[1]}, at least {low} are sure of {high}")


def least(sure, true):
    return max(sure, 1 if true >= MANY else 0)


def read(facts, check):
    """Every role was read, when all was over and in its last life before."""
    watched = {(note["role"], start_of(note["values"])) for note in facts["watched"]["metrics"]}
    for role in facts["scene"]["roles"]:
        for when in ("metrics", "metrics_at_last"):
            found = facts[when].get(role["id"], {})
            told = START in found and any(name == "igentai_build_info" for name, _ in found)
            check.holds(told, f"/metrics of {role['id']} does not even say what it is: {len(found)} samples")
            if facts["scene"].get("watch"):
                check.holds((role["id"], found.get(START)) in watched, f"{role['id']} was never read while it was watched")


def gauges(facts, check, leaders):
    for name in facts["scene"]["topics"]:
        true = sum(len(entry["new"]) for entry in log_of(facts, name))
        # Who leads shows the topics that were open in its term. The definition says in which one a topic ended.
        must = facts["definitions"][name]["epoch"] == facts["lease"]["epoch"]
        for leader in leaders:
            place = "igentai_topic_attributes", (("topic", name),)
            # It may have ended a moment before the first look; leadership may have passed on before the second.
            looks_at_it = (facts[when].get(leader, {}).get(place) for when in ("metrics", "metrics_at_last"))
            shown = next((value for value in looks_at_it if value is not None), None)
            check.holds(shown is not None or not must, f"{name}: {leader}, who led when it ended, does not show how many attributes it has")
            check.holds(shown in (None, true), f"{name}: {shown} attributes by {leader}'s /metrics, {true} in the log")


def start_of(values):
    return next((value for name, _, value in values if name == START[0]), None)


def looks(facts, *at_last):
    """(role, samples) in the order in which they were read."""
    for note in facts["watched"]["metrics"]:
        yield note["role"], {(name, tuple(map(tuple, labels))): value for name, labels, value in note["values"]}
    for when in at_last:
        yield from facts[when].items()


def monotone(check, looks):
    """What each counter of each life said last."""
    last = {}
    for role, values in looks:
        life = role, values.get(START)
        for sample, value in values.items():
            if sample[0].endswith(("_total", "_count", "_sum")):
                before = last.get((life, sample), 0)
                check.holds(value >= before, f"{sample} of {life} fell from {before} to {value}")
                last[life, sample] = value
    return last


def unsure(facts):
    """Times, in milliseconds, of which commits may be counted by nobody."""
    before, faults = -inf, facts["scene"]["faults"]
    for end in sorted({fault["ended_ms"] for fault in faults}):
        # When a fault began is not told; not before those of the round before had ended.
        kinds = [fault["kind"] for fault in faults if fault["ended_ms"] == end and fault["kind"].startswith(UNSETTLING)]
        if any("clock" in kind for kind in kinds):
            # Entries bear the time of who took them: any, then.
            yield -inf, inf
        if kinds:
            yield before - MARGIN, end + MARGIN
        before = end
    for role in facts["scene"]["roles"]:
        if role["role"] == "orchestrator":
            seen = [(note["at_ms"], start_of(note["values"])) for note in facts["watched"]["metrics"] if note["role"] == role["id"]]
            seen.append((inf, facts["metrics_at_last"].get(role["id"], {}).get(START)))
            yield from ((at - MARGIN, then) for (at, life), (then, next_life) in zip(seen, seen[1:]) if life != next_life)
