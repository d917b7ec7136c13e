"""What every invariant needs: counting what is compared, and the ways into what `facts` has read."""

SHOWN = 8


class Check:
    """One invariant: how many facts were compared, and what did not hold."""

    def __init__(self, number, title):
        self.number, self.title, self.compared, self.violations = number, title, 0, []

    def holds(self, condition, what):
        self.compared += 1
        if not condition:
            self.violations.append(what() if callable(what) else what)
        return condition

    def same(self, what, one, other):
        return self.holds(one == other, lambda: f"{what}: {str(one)[:300]} and {str(other)[:300]}")

    def sequences(self, what, one, other):
        """Equal, item by item; says where they part."""
        one, other = list(one), list(other)
        self.compared += max(len(one), len(other))
        at = next((n for n, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
        if at < max(len(one), len(other)):
            here = [str(part[at])[:120] if at < len(part) else "nothing" for part in (one, other)]
            self.violations.append(f"{what} part at {at} of {len(one)} and {len(other)}: {here[0]} | {here[1]}")

    def report(self):
        return {
            "invariant": self.number, "title": self.title, "compared": self.compared,
            "violations": len(self.violations), "shown": self.violations[:SHOWN],
        }


def log_of(facts, name):
    return facts["topics"][name]["log"]


def texts(entries):
    return [text for entry in entries for text in entry["new"]]


def identity(entry):
    return entry["producer"], entry["incarnation"], entry["seq"]


def ends(facts):
    """How each life of a producer ended, by the model that it asked."""
    return {life["model"]: life["ended"] for life in facts["scene"]["lives"]}


def topic_of(facts, request):
    for name, definition in facts["definitions"].items():
        if f"Topic: {definition['name']}\n" in request["prompt"]:
            return name
    return None
