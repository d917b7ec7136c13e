"""Plain pika: how far one comes by hand. Messages are confirmed in windows, acknowledged in groups.

`pika_peer.py work KIND` consumes until it is ended; KIND is `pipelined` (redis-py, 16 batches an exchange), `lua` (one call a batch, 16 in flight) or
`single` (a round trip for each string).
"""

import json
import sys

import pika
import redis

import load

WINDOW = 500
GROUP = 16
PROPERTIES = pika.BasicProperties(delivery_mode=2)


class Publisher:
    """Publishes with at most so many messages unconfirmed."""

    def __init__(self, count):
        self.count, self.next, self.confirmed = count, 0, 0
        parameters = pika.URLParameters(load.AMQP_URL)
        self.connection = pika.SelectConnection(parameters, on_open_callback=self.opened, on_close_callback=self.closed)

    def opened(self, connection):
        connection.channel(on_open_callback=self.channel_opened)

    def closed(self, connection, _):
        connection.ioloop.stop()

    def channel_opened(self, channel):
        self.channel = channel
        channel.confirm_delivery(self.answered, callback=lambda _: self.fill())

    def answered(self, frame):
        if isinstance(frame.method, pika.spec.Basic.Nack):
            raise RuntimeError("the broker refused a message")
        self.confirmed = frame.method.delivery_tag if frame.method.multiple else self.confirmed + 1
        self.fill()

    def fill(self):
        while self.next < self.count and self.next - self.confirmed < WINDOW:
            body = json.dumps(load.batch(self.next))
            self.channel.basic_publish("", load.QUEUE, body, PROPERTIES)
            self.next += 1
        if self.confirmed >= self.count:
            self.connection.close()


def publish(count):
    Publisher(count).connection.ioloop.start()


def work(kind):
    client = redis.Redis.from_url(load.REDIS_URL)
    script = client.register_script(load.LUA)
    client.script_load(load.LUA)
    connection = pika.BlockingConnection(pika.URLParameters(load.AMQP_URL))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=WINDOW)
    group = []

    def integrate():
        batches = [batch for _, batch in group]
        if kind == "pipelined":
            load.pipelined(client, batches)
        elif kind == "lua":
            pipeline = client.pipeline(transaction=False)
            for batch in batches:
                pipeline.evalsha(script.sha, 3, load.SEEN, load.LOG, load.DONE, *batch)
            pipeline.execute()
        else:
            for batch in batches:
                load.one_by_one(client, batch)
        channel.basic_ack(group[-1][0], multiple=True)
        group.clear()

    for method, _, body in channel.consume(load.QUEUE, inactivity_timeout=0.02):
        if method is not None:
            group.append((method.delivery_tag, json.loads(body)))
        if group and (method is None or len(group) >= GROUP):
            integrate()


if __name__ == "__main__":
    work(sys.argv[2])
