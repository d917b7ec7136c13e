"""Invariant 1: what models answered, what was published of it, and what the log holds."""

from collections import Counter, defaultdict

import canon
import fold
import xxh3
from checking import Check, ends, identity, log_of, texts, topic_of


def answers_of_the_journal(facts):
    """Answered requests by topic and life, each as what must be found again in the log."""
    found = defaultdict(list)
    for request in facts["journal"]:
        if request["answered"] and (name := topic_of(facts, request)):
            system, _, user = request["prompt"].partition("\n")
            told = (xxh3.hash64(f"{system}\0{user}".encode()), request["prompt_tokens"], request["completion_tokens"])
            found[name, request["model"]].append((told, frozenset(map(canon.key, request["items"])), request["at_ms"]))
    return found


def answers_of_the_log(entries):
    """The same out of the log, resolutions put together with what they complete: (told, keys, how many are left out, entry)."""
    keys = {}
    for entry in entries:
        for number, text in enumerate(entry["new"], entry["first_new"]):
            keys[number] = canon.key(text)
    named, left_out = defaultdict(set), Counter()
    for entry in entries:
        of = identity(entry)[:2] + (entry["resolves"] if entry["response"] is None else entry["seq"],)
        named[of] |= {keys.get(number) for number in entry["again"]} | {canon.key(text) for text in entry["new"]}
        left_out[of] += entry["over_cap"] + (entry["missing"] if entry["response"] else -resolved(entry))
    found = defaultdict(list)
    for entry in entries:
        meta = entry["response"]
        if meta and meta["outcome"] in fold.ANSWERS:
            told = (meta["prompt_hash"], meta["input_tokens"], meta["output_tokens"])
            found[meta["model"]].append((told, frozenset(named[identity(entry)]), left_out[identity(entry)], entry))
    return found


def resolved(entry):
    return len(entry["new"]) + len(entry["again"]) + entry["over_cap"]


def matched(said, logged):
    """Pairs each logged answer with one of the journal: (pairs, logged without, said without)."""
    open_answers = defaultdict(list)
    for answer in said:
        open_answers[answer[0]].append(answer)
    pairs, without = [], []
    # Whole ones first, so that what is incomplete does not take their place.
    for one in sorted(logged, key=lambda one: one[2]):
        told, keys, left_out, _ = one
        fits = [a for a in open_answers[told] if keys <= a[1] and len(a[1]) - len(keys) == left_out]
        if fits:
            open_answers[told].remove(fits[0])
            pairs.append((fits[0], one))
        else:
            without.append(one)
    return pairs, without, [answer for left in open_answers.values() for answer in left]


def nothing_lost(facts):
    check = Check(1, "every answer of a life that was not killed is in the log, with all its items; nothing else is")
    said, lives, most = answers_of_the_journal(facts), ends(facts), facts["scene"]["open_per_life"]
    for name in facts["scene"]["topics"]:
        logged = answers_of_the_log(log_of(facts, name))
        known = {key for (topic, _), answers in said.items() if topic == name for _, keys, _ in answers for key in keys}
        for model in sorted({life for topic, life in said if topic == name} | set(logged)):
            pairs, invented, lost = matched(said.get((name, model), []), logged.get(model, []))
            check.compared += len(pairs)
            check.holds(not invented, lambda: f"{name}, {model}: {len(invented)} logged that no model gave, as {invented[0][:3]}")
            bound = most if lives.get(model) == "killed" else 0
            check.holds(
                len(lost) <= bound,
                lambda: f"{name}, {model} ({lives.get(model)}): {len(lost)} answers are lost, as {lost[0][0]} {sorted(lost[0][1])[:3]}",
            )
            if lives.get(model) != "killed":
                open_claims = [one for *_, one in [(p[1],) for p in pairs] if one[2] != one[3]["over_cap"] and one[3]["missing"]]
                check.holds(
                    all(left == over(facts, name, entry) for _, _, left, entry in open_claims),
                    lambda: f"{name}, {model}: false positives were never resolved: {identity(open_claims[0][3])}",
                )
        for text in texts(log_of(facts, name)):
            check.holds(canon.key(text) in known, f"{name}: no model said {text!r}")
    recorded_batches(facts, check)
    return check


def over(facts, name, response):
    """Items over the cap of a response and of what completes it."""
    same = [e for e in log_of(facts, name) if identity(e)[:2] == identity(response)[:2] and e["resolves"] == response["seq"]]
    return response["over_cap"] + sum(entry["over_cap"] for entry in same)


def recorded_batches(facts, check):
    """What was published is in the log, and what is in the log was published."""
    lives, recorded = ends(facts), {}
    for message in facts["watched"]["batches"]:
        for batch in message["batches"]:
            recorded[tuple(batch["id"][part] for part in ("topic", "run", "producer", "incarnation", "seq"))] = batch
    for name in facts["scene"]["topics"]:
        run = facts["topics"][name]["state"].get("run")
        logged = {(name, run, *identity(entry)): entry for entry in log_of(facts, name)}
        killed = {identity(e)[:2] for e in logged.values() if e["response"] and lives.get(e["response"]["model"]) == "killed"}
        missing = [one for one in recorded if one[:2] == (name, run) and one not in logged]
        if not facts["scene"].get("broker_unharmed"):
            # A message that a queue has lost is published again by those who live.
            missing = [one for one in missing if one[2:4] not in killed and not of_killed_life(recorded[one], lives)]
        check.holds(not missing, lambda: f"{name}: {len(missing)} published batches are not in the log, as {missing[0]}")
        for one in set(recorded) & set(logged):
            published, entry = recorded[one]["body"], logged[one]
            body = published.get("response") or published["resolution"]
            named = sum(len(body.get(part, ())) for part in ("novel", "spellings", "sightings", "texts")) + len(numbers(body))
            found = len(entry["new"]) + len(entry["again"]) + entry["missing"] + entry["over_cap"]
            check.same(f"{name}: elements of {one[2:]}, published and logged", named, found)
            outside = set(numbers(body)) - set(entry["again"])
            check.holds(
                not outside or len(numbers(body)) <= entry["missing"],
                lambda: f"{name}: {one[2:]} names attributes {sorted(outside)[:5]} by number that are not logged",
            )


def numbers(body):
    """The attributes that a batch names by number: gaps between them, seven bits a byte, the lowest first."""
    found, before, gap, shift = [], 0, 0, 0
    for byte in (body.get("numbered") or {}).get("numbers", b""):
        gap |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            before += gap
            found.append(before)
            gap = shift = 0
    return found


def of_killed_life(batch, lives):
    response = batch["body"].get("response")
    return bool(response) and lives.get(response["meta"]["model"]) == "killed"
