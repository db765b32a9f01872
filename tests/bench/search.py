#!/usr/bin/env python3
"""Latency of /v1/search of a running server: search.py URL [QUESTIONS.txt] [--rounds 3]. One question a line; p50, p95, and each stage's median."""
import argparse
import json
import statistics
import time
import urllib.request

DEFAULT = ["How do I back up a database?", "work_mem", "What does VACUUM FULL lock?", "create index concurrently", "rename a column",
           "How are roles granted to users?", "listen_addresses", "explain analyze buffers", "point in time recovery", "full text search index"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("questions", nargs="?")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    questions = open(options.questions).read().splitlines() if options.questions else DEFAULT
    took, stages = [], {}
    for _ in range(options.rounds):
        for question in questions:
            body = json.dumps({"query": question, "k": 5}).encode()
            begun = time.perf_counter()
            request = urllib.request.Request(options.url + "/v1/search", body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as reply:
                answer = json.load(reply)
            took.append((time.perf_counter() - begun) * 1000)
            for stage, ms in answer.get("timings_ms", {}).items():
                stages.setdefault(stage, []).append(ms)
    took.sort()
    print(f"{len(took)} searches: p50 {statistics.median(took):.1f} ms, p95 {took[int(len(took) * 0.95)]:.1f} ms")
    for stage, values in stages.items():
        print(f"  {stage:<12} p50 {statistics.median(values):.1f} ms")


if __name__ == "__main__":
    main()
