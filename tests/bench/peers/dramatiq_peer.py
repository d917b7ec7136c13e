"""Dramatiq with redis-py: an actor's message for each batch. Dramatiq declares its queues itself: they are classic and durable."""

import dramatiq
import redis
from dramatiq.brokers.rabbitmq import RabbitmqBroker

import load

broker = RabbitmqBroker(url=load.AMQP_URL, confirm_delivery=True)
dramatiq.set_broker(broker)
client = redis.Redis.from_url(load.REDIS_URL)


@dramatiq.actor(queue_name=load.QUEUE, max_retries=0)
def integrate(strings):
    load.pipelined(client, [strings])


def publish(count):
    for index in range(count):
        integrate.send(load.batch(index))
