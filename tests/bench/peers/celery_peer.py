"""Celery with redis-py: a task for each batch."""

import redis
from celery import Celery
from kombu import Queue

import load

app = Celery("celery_peer", broker=load.AMQP_URL.replace("/%2f", "//"))
app.conf.update(
    task_queues=[Queue(load.QUEUE, queue_arguments={"x-queue-type": "quorum"})],
    task_default_queue=load.QUEUE,
    task_default_queue_type="quorum",
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=100,
    worker_detect_quorum_queues=True,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
)
client = redis.Redis.from_url(load.REDIS_URL)


@app.task(name="integrate")
def integrate(strings):
    load.pipelined(client, [strings])


def publish(count):
    with app.producer_pool.acquire(block=True) as producer:
        for index in range(count):
            integrate.apply_async((load.batch(index),), producer=producer)
