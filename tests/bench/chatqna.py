#!/usr/bin/env python3
"""What a ChatQnA megaservice costs beside its services: several of them over the same instant back ends, in turn.

    chatqna.py NAME=URL@PID NAME=URL@PID … [--rounds 3] [--seconds 4] [--connections 1,16] [--stream] [--key KEY]

URL is the whole one of the route (…/v1/chatqna), PID the gateway's process (its children count too). Needs wrk, which is closed-loop: right for
cost and saturation, not for promises of latency under load. Prints medians, and the ratio of requests a second to the last target.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def processes(root):
    found, open_ends = [], [root]
    while open_ends:
        found.append(open_ends.pop())
        children = subprocess.run(["pgrep", "-P", str(found[-1])], capture_output=True, text=True).stdout
        open_ends += map(int, children.split())
    return found


def processor_seconds(root):
    ticks = 0
    for process in processes(root):
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def milliseconds(text):
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(value) * UNITS[unit]


def load(url, process, script, connections, seconds):
    before = processor_seconds(process)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "--latency", "-s", script, url]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = processor_seconds(process) - before
    count = int(re.search(r"(\d+) requests in", report).group(1))
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    return {"rps": float(re.search(r"Requests/sec:\s+([\d.]+)", report).group(1)),
            "p50": milliseconds(re.search(r"^ +50% +(\S+)", report, re.M).group(1)),
            "p99": milliseconds(re.search(r"^ +99% +(\S+)", report, re.M).group(1)),
            "cpu": used / max(count, 1) * 1e3,
            "refused": int(refused.group(1)) if refused else 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", default="1,16")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--key", help="an API key, sent to all of them; those without keys ignore it")
    options = parser.parse_args()
    targets = []
    for text in options.target:
        name, _, place = text.partition("=")
        url, _, process = place.rpartition("@")
        targets.append((name, url, int(process)))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        body = json.dumps({"messages": "What is OPEA?", "stream": options.stream})
        script.write(f'wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json"; wrk.body = [[{body}]]\n')
        if options.key:
            script.write(f'wrk.headers["Authorization"] = "Bearer {options.key}"\n')
        script.flush()
        for connections in map(int, options.connections.split(",")):
            rows = {name: [] for name, _, _ in targets}
            for _ in range(options.rounds):
                for name, url, process in targets:
                    rows[name].append(load(url, process, script.name, connections, options.seconds))
            last = statistics.median(row["rps"] for row in rows[targets[-1][0]])
            for name, _, _ in targets:
                median = {key: statistics.median(row[key] for row in rows[name]) for key in rows[name][0]}
                print(f"c={connections:<4} {name:<14} {median['rps']:>8.0f} requests/s  p50 {median['p50']:>7.2f} ms  p99 {median['p99']:>7.2f} ms  "
                      f"CPU {median['cpu']:>6.3f} ms a request  refused {median['refused']:.0f}  {median['rps'] / last:.1f} x the last")


if __name__ == "__main__":
    main()
