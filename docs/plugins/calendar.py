#!/usr/bin/env python3
"""An evaluator for Plimsoll: sizes a job for a known event, when its external metric `event.factor` says so.

One JSON request on stdin, one JSON answer on stdout; what is written to stderr goes to Plimsoll's log.
"""
import json
import sys

request = json.load(sys.stdin)
latest = request["history"].get("latest_running") or {}
factor = latest.get("external", {}).get("event.factor", float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
answer = {"schema": "plimsoll.dev/plugin/v1"}
if request.get("demand") and factor > 1.0:
    load = request["demand"]["load_per_second"] * factor
    answer["demand"] = {"load_per_second": load}
    answer["message"] = f"an event multiplies the load by {factor:g}"
print(f"asked about {request['job']['name']}", file=sys.stderr)
json.dump(answer, sys.stdout)
