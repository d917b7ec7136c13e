"""RabbitMQ through its management interface."""

import base64
import http.client
import json
from urllib.parse import quote


def expected_consumers(roles):
    """Which queues there are when all is quiet, and how many consumers each has; None where that is open."""
    orchestrators = sum(role["role"] == "orchestrator" for role in roles)
    shared = {
        "igentai.integrate": orchestrators, "igentai.coordinate": 1, "igentai.tasks": None, "igentai.dead": 0, "igentai.unrouted": None,
    }
    own = {f"igentai.{role['role']}.{role['id']}": 1 for role in roles if role["role"] != "orchestrator"}
    return shared, own


class Broker:
    """One virtual host."""

    def __init__(self, address, vhost, user="guest", password="guest"):
        self.address, self.vhost = address, quote(vhost, safe="")
        self.authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            headers = {"authorization": self.authorization, "content-type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise OSError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return json.loads(text) if text else None

    def queues(self):
        """Ready, unacknowledged and consumers, by queue."""
        rows = self.ask("GET", f"/api/queues/{self.vhost}?disable_stats=true&enable_queue_totals=true")
        # The queues' own counts: the list of consumers keeps those of a queue that was deleted and declared again.
        told = self.ask("GET", f"/api/queues/{self.vhost}?columns=name,consumers")
        consumers = {row["name"]: row.get("consumers", 0) for row in told}
        return {
            row["name"]: {
                "ready": row.get("messages_ready", 0), "unacked": row.get("messages_unacknowledged", 0),
                "consumers": consumers.get(row["name"], 0),
            }
            for row in rows
        }

    def tap(self, queue, bindings):
        """A durable queue of the checker's own that gets a copy of what is published."""
        self.ask("PUT", f"/api/queues/{self.vhost}/{queue}", {"durable": True, "auto_delete": False, "arguments": {}})
        for exchange, routing_key in bindings:
            self.ask("POST", f"/api/bindings/{self.vhost}/e/{exchange}/q/{queue}", {"routing_key": routing_key})

    def drain(self, queue, most=400):
        """Takes messages off a tap: [(content type, message id, payload)]."""
        body = {"count": most, "ackmode": "ack_requeue_false", "encoding": "base64", "truncate": 4 << 20}
        taken = self.ask("POST", f"/api/queues/{self.vhost}/{queue}/get", body)
        return [
            (one["properties"].get("content_type", ""), one["properties"].get("message_id", ""), base64.b64decode(one["payload"]))
            for one in taken
        ]
