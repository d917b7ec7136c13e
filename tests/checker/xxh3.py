"""XXH3 of 64 and of 128 bits with seed 0, after https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md.

Every length is covered; `check.py self-test` compares with published values.
"""

import struct

M32 = (1 << 32) - 1
M64 = (1 << 64) - 1

P32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
P64 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
MX1 = 0x165667919E3779F9
MX2 = 0x9FB21C651E98DF25

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff72"
    "21b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9de"
    "acd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa"
    "1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbca"
    "bb4b407e"
)


def u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def u64(data, at):
    return struct.unpack_from("<Q", data, at)[0]


def swap32(x):
    return struct.unpack("<I", struct.pack(">I", x))[0]


def swap64(x):
    return struct.unpack("<Q", struct.pack(">Q", x))[0]


def rotl32(x, n):
    return ((x << n) | (x >> (32 - n))) & M32


def rotl64(x, n):
    return ((x << n) | (x >> (64 - n))) & M64


def fold(a, b):
    product = a * b
    return (product ^ (product >> 64)) & M64


def avalanche(h):
    h ^= h >> 37
    h = (h * MX1) & M64
    return h ^ (h >> 32)


def avalanche64(h):
    h ^= h >> 33
    h = (h * P64[1]) & M64
    h ^= h >> 29
    h = (h * P64[2]) & M64
    return h ^ (h >> 32)


def mix16(data, at, secret_at):
    low, high = u64(data, at), u64(data, at + 8)
    return fold(low ^ u64(SECRET, secret_at), high ^ u64(SECRET, secret_at + 8))


def accumulate(data):
    """The eight lanes after all stripes of a long input."""
    lanes = [P32[2], P64[0], P64[1], P64[2], P64[3], P32[1], P64[4], P32[0]]

    def stripe(at, secret_at):
        for lane in range(8):
            value = u64(data, at + 8 * lane)
            key = value ^ u64(SECRET, secret_at + 8 * lane)
            lanes[lane ^ 1] = (lanes[lane ^ 1] + value) & M64
            lanes[lane] = (lanes[lane] + (key & M32) * (key >> 32)) & M64

    stripes = (len(SECRET) - 64) // 8
    block = 64 * stripes
    blocks = (len(data) - 1) // block
    for number in range(blocks):
        for place in range(stripes):
            stripe(number * block + 64 * place, 8 * place)
        for lane in range(8):
            key = u64(SECRET, len(SECRET) - 64 + 8 * lane)
            lanes[lane] = ((lanes[lane] ^ (lanes[lane] >> 47) ^ key) * P32[0]) & M64
    for place in range((len(data) - 1 - block * blocks) // 64):
        stripe(block * blocks + 64 * place, 8 * place)
    stripe(len(data) - 64, len(SECRET) - 71)
    return lanes


def merge(lanes, start, secret_at):
    result = start
    for pair in range(4):
        at = secret_at + 16 * pair
        result += fold(lanes[2 * pair] ^ u64(SECRET, at), lanes[2 * pair + 1] ^ u64(SECRET, at + 8))
    return avalanche(result & M64)


def hash64(data):
    """XXH3-64."""
    size = len(data)
    if size == 0:
        return avalanche64(u64(SECRET, 56) ^ u64(SECRET, 64))
    if size <= 3:
        combined = (data[0] << 16) | (data[size >> 1] << 24) | data[size - 1] | (size << 8)
        return avalanche64(combined ^ (u32(SECRET, 0) ^ u32(SECRET, 4)))
    if size <= 8:
        value = u32(data, size - 4) + (u32(data, 0) << 32)
        x = value ^ (u64(SECRET, 8) ^ u64(SECRET, 16))
        x ^= rotl64(x, 49) ^ rotl64(x, 24)
        x = (x * MX2) & M64
        x ^= (x >> 35) + size
        x = (x * MX2) & M64
        return x ^ (x >> 28)
    if size <= 16:
        low = u64(data, 0) ^ (u64(SECRET, 24) ^ u64(SECRET, 32))
        high = u64(data, size - 8) ^ (u64(SECRET, 40) ^ u64(SECRET, 48))
        return avalanche((size + swap64(low) + high + fold(low, high)) & M64)
    if size <= 128:
        result = size * P64[0]
        for number in range((size - 1) // 32, -1, -1):
            result += mix16(data, 16 * number, 32 * number) + mix16(data, size - 16 * number - 16, 32 * number + 16)
        return avalanche(result & M64)
    if size <= 240:
        result = size * P64[0]
        for number in range(8):
            result += mix16(data, 16 * number, 16 * number)
        result = avalanche(result & M64)
        for number in range(8, size // 16):
            result += mix16(data, 16 * number, 16 * (number - 8) + 3)
        result += mix16(data, size - 16, 136 - 17)
        return avalanche(result & M64)
    return merge(accumulate(data), (size * P64[0]) & M64, 11)


def hash128(data):
    """XXH3-128 as 16 bytes, most significant first."""
    low, high = halves(data)
    return struct.pack(">QQ", high, low)


def halves(data):
    size = len(data)
    if size == 0:
        return (avalanche64(u64(SECRET, 64) ^ u64(SECRET, 72)), avalanche64(u64(SECRET, 80) ^ u64(SECRET, 88)))
    if size <= 3:
        combined = (data[0] << 16) | (data[size >> 1] << 24) | data[size - 1] | (size << 8)
        low = combined ^ (u32(SECRET, 0) ^ u32(SECRET, 4))
        high = rotl32(swap32(combined), 13) ^ (u32(SECRET, 8) ^ u32(SECRET, 12))
        return avalanche64(low), avalanche64(high)
    if size <= 8:
        return short(data)
    if size <= 16:
        return middle(data)
    if size <= 128:
        return spread(data, [(16 * n, size - 16 * n - 16, 32 * n) for n in range((size - 1) // 32, -1, -1)])
    if size <= 240:
        return longer(data)
    lanes = accumulate(data)
    low = merge(lanes, (size * P64[0]) & M64, 11)
    high = merge(lanes, ~(size * P64[1]) & M64, len(SECRET) - 64 - 11)
    return low, high


def short(data):
    size = len(data)
    value = u32(data, 0) | (u32(data, size - 4) << 32)
    keyed = value ^ (u64(SECRET, 16) ^ u64(SECRET, 24))
    product = keyed * (P64[0] + (size << 2))
    low, high = product & M64, (product >> 64) & M64
    high = (high + (low << 1)) & M64
    low ^= high >> 3
    low ^= low >> 35
    low = (low * MX2) & M64
    return low ^ (low >> 28), avalanche(high)


def middle(data):
    size = len(data)
    first, last = u64(data, 0), u64(data, size - 8)
    product = (first ^ last ^ (u64(SECRET, 32) ^ u64(SECRET, 40))) * P64[0]
    low, high = product & M64, product >> 64
    low = (low + ((size - 1) << 54)) & M64
    last ^= u64(SECRET, 48) ^ u64(SECRET, 56)
    high = (high + last + (last & M32) * (P32[1] - 1)) & M64
    low ^= swap64(high)
    product = low * P64[1]
    result_low = product & M64
    result_high = ((product >> 64) + high * P64[1]) & M64
    return avalanche(result_low), avalanche(result_high)


def mix32(low, high, data, one, two, secret_at):
    low = (low + mix16(data, one, secret_at)) & M64
    low ^= (u64(data, two) + u64(data, two + 8)) & M64
    high = (high + mix16(data, two, secret_at + 16)) & M64
    high ^= (u64(data, one) + u64(data, one + 8)) & M64
    return low, high


def finish(low, high, size):
    last = (low * P64[0] + high * P64[3] + size * P64[1]) & M64
    return avalanche((low + high) & M64), (-avalanche(last)) & M64


def spread(data, pairs):
    low, high = (len(data) * P64[0]) & M64, 0
    for one, two, secret_at in pairs:
        low, high = mix32(low, high, data, one, two, secret_at)
    return finish(low, high, len(data))


def longer(data):
    size = len(data)
    low, high = (size * P64[0]) & M64, 0
    for number in range(4):
        low, high = mix32(low, high, data, 32 * number, 32 * number + 16, 32 * number)
    low, high = avalanche(low), avalanche(high)
    for number in range(4, size // 32):
        low, high = mix32(low, high, data, 32 * number, 32 * number + 16, 3 + 32 * (number - 4))
    low, high = mix32(low, high, data, size - 16, size - 32, 136 - 17 - 16)
    return finish(low, high, size)
