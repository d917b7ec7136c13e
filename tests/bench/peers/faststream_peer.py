"""FastStream with redis-py: a subscriber that gets one batch at a time, as its documentation shows it."""

import asyncio

import redis.asyncio
from faststream import FastStream
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue

import load

WINDOW = 500

broker = RabbitBroker(load.AMQP_URL, default_channel=Channel(prefetch_count=WINDOW))
app = FastStream(broker)
client = redis.asyncio.Redis.from_url(load.REDIS_URL)
queue = RabbitQueue(load.QUEUE, durable=True, queue_type=QueueType.QUORUM)


@broker.subscriber(queue, no_reply=True)
async def integrate(strings: list[str]):
    first = client.pipeline(transaction=False)
    for string in strings:
        first.sadd(load.SEEN, string)
    new = [string for string, is_new in zip(strings, await first.execute()) if is_new]
    second = client.pipeline(transaction=False)
    if new:
        second.rpush(load.LOG, *new)
    second.incr(load.DONE)
    await second.execute()


async def publish_all(count):
    async with RabbitBroker(load.AMQP_URL) as publisher:
        for first in range(0, count, WINDOW):
            window = range(first, min(first + WINDOW, count))
            await asyncio.gather(*(publisher.publish(load.batch(index), queue=load.QUEUE, persist=True) for index in window))


def publish(count):
    asyncio.run(publish_all(count))
