"""The work that every peer does: batches of 50 strings of 20 bytes, half of them known, into a set, and what is new into a log."""

import os

STRINGS = 50
SEED = 1_000
NEW = STRINGS // 2

AMQP_URL = os.environ["AMQP_URL"]
REDIS_URL = os.environ["REDIS_URL"]
QUEUE = os.environ.get("PEER_QUEUE", "peers")

SEEN, LOG, DONE = "peers:seen", "peers:log", "peers:done"


def text(number):
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:020d}"


def seed():
    return [text(number) for number in range(SEED)]


def batch(index):
    known = index * 7 % (SEED - NEW)
    first = SEED + index * NEW
    return [text(number) for number in range(first, first + NEW)] + [text(number) for number in range(known, known + NEW)]


# A batch in one call, as one would write it by hand: asked at once, added at once, one packed entry of the log.
LUA = """
local known = redis.call('SMISMEMBER', KEYS[1], unpack(ARGV))
local new = {}
for i = 1, #ARGV do
  if known[i] == 0 then new[#new + 1] = ARGV[i] end
end
if #new > 0 then
  redis.call('SADD', KEYS[1], unpack(new))
  redis.call('RPUSH', KEYS[2], cmsgpack.pack(new))
end
redis.call('INCR', KEYS[3])
return #new
"""


def pipelined(client, batches):
    """Several batches in one exchange, and what was new in a second."""
    first = client.pipeline(transaction=False)
    for strings in batches:
        for string in strings:
            first.sadd(SEEN, string)
    added = first.execute()
    second = client.pipeline(transaction=False)
    for number, strings in enumerate(batches):
        answers = added[number * STRINGS:(number + 1) * STRINGS]
        new = [string for string, is_new in zip(strings, answers) if is_new]
        if new:
            second.rpush(LOG, *new)
    second.incrby(DONE, len(batches))
    second.execute()


def one_by_one(client, strings):
    """A round trip for each string."""
    for string in strings:
        if client.sadd(SEEN, string):
            client.rpush(LOG, string)
    client.incr(DONE)
