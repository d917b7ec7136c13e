"""Folds of the log, written anew."""

ANSWERS = {"answered", "empty", "refused", "unparsable"}
FIELDS = (
    "requests", "responses", "failed_responses", "candidates", "attributes", "duplicates", "rejected", "rejected_by_rule", "over_cap", "false_positives",
    "resolved", "input_tokens", "output_tokens", "of_others", "left_out", "copied",
)
BY_RULE = {"no_match", "too_few_chars", "too_many_chars", "other_script"}


def of(entries):
    """Sums over the log, under the names of the API."""
    sums = {field: 0 for field in FIELDS} | {"picodollars": 0, "outcomes": {}, "rejections": {}}
    firsts = []
    for entry in entries:
        new, again, over, missing = len(entry["new"]), len(entry["again"]), entry["over_cap"], entry["missing"]
        sums["attributes"] += new
        sums["duplicates"] += again
        sums["over_cap"] += over
        firsts += [entry["producer"]] * new
        sums["of_others"] += sum(1 <= seq <= len(firsts) and firsts[seq - 1] != entry["producer"] for seq in entry["again"])
        meta = entry["response"]
        if meta is None:
            sums["resolved"] += new + again + over
            continue
        sums["outcomes"][meta["outcome"]] = sums["outcomes"].get(meta["outcome"], 0) + 1
        sums["requests"] += 1
        sums["responses" if meta["outcome"] in ANSWERS else "failed_responses"] += 1
        sums["candidates"] += new + again + over + missing + meta["repeated"]
        sums["duplicates"] += meta["repeated"]
        sums["rejected"] += meta["rejected"]
        for reason, count in (meta.get("rejections") or {}).items():
            sums["rejections"][reason] = sums["rejections"].get(reason, 0) + count
            sums["rejected_by_rule"] += count if reason in BY_RULE else 0
        sums["false_positives"] += missing
        sums["left_out"] += meta.get("left_out", 0)
        sums["copied"] += min(meta.get("copied", 0), meta.get("left_out", 0))
        sums["input_tokens"] += meta["input_tokens"]
        sums["output_tokens"] += meta["output_tokens"]
        sums["picodollars"] += meta["cost"]
    return sums


def sightings(entries):
    """How many responses named each attribute, in the order of their numbers."""
    counts = []
    for entry in entries:
        counts += [1] * len(entry["new"])
        for seq in entry["again"]:
            if 1 <= seq <= len(counts):
                counts[seq - 1] += 1
    return counts


def coverage(counts, over_cap):
    """The probability that the next mention is of a known attribute (Good 1953), to six places, 1 only if nothing is unknown."""
    mentions = sum(counts) + over_cap
    unknown = counts.count(1) + over_cap
    if mentions == 0:
        return None
    return 1.0 if unknown == 0 else min(round((mentions - unknown) / mentions, 6), 0.999999)


def bloom(fingerprints, generation):
    """The bits of a generation as bytes of little-endian words, by the layout that the documentation of the filter specifies."""
    bits = 10 * (16384 << generation)
    found, mask = bytearray(bits // 8), (1 << 64) - 1
    for fingerprint in fingerprints:
        h = int.from_bytes(fingerprint[:8], "big")
        a, b = h, (h * 0x517CC1B727220A95) & mask
        place = (h * bits) >> 64
        found[place // 8] |= 1 << (place % 8)
        for _ in range(6):
            a = (((a << 5) | (a >> 59)) + b) & mask
            place = (a * bits) >> 64
            found[place // 8] |= 1 << (place % 8)
    return bytes(found)
