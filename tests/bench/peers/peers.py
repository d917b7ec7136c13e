"""Runs each peer on the same work and the same servers, while the work is published, and prints strings a second."""

import json
import multiprocessing
import os
import subprocess
import sys
import time

import pika
import redis

import load

HERE = os.path.dirname(os.path.abspath(__file__))
DEADLINE = 300


def declare():
    """Celery and dramatiq declare their own."""
    connection = pika.BlockingConnection(pika.URLParameters(load.AMQP_URL))
    channel = connection.channel()
    channel.queue_declare(load.QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    connection.close()


def forget(queue):
    connection = pika.BlockingConnection(pika.URLParameters(load.AMQP_URL))
    connection.channel().queue_delete(queue)
    connection.close()


def publish(module, count):
    __import__(module).publish(count)


def python(*arguments):
    return [sys.executable, *arguments]


PEERS = {
    # name: (module that publishes, the workers' command, whether the queue is declared here, share of the batches)
    "celery": ("celery_peer", python("-m", "celery", "-A", "celery_peer", "worker", "--concurrency", "2", "--loglevel", "WARNING",
                                     "--without-gossip", "--without-mingle", "--without-heartbeat"), False, 0.5),
    "dramatiq": ("dramatiq_peer", python("-m", "dramatiq", "dramatiq_peer", "--processes", "2", "--threads", "4"), False, 0.5),
    "faststream": ("faststream_peer", python("-m", "faststream", "run", "faststream_peer:app"), False, 0.5),
    "pika, pipelined redis-py": ("pika_peer", python("pika_peer.py", "work", "pipelined"), True, 0.5),
    "pika, one Lua call a batch": ("pika_peer", python("pika_peer.py", "work", "lua"), True, 2.0),
    "pika, one SADD a string": ("pika_peer", python("pika_peer.py", "work", "single"), True, 0.1),
}


def measure(name, batches):
    module, command, declared, share = PEERS[name]
    count = max(1, int(batches * share))
    load.QUEUE = os.environ["PEER_QUEUE"] = "peers-" + "".join(letter for letter in name if letter.isalnum())
    client = redis.Redis.from_url(load.REDIS_URL)
    client.delete(load.SEEN, load.LOG, load.DONE)
    client.sadd(load.SEEN, *load.seed())
    if declared:
        declare()
    worker = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(4)  # Workers start within this; what they need of it is not measured.
        begin = time.monotonic()
        publisher = multiprocessing.get_context("spawn").Process(target=publish, args=(module, count))
        publisher.start()
        while int(client.get(load.DONE) or 0) < count:
            if worker.poll() is not None or time.monotonic() - begin > DEADLINE:
                raise SystemExit(f"{name}: the worker did {int(client.get(load.DONE) or 0)} of {count} batches")
            time.sleep(0.01)
        seconds = time.monotonic() - begin
        publisher.join()
    finally:
        worker.terminate()
        worker.wait(30)
        forget(load.QUEUE)
    known = load.SEED + count * load.NEW
    if client.scard(load.SEEN) != known:
        raise SystemExit(f"{name}: {client.scard(load.SEEN)} strings are in the set, not {known}")
    client.delete(load.SEEN, load.LOG, load.DONE)
    return count * load.STRINGS / seconds


def main():
    batches = int(os.environ.get("BATCHES", "4000"))
    wanted = [name for name in PEERS if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
    print(json.dumps({name: measure(name, batches) for name in wanted}))


if __name__ == "__main__":
    main()
