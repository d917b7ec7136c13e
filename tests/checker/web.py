"""HTTP, server-sent events and Prometheus' text, each read by itself."""

import http.client
import json
import re
import time
from urllib.parse import quote

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? ([^ ]+)$")
LABEL = re.compile(r'([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"')


def get(address, path, headers=None, timeout=10):
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def ask(address, path, headers=None):
    status, body = get(address, path, headers)
    if status != 200:
        raise OSError(f"GET {path} of {address}: {status} {body[:200]!r}")
    return json.loads(body)


def metrics(address):
    """Samples by (name, labels); labels as a sorted tuple of pairs."""
    status, body = get(address, "/metrics")
    if status != 200:
        raise OSError(f"/metrics of {address}: {status}")
    found = {}
    for line in body.decode().splitlines():
        match = SAMPLE.match(line)
        if match and not line.startswith("#"):
            name, labels, value = match.groups()
            found[name, tuple(sorted(LABEL.findall(labels or "")))] = float(value)
    if not found:
        raise OSError(f"/metrics of {address} is empty")
    return found


class Stream:
    """A stream of events that never reconnects by itself."""

    def __init__(self, address, query, cursor=None, timeout=10):
        self.connection = http.client.HTTPConnection(address, timeout=timeout)
        headers = {"accept": "text/event-stream"}
        if cursor:
            headers["last-event-id"] = cursor
        self.connection.request("GET", "/api/v1/events" + query, headers=headers)
        self.answer = self.connection.getresponse()
        if self.answer.status != 200:
            raise OSError(f"events{query}: {self.answer.status} {self.answer.read()[:200]!r}")

    def next(self):
        """The next event as (kind, cursor, data), or None where the stream ends; comments are left out."""
        kind, cursor, data = "message", None, []
        while True:
            line = self.answer.readline()
            if not line:
                return None
            line = line.decode().rstrip("\r\n")
            if line == "":
                if data:
                    return kind, cursor, json.loads("\n".join(data))
                continue
            field, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "event":
                kind = value
            elif field == "id":
                cursor = value
            elif field == "data":
                data.append(value)

    def close(self):
        self.connection.close()


def feed(address, topic, run, after=0, cursor=None, until=None, patience=5):
    """Attributes that a stream of one topic tells, up to number `until`: [(number, text)], resets, cursors by number."""
    query = f"?topic={quote(topic)}" + (f"&after={after}&run={run}" if cursor is None else "")
    told, resets, cursors = [], [], {}
    stream, ends = Stream(address, query, cursor, timeout=patience), time.monotonic() + 6 * patience
    try:
        while until is None or not told or told[-1][0] < until:
            event = stream.next() if time.monotonic() < ends else None
            if event is None:
                break
            kind, place, data = event
            if kind == "reset":
                resets.append(data)
            elif kind == "attributes" and data["topic"] == topic:
                told += list(zip(range(data["first"], data["first"] + len(data["texts"])), data["texts"]))
                cursors[told[-1][0]] = place
    except TimeoutError:
        pass
    finally:
        stream.close()
    return told, resets, cursors
