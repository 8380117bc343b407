#!/usr/bin/env python3
"""An evaluator for Plimsoll: sizes jobs for events that no history knows, from a calendar.

    plugins:
      calendar: {kind: evaluator, exec: [python3, calendar.py, events.json]}
    evaluators: [calendar]

events.json, where `job` is a pattern over namespace/name:

    [{"job": "payments/*", "from": "2026-11-27T00:00:00Z", "to": "2026-11-28T00:00:00Z", "factor": 3, "name": "Black Friday"}]

An event counts from LEAD_HOURS before it begins, so that there is time to merge the larger size. Where the job has the external
metric `event.factor` (a collector's), that counts as an event that is on. One JSON request on stdin, one JSON answer on stdout;
stderr goes to Plimsoll's log. Standard library only.
"""
import datetime
import fnmatch
import json
import math
import sys

LEAD_HOURS = 24


def moment(text):
    """A time as Unix milliseconds."""
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if at.tzinfo is None:
        raise ValueError(f"{text} names no time zone")
    return at.timestamp() * 1000


def events(path):
    """The calendar, or an end that says what is wrong with it: half a calendar would be a wrong size."""
    try:
        with open(path, encoding="utf-8") as file:
            calendar = json.load(file)
        found = [
            (event["job"], moment(event["from"]), moment(event["to"]), float(event["factor"]), event["name"], event["to"])
            for event in calendar
        ]
        for event in found:
            if not (math.isfinite(event[3]) and event[3] > 0):
                raise ValueError(f"{event[4]}: factor {event[3]} is not above 0")
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"{path}: {type(error).__name__}: {error}")
    return found


def main():
    request = json.load(sys.stdin)
    job = f"{request['job']['namespace']}/{request['job']['name']}"
    now = request["at_ms"]
    factor, why = 1.0, None
    if len(sys.argv) > 1:
        lead = LEAD_HOURS * 3_600_000
        for pattern, begin, end, times, name, until in events(sys.argv[1]):
            if fnmatch.fnmatch(job, pattern) and begin - lead <= now < end and times > factor:
                factor, why = times, f"{name}: {times:g} times the load until {until}"
    latest = request["history"].get("latest_running") or {}
    told = latest.get("external", {}).get("event.factor", 1.0)
    if told > factor:
        factor, why = told, f"event.factor: {told:g} times the load"
    answer = {"schema": "plimsoll.dev/plugin/v1"}
    demand = request.get("demand")
    if why and demand:
        answer["demand"] = {"load_per_second": demand["load_per_second"] * factor}
        answer["message"] = why
        print(f"{job}: {why}", file=sys.stderr)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
