#!/usr/bin/env python3
"""Checks the invariants of a system that has come to rest, from outside. Shares no code with it; needs Python's standard library alone.

    check.py watch SCENE              writes down what happens, until its standard input ends
    check.py check SCENE [--report F] compares everything, prints a line for each invariant
    check.py self-test                the checker's own tests

Exit codes: 0 all hold; 1 one does not; 2 something cannot be read, or there was nothing to compare.
"""

import argparse
import json
import sys
import traceback
from pathlib import Path

import facts
import invariants
import watch


def judge(gathered):
    """A report for each invariant; one that cannot be computed is reported as such."""
    reports = []
    for number, invariant in enumerate(invariants.ALL, 1):
        try:
            reports.append(invariant(gathered).report())
        except Exception:
            reports.append({
                "invariant": number, "title": invariant.__name__, "compared": 0, "violations": 0,
                "shown": [], "unreadable": traceback.format_exc(limit=-3),
            })
    return reports


def verdict(reports):
    if any(report["violations"] for report in reports):
        return 1
    return 2 if any(report["compared"] == 0 for report in reports) else 0


def show(reports):
    for report in reports:
        state = "holds" if report["compared"] and not report["violations"] else "EMPTY" if not report["violations"] else "BROKEN"
        print(f"{report['invariant']:>2} {state:<6} {report['compared']:>7} compared  {report['title']}")
        for line in report["shown"]:
            print(f"          {line}")
        if report["violations"] > len(report["shown"]):
            print(f"          … and {report['violations'] - len(report['shown'])} more")
        if "unreadable" in report:
            print(report["unreadable"])


def check(scene_path, report_path):
    try:
        gathered = facts.gather(json.loads(Path(scene_path).read_text(encoding="utf-8")))
    except Exception:
        traceback.print_exc(limit=-4)
        print("the system cannot be read", file=sys.stderr)
        return 2
    reports = judge(gathered)
    show(reports)
    code = verdict(reports)
    if report_path:
        found = [
            {"kind": fault["kind"], "ended_ms": fault["ended_ms"], "recovered_after_ms": after}
            for fault, after in invariants.recoveries(gathered)
        ]
        Path(report_path).write_text(json.dumps({"verdict": code, "invariants": reports, "recoveries": found}, indent=1))
    return code


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("watch", "check"):
        command = commands.add_parser(name)
        command.add_argument("scene")
        if name == "check":
            command.add_argument("--report")
    commands.add_parser("self-test")
    arguments = parser.parse_args()
    if arguments.command == "watch":
        return watch.run(arguments.scene)
    if arguments.command == "check":
        return check(arguments.scene, arguments.report)
    import self_test

    return self_test.run()


if __name__ == "__main__":
    sys.exit(main())
