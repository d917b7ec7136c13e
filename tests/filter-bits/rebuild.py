#!/usr/bin/env python3
"""Rebuilds a topic's filter from its log and compares it with a snapshot, bit for bit.

It shares no code with igentai: canonical form, XXH3-128, bit positions, generation and digest are written once more here, from the documentation of
`igentai_core::key` and `igentai_core::filter` and from the xxHash specification. Standard library only.

    rebuild.py LOG SNAPSHOT GENERATION COMPLETE_TO DIGEST

LOG: one JSON object a line, `{"index": 1, "new": ["text", ...]}`, in log order. SNAPSHOT: the filter's words, little-endian. The texts may be any whose
canonical form needs no more than what `key` below does.
"""

import json
import re
import struct
import sys
import unicodedata

MASK = (1 << 64) - 1

# --- canonical form


def key(text):
    """The canonical form."""
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf"))
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub("[\u201c\u201d\u00ab\u00bb]", '"', text)
    text = re.sub("[\u2018\u2019]", "'", text)
    text = re.sub("[\u2010-\u2013]", "-", text)
    while True:
        before = text
        text = text.strip(" ").rstrip(".,;:")
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            text = text[1:-1]
        text = re.sub(r"(?<=\w)[\s-]+(?=\w)", " ", text)
        text = re.sub(r"\s+", " ", text)
        text = re.sub(r"^(the|an|a) (?=.)", "", text)
        if text == before:
            return text


# --- XXH3-128, seed 0

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1, P64_2, P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P64_4, P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def u64(data, at):
    return struct.unpack_from("<Q", data, at)[0]


def swap(value, size):
    return int.from_bytes(value.to_bytes(size, "little"), "big")


def avalanche64(h):
    h = (h ^ h >> 33) * P64_2 & MASK
    h = (h ^ h >> 29) * P64_3 & MASK
    return h ^ h >> 32


def avalanche(h):
    h = (h ^ h >> 37) * 0x165667919E3779F9 & MASK
    return h ^ h >> 32


def product(a, b):
    """Low and high half."""
    full = a * b
    return full & MASK, full >> 64


def folded(a, b):
    low, high = product(a, b)
    return low ^ high


def mix16(data, at, secret):
    return folded(u64(data, at) ^ u64(SECRET, secret), u64(data, at + 8) ^ u64(SECRET, secret + 8))


def mix32(acc, data, first, second, secret):
    low, high = acc
    low = (low + mix16(data, first, secret) & MASK) ^ (u64(data, second) + u64(data, second + 8) & MASK)
    high = (high + mix16(data, second, secret + 16) & MASK) ^ (u64(data, first) + u64(data, first + 8) & MASK)
    return low, high


def finish(acc, length):
    low, high = acc
    h_high = (low * P64_1 + high * P64_4 + length * P64_2) & MASK
    return avalanche(low + high & MASK), -avalanche(h_high) & MASK


def xxh3_short(data):
    length = len(data)
    if length == 0:
        return avalanche64(u64(SECRET, 64) ^ u64(SECRET, 72)), avalanche64(u64(SECRET, 80) ^ u64(SECRET, 88))
    if length <= 3:
        low = data[0] << 16 | data[length >> 1] << 24 | data[-1] | length << 8
        turned = swap(low, 4)
        high = (turned << 13 | turned >> 19) & 0xFFFFFFFF
        return (
            avalanche64(low ^ (u32(SECRET, 0) ^ u32(SECRET, 4))),
            avalanche64(high ^ (u32(SECRET, 8) ^ u32(SECRET, 12))),
        )
    if length <= 8:
        keyed = (u32(data, 0) + (u32(data, length - 4) << 32)) ^ u64(SECRET, 16) ^ u64(SECRET, 24)
        low, high = product(keyed, P64_1 + (length << 2) & MASK)
        high = high + (low << 1) & MASK
        low ^= high >> 3
        low = (low ^ low >> 35) * 0x9FB21C651E98DF25 & MASK
        return low ^ low >> 28, avalanche(high)
    first, last = u64(data, 0), u64(data, length - 8)
    low, high = product(first ^ last ^ u64(SECRET, 32) ^ u64(SECRET, 40), P64_1)
    low = low + (length - 1 << 54) & MASK
    last ^= u64(SECRET, 48) ^ u64(SECRET, 56)
    high = high + last + (last & 0xFFFFFFFF) * (P32_2 - 1) & MASK
    low ^= swap(high, 8)
    low, more = product(low, P64_2)
    return avalanche(low), avalanche(more + high * P64_2 & MASK)


def xxh3_medium(data):
    length = len(data)
    acc = length * P64_1 & MASK, 0
    if length <= 128:
        for pair in range((length - 1) // 32, -1, -1):
            acc = mix32(acc, data, 16 * pair, length - 16 * (pair + 1), 32 * pair)
        return finish(acc, length)
    for pair in range(4):
        acc = mix32(acc, data, 32 * pair, 32 * pair + 16, 32 * pair)
    acc = avalanche(acc[0]), avalanche(acc[1])
    for pair in range(4, length // 32):
        acc = mix32(acc, data, 32 * pair, 32 * pair + 16, 3 + 32 * (pair - 4))
    return finish(mix32(acc, data, length - 16, length - 32, 103), length)


def accumulate(acc, data, at, secret):
    for lane in range(8):
        word = u64(data, at + 8 * lane)
        keyed = word ^ u64(SECRET, secret + 8 * lane)
        acc[lane ^ 1] = acc[lane ^ 1] + word & MASK
        acc[lane] = acc[lane] + (keyed & 0xFFFFFFFF) * (keyed >> 32) & MASK


def merged(acc, secret, start):
    for pair in range(4):
        at = secret + 16 * pair
        start += folded(acc[2 * pair] ^ u64(SECRET, at), acc[2 * pair + 1] ^ u64(SECRET, at + 8))
    return avalanche(start & MASK)


def xxh3_long(data):
    length = len(data)
    acc = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]
    blocks = (length - 1) // 1024
    for block in range(blocks):
        for stripe in range(16):
            accumulate(acc, data, 1024 * block + 64 * stripe, 8 * stripe)
        for lane in range(8):
            value = acc[lane]
            acc[lane] = (value ^ value >> 47 ^ u64(SECRET, 128 + 8 * lane)) * P32_1 & MASK
    for stripe in range((length - 1 - 1024 * blocks) // 64):
        accumulate(acc, data, 1024 * blocks + 64 * stripe, 8 * stripe)
    accumulate(acc, data, length - 64, 121)
    return merged(acc, 11, length * P64_1), merged(acc, 117, ~(length * P64_2) & MASK)


def xxh3(data):
    """Low and high half."""
    if len(data) <= 16:
        return xxh3_short(data)
    return xxh3_medium(data) if len(data) <= 240 else xxh3_long(data)


# --- the filter


def generation_for(attributes):
    generation = 0
    while attributes > 16384 << generation:
        generation += 1
    return generation


def places(h, bits):
    yield h * bits >> 64
    a, b = h, h * 0x517CC1B727220A95 & MASK
    for _ in range(6):
        a = ((a << 5 | a >> 59) + b) & MASK
        yield a * bits >> 64


def weight(bit):
    z = (bit + 1) * 0x9E3779B97F4A7C15 & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def main(log, snapshot, generation, complete_to, digest):
    texts, last = [], 0
    with open(log, encoding="utf-8") as lines:
        for entry in map(json.loads, lines):
            assert entry["index"] == last + 1, "the log has a hole"
            last = entry["index"]
            if last <= complete_to:
                texts += entry["new"]
    assert last >= complete_to > 0 and texts, "the log does not reach as far as the snapshot"
    assert generation_for(len(texts)) == generation, f"generation {generation} for {len(texts)} attributes"
    bits = (16384 << generation) * 10
    filter = bytearray(bits // 8)
    for text in texts:
        _, high = xxh3(key(text).encode("utf-8"))
        for place in places(high, bits):
            # Bit n mod 64 of a little-endian word n / 64 is bit n mod 8 of byte n / 8.
            filter[place >> 3] |= 1 << (place & 7)
    with open(snapshot, "rb") as file:
        theirs = file.read()
    assert len(theirs) == len(filter), f"the snapshot has {len(theirs)} bytes, the filter {len(filter)}"
    differing = sum(1 for ours, other in zip(filter, theirs) if ours != other)
    assert differing == 0, f"{differing} of {len(filter)} bytes differ"
    total = sum(weight(8 * at + bit) for at, byte in enumerate(filter) for bit in range(8) if byte >> bit & 1)
    assert total & MASK == digest, f"the digest is {total & MASK}, not {digest}"
    print(f"{len(texts)} attributes, {len(filter)} bytes, the same")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
