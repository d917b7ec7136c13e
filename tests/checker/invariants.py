"""The invariants of ARCHITECTURE.md, as functions of what `facts` has read. Each counts what it compared; nothing to compare is a failure. The first is in `answers`, Prometheus' part of the fifth in `counters`."""

from collections import Counter, defaultdict

import canon
import counters
import fold
import registry
from answers import answers_of_the_journal, answers_of_the_log, matched, nothing_lost
from broker import expected_consumers
from checking import Check, ends, identity, log_of, texts, topic_of

# Milliseconds from a question to its commit; an hour is not among them.
CLOCK_IS_RIGHT = 600_000


# 2 -----------------------------------------------------------------------------------------------------------------------------

def one_set(facts):
    check = Check(2, "set = distinct texts of the log = lines of output.txt = feed; numbers without a gap, in the log's order")
    for name in facts["scene"]["topics"]:
        entries, kept = log_of(facts, name), facts["topics"][name]
        after = 0
        for place, entry in enumerate(entries, 1):
            check.same(f"{name}: the number of log entry {place}", entry["index"], place)
            check.same(f"{name}: the first number of entry {place}", entry["first_new"], after + 1 if entry["new"] else 0)
            after += len(entry["new"])
            check.same(f"{name}: attributes after entry {place}", entry["attributes_after"], after)
            check.holds(all(1 <= seq <= after for seq in entry["again"]), f"{name}: entry {place} names what is not there")
        listed = texts(entries)
        numbered = list(enumerate(listed, 1))
        check.same(f"{name}: keys that are in the log twice", [k for k, n in Counter(map(canon.key, listed)).items() if n > 1], [])
        check.same(f"{name}: the set and the log", kept["set"], {canon.fingerprint(text)[:registry.KEPT]: seq for seq, text in numbered})
        check.compared += len(listed)
        check.same(f"{name}: totals of the registry", kept["totals"], {"entries": len(entries), "attributes": len(listed)})
        output = facts["files"][name]["output"].decode()
        check.holds(output == "" or output.endswith("\n"), f"{name}: output.txt ends in the middle of a line")
        check.sequences(f"{name}: output.txt and the log", output.split("\n")[:-1], listed)
        check.sequences(f"{name}: the pages of the API and the log", facts["pages"][name], numbered)
        cap = facts["definitions"][name]["limits"].get("max_attributes")
        check.holds(cap is None or len(listed) <= cap, f"{name}: {len(listed)} attributes over a cap of {cap}")
        watched_files(facts, check, name, listed)
    return check


def watched_files(facts, check, name, listed):
    import zlib

    crcs, crc = [0], 0
    for text in listed:
        crc = zlib.crc32(text.encode() + b"\n", crc)
        crcs.append(crc)
    for note in facts["watched"]["file"]:
        if note["topic"] == name:
            right = note["lines"] < len(crcs) and crcs[note["lines"]] == note["crc"]
            check.holds(right, f"{name}: output.txt was at {note['at_ms']} not a beginning of the log ({note['lines']} lines)")


# 3 -----------------------------------------------------------------------------------------------------------------------------

def applied_once(facts):
    check = Check(3, "each batch is applied once: totals equal a replay of the history")
    lives = ends(facts)
    for name in facts["scene"]["topics"]:
        entries = log_of(facts, name)
        twice = [one for one, times in Counter(map(identity, entries)).items() if times > 1]
        check.compared += len(entries)
        check.holds(not twice, lambda: f"{name}: {len(twice)} batches are in the log twice, as {twice[0]}")
        numbers, killed = defaultdict(set), set()
        for entry in entries:
            numbers[identity(entry)[:2]].add(entry["seq"])
            if entry["response"] and lives.get(entry["response"]["model"]) == "killed":
                killed.add(identity(entry)[:2])
        for life, seqs in numbers.items():
            holes = max(seqs) - len(seqs)
            bound = facts["scene"]["open_per_life"] if life in killed else 0
            check.holds(holes <= bound, f"{name}: {holes} batch numbers of {life} are in no entry")
        for one, receipt in facts["topics"][name]["receipts"]["receipts"].items():
            check.holds(receipt_fits(receipt, one, entries), f"{name}: the receipt of {one} does not fit the log: {receipt}")
        watermarks = facts["topics"][name]["receipts"]["watermarks"]
        for life, mark in watermarks.items():
            check.holds(mark < max(numbers.get(life, {0})) + 1, f"{name}: watermark {mark} of {life} is beyond its last batch")
        kept = defaultdict(set)
        for producer, life, seq in facts["topics"][name]["receipts"]["receipts"]:
            kept[producer, life].add(seq)
        for life, seqs in numbers.items():
            above = {seq for seq in seqs if seq > watermarks.get(life, 0)}
            check.holds(above <= kept[life], f"{name}: no receipt is stored for {sorted(above - kept[life])[:5]} of {life}")
        sums = fold.of(entries)
        view = facts["views"][name]["numbers"]["totals"]
        for field in fold.FIELDS:
            check.same(f"{name}: {field} of the API and of a replay", view[field], sums[field])
        requests_of_surviving_lives(facts, check, name, entries)
    return check


def receipt_fits(receipt, one, entries):
    index, first_new, new, known, over_cap, unnumbered, missing = receipt
    if not 1 <= index <= len(entries):
        return False
    entry = entries[index - 1]
    found = (entry["first_new"], len(entry["new"]), len(entry["again"]), entry["over_cap"], entry["missing"])
    return identity(entry) == one and found == (first_new, new, known, over_cap, len(missing) + unnumbered)


def requests_of_surviving_lives(facts, check, name, entries):
    """Failed requests, too, are in the log once each, and no cap on requests was exceeded."""
    lives = ends(facts)
    asked = Counter(r["model"] for r in facts["journal"] if topic_of(facts, r) == name)
    unheard = {"unreachable", "abandoned", "timeout"}
    logged = Counter(e["response"]["model"] for e in entries if e["response"] and e["response"]["outcome"] not in unheard)
    given_up = Counter(e["response"]["model"] for e in entries if e["response"] and e["response"]["outcome"] in unheard)
    for model, count in asked.items():
        if lives.get(model) != "killed":
            fits = logged[model] <= count <= logged[model] + given_up[model]
            check.holds(fits, f"{name}, {model}: {count} requests came, {logged[model]} and {given_up[model]} given up are logged")
    cap = facts["definitions"][name]["limits"].get("max_requests")
    total = sum(asked.values())
    check.holds(cap is None or total <= cap, f"{name}: {total} requests over a cap of {cap}")


# 4 -----------------------------------------------------------------------------------------------------------------------------

def feeds(facts):
    check = Check(4, "a feed from any cursor is that suffix of the log; a gap appears only as an explicit reset")
    for name in facts["scene"]["topics"]:
        numbered = list(enumerate(texts(log_of(facts, name)), 1))
        if numbered:
            check.holds(facts["feeds"][name], f"{name}: no feed was read")
        for after, told, resets in facts["feeds"][name]:
            check.holds(not resets, f"{name}: a reset behind {after}: {resets[:1]}")
            check.sequences(f"{name}: the feed behind {after}", told, numbered[after:])
        followed(facts, check, name, numbered)
    return check


def followed(facts, check, name, numbered):
    """The reader who was there all the time was told each item once and in order."""
    told = []
    for note in facts["watched"]["told"]:
        if note["topic"] == name:
            told += list(zip(range(note["first"], note["first"] + len(note["texts"])), note["texts"]))
    resets = [note for note in facts["watched"]["reset"] if note["topic"] == name]
    check.holds(not resets, f"{name}: the reader was sent back: {resets[:1]}")
    if facts["scene"].get("watch"):
        check.sequences(f"{name}: what the reader was told", told, numbered)


# 5 -----------------------------------------------------------------------------------------------------------------------------

def numbers_agree(facts):
    check = Check(5, "metrics.json = Prometheus = API = a recount; counters never fall within a life")
    leaders = [role for role, found in facts["metrics"].items() if found.get(("igentai_leader", ())) == 1]
    check.same("leaders by /metrics", len(leaders), 1)
    for name in facts["scene"]["topics"]:
        sums = fold.of(log_of(facts, name))
        told, view = facts["files"][name]["metrics"], facts["views"][name]["numbers"]
        for field in fold.FIELDS:
            check.same(f"{name}: {field} of metrics.json", told["totals"]["new" if field == "attributes" else field], sums[field])
        for key, value in (("usd", sums["picodollars"] / 1e12),):
            check.holds(abs(told["totals"][key] - value) < 1e-9, f"{name}: {key} of metrics.json is {told['totals'][key]}, not {value}")
            check.holds(abs(view["totals"][key] - value) < 1e-9, f"{name}: {key} of the API is {view['totals'][key]}, not {value}")
        check.same(f"{name}: log entries of metrics.json", told["log_entries"], len(log_of(facts, name)))
        check.same(f"{name}: outcomes of metrics.json", told["outcomes"], sums["outcomes"])
        check.same(f"{name}: outcomes of the API", view["outcomes"], sums["outcomes"])
        check.same(f"{name}: rejections of metrics.json", told["rejections"], sums["rejections"])
        check.same(f"{name}: rejections of the API", view["rejections"], sums["rejections"])
        check.same(f"{name}: state.json", facts["files"][name]["state"]["total_unique_count"], sums["attributes"])
    counters.prometheus(facts, check, leaders)
    prices(facts, check)
    forward(facts, check)
    return check


def prices(facts, check):
    """What each entry is said to have cost is price times tokens, as the service counted them."""
    input_price, output_price = facts["scene"]["usd_per_million"]
    for name in facts["scene"]["topics"]:
        for entry in log_of(facts, name):
            meta = entry["response"]
            if meta and meta["outcome"] in fold.ANSWERS:
                right = round(meta["input_tokens"] * input_price * 1e6 + meta["output_tokens"] * output_price * 1e6)
                check.same(f"{name}: cost of entry {entry['index']}", meta["cost"], right)


def forward(facts, check):
    """The registry never went back."""
    per_topic = {}
    for note in facts["watched"]["registry"]:
        before = per_topic.get(note["topic"], (0, 0))
        now = note.get("entries", 0), note.get("attributes", 0)
        check.holds(now >= before, f"{note['topic']}: the registry went back from {before} to {now}")
        per_topic[note["topic"]] = now


# 6 -----------------------------------------------------------------------------------------------------------------------------

def filters(facts):
    check = Check(6, "filters: no false negative at their version, bits equal a rebuild from the log, false positives below the target")
    for name in facts["scene"]["topics"]:
        entries, run = log_of(facts, name), facts["topics"][name]["state"].get("run")
        covered = set()
        for delta in facts["watched"]["filter-delta"]:
            if (delta["topic"], delta["run"]) == (name, run):
                what, brought = f"{name}: the delta {delta['from']}..{delta['to']}", entries[delta["from"] - 1:delta["to"]]
                right, told = [canon.fingerprint(text) for text in texts(brought)], list(delta["fingerprints"])
                check.holds(set(right) == set(told), lambda: f"{what} has {len(set(told))} of {len(set(right))} fingerprints")
                if delta["first"]:
                    # Producers name attributes by these numbers from then on.
                    first = next((entry["first_new"] for entry in brought if entry["new"]), 0)
                    check.holds((delta["first"], told) == (first, right), lambda: f"{what} gives other numbers than the log")
                covered.update(range(delta["from"], delta["to"] + 1))
        if facts["scene"].get("broker_unharmed"):
            holes = [entry["index"] for entry in entries if entry["index"] not in covered]
            check.holds(not holes, f"{name}: {len(holes)} log entries were in no delta, as {holes[:5]}")
        snapshots(facts, check, name, run)
        checked = sum(len(entry["again"]) + entry["missing"] for entry in entries if entry["response"])
        wrong = sum(entry["missing"] for entry in entries)
        check.holds(wrong <= 20 + 0.02 * checked, f"{name}: {wrong} false positives of {checked} claims")
    return check


def snapshots(facts, check, name, run):
    pieces = defaultdict(dict)
    for piece in facts["watched"]["filter-snapshot"]:
        if (piece["topic"], piece["run"]) == (name, run):
            pieces[piece["generation"], piece["complete_to"], piece["chunks"]].setdefault(piece["chunk"], set()).add(piece["words"])
    for (generation, complete_to, chunks), found in pieces.items():
        if set(found) != set(range(chunks)):
            continue
        listed = texts(log_of(facts, name)[:complete_to])
        bits = fold.bloom(map(canon.fingerprint, listed), generation)
        for words in found_wholes(found, chunks):
            lacks = sum(1 for one, other in zip(bits, words) if one & ~other)
            check.holds(not lacks, f"{name}: a snapshot up to {complete_to} lacks bits in {lacks} bytes")
            more = texts(log_of(facts, name))
            check.holds(
                words == bits or subset(words, fold.bloom(map(canon.fingerprint, more), generation)),
                f"{name}: a snapshot up to {complete_to} has bits that no attribute sets",
            )


def found_wholes(found, chunks):
    """The filters that can be put together of pieces that were sent once."""
    if all(len(found[chunk]) == 1 for chunk in range(chunks)):
        yield b"".join(next(iter(found[chunk])) for chunk in range(chunks))


def subset(one, other):
    return all(not a & ~b for a, b in zip(one, other))


# 7 -----------------------------------------------------------------------------------------------------------------------------

def fenced(facts):
    check = Check(7, "no write carries an epoch below the highest that was committed")
    highest = facts["lease"]["epoch"]
    check.holds(highest >= 1, "nobody ever led")
    for name in facts["scene"]["topics"]:
        own = facts["topics"][name]["state"].get("epoch", 0)
        check.holds(0 < own <= highest, f"{name}: epoch {own}, the lease has {highest}")
        state = facts["files"][name]["state"]["epoch"]
        # A leader leaves the files of what had ended long before its term as they are.
        ended = facts["definitions"][name]["epoch"]
        check.holds(ended <= own, f"{name}: the definition is of epoch {ended}, the topic of {own}")
        check.holds(ended <= state <= highest, f"{name}: state.json was written in epoch {state}, the definition in {ended}, the lease is of {highest}")
        last = {"registry": (0, 0), "file": 0}
        for note in facts["watched"]["registry"]:
            if note["topic"] == name:
                now = note["lease"], note["topic_epoch"]
                check.holds(all(a >= b for a, b in zip(now, last["registry"])), f"{name}: epochs fell from {last['registry']} to {now}")
                last["registry"] = now
        for note in facts["watched"]["file"]:
            if note["topic"] == name:
                check.holds(note["epoch"] >= last["file"], f"{name}: state.json went from epoch {last['file']} back to {note['epoch']}")
                last["file"] = note["epoch"]
    return check


# 8 -----------------------------------------------------------------------------------------------------------------------------

def nothing_waits(facts):
    check = Check(8, "when all is quiet nothing waits: only the expected queues and consumers, dead letters are exactly the poison")
    roles, queues = facts["scene"]["roles"], facts["broker"]
    shared, own = expected_consumers(roles)
    for name, consumers in (shared | own).items():
        queue = queues.get(name)
        if not check.holds(queue is not None, f"{name} is missing"):
            continue
        check.holds(consumers in (None, queue["consumers"]), f"{name} has {queue['consumers']} consumers, not {consumers}")
        check.same(f"{name}: delivered and not acknowledged", queue["unacked"], 0)
        left = {"igentai.dead": facts["scene"].get("poison", 0), "igentai.unrouted": None}.get(name, 0)
        # Heartbeats come all the time.
        at_most = 3 if name == "igentai.coordinate" or name in own else left
        right = left is None or (queue["ready"] == left or left < queue["ready"] <= at_most)
        check.holds(right, f"{name}: {queue['ready']} messages wait, {left} are expected")
    known = set(shared) | set(own)
    strangers = sorted(name for name in queues if name not in known)
    check.same("queues that nobody expects", strangers, [])
    for name in facts["scene"]["topics"]:
        check.same(f"{name}: the state after its stop", facts["views"][name]["state"], "ended")
    for message in facts["attempts"]:
        check.holds(False, f"attempts at {message.decode()} are noted and none is under way")
    return check


# 9 -----------------------------------------------------------------------------------------------------------------------------

def at_their_base(facts):
    check = Check(9, "descriptors, tasks and memory are at their base; no secret is in a log, file, metric or message")
    limits = facts["scene"]["limits"]
    for role, process in facts["processes"].items():
        for what, most in limits.items():
            check.holds(process[what] <= most, f"{role}: {what} {process[what]}, at most {most} are expected")
    secret = facts["scene"]["secret"].encode()
    check.holds(len(secret) >= 8, "no secret was seeded")
    for place, content in facts["places_of_a_secret"].items():
        check.holds(secret not in content, f"the secret is in {place}")
    check.holds(facts["places_of_a_secret"]["redis"][:5] == b"REDIS", "the registry could not be searched")
    return check


# 10 ----------------------------------------------------------------------------------------------------------------------------

def recoveries(facts):
    """Milliseconds from the end of each fault to the first commit of an answer that was asked for after it."""
    said, commits = answers_of_the_journal(facts), []
    for name in facts["scene"]["topics"]:
        for model, logged in answers_of_the_log(log_of(facts, name)).items():
            pairs, _, _ = matched(said.get((name, model), []), logged)
            # A commit tells its time by the clock of who made it; one that was set wrong cannot be used.
            times = [(one[3]["at"], answer[2]) for answer, one in pairs]
            commits += [(at, asked) for at, asked in times if 0 <= at - asked < CLOCK_IS_RIGHT]
    commits.sort()
    found = []
    for fault in facts["scene"]["faults"]:
        end = fault["ended_ms"]
        after = next((at - end for at, asked in commits if at >= end and asked >= end), None)
        found.append((fault, after))
    return found


def progress(facts):
    check = Check(10, "progress within seconds after a fault has ended")
    check.holds(any(log_of(facts, name) for name in facts["scene"]["topics"]), "nothing was ever committed")
    for fault, after in recoveries(facts):
        right = after is not None and after <= fault["limit_ms"]
        check.holds(right, f"{fault['kind']} at {fault['ended_ms']}: progress after {after} ms, {fault['limit_ms']} are allowed")
    return check


# 11 ----------------------------------------------------------------------------------------------------------------------------

def sightings(facts):
    check = Check(11, "sighting counts and their frequencies equal a count of what the models said")
    said = answers_of_the_journal(facts)
    for name in facts["scene"]["topics"]:
        entries = log_of(facts, name)
        listed, folded, recount = texts(entries), fold.sightings(entries), Counter()
        for model, logged in answers_of_the_log(entries).items():
            for (_, keys, _), (_, found, left_out, _) in matched(said.get((name, model), []), logged)[0]:
                recount.update(keys if not left_out else found)
        by_key = Counter({canon.key(text): times for text, times in zip(listed, folded)})
        wrong = [key for key in by_key.keys() | recount.keys() if by_key[key] != recount[key]]
        check.compared += len(by_key)
        check.holds(not wrong, lambda: f"{name}: {wrong[0]!r} was named {recount[wrong[0]]} times and is counted {by_key[wrong[0]]} times")
        check.same(f"{name}: frequencies of frequencies", Counter(by_key.values()), Counter(recount.values()))
        coverage, over_cap = fold.coverage(folded, fold.of(entries)["over_cap"]), facts["views"][name]["numbers"].get("coverage")
        check.holds(near(coverage, over_cap), f"{name}: coverage {over_cap} by the API, {coverage} by the count")
        told = facts["files"][name]["metrics"]["coverage"]
        check.holds(near(coverage, told), f"{name}: coverage {told} by metrics.json, {coverage} by the count")
    return check


def near(one, other):
    return one is other is None or (one is not None and other is not None and abs(one - other) < 2e-6)


ALL = (
    nothing_lost, one_set, applied_once, feeds, numbers_agree, filters, fenced, nothing_waits, at_their_base, progress, sightings,
)
