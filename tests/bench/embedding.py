#!/usr/bin/env python3
"""Tokens a second of the embedding endpoints of several servers, alternating, medians.

    embedding.py NAME=URL [NAME=URL …] [--texts 256] [--words 40] [--batch 32] [--clients 4] [--rounds 5] [--seconds 5]

The same texts go to all; tokens are counted by the first server's usage, so that all are measured alike. The last column is the ratio to
the best of the others.
"""
import argparse
import json
import random
import statistics
import threading
import time
import urllib.request

WORDS = """the of a database server memory table index transaction when value each query plan page disk buffer write read lock wait process
connection commit log checkpoint vacuum row column key function returns number text default parameter size time cache page order join""".split()


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.load(reply)


def load(url, batches, clients, seconds):
    """Texts done a second by `clients` closed-loop clients."""
    done = [0] * clients
    end = time.monotonic() + seconds

    def client(number):
        turn = number
        while time.monotonic() < end:
            batch = batches[turn % len(batches)]
            post(url + "/v1/embeddings", {"input": batch, "model": "m"})
            done[number] += len(batch)
            turn += clients

    begun = time.monotonic()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - begun)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("target", nargs="+")
    for name, default in (("texts", 256), ("words", 40), ("batch", 32), ("clients", 4), ("rounds", 5), ("seconds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    dice = random.Random(1)
    texts = [" ".join(dice.choices(WORDS, k=dice.randint(options.words // 2, options.words * 3 // 2))) for _ in range(options.texts)]
    batches = [texts[at:at + options.batch] for at in range(0, len(texts), options.batch)]
    targets = [tuple(text.split("=", 1)) for text in options.target]
    tokens = sum(post(targets[0][1] + "/v1/embeddings", {"input": batch, "model": "m"})["usage"]["prompt_tokens"] for batch in batches)
    per_text = tokens / len(texts)
    rates = {name: [] for name, _ in targets}
    for _ in range(options.rounds):
        for name, url in targets:
            rates[name].append(load(url, batches, options.clients, options.seconds) * per_text)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, value in medians.items():
        others = [other for key, other in medians.items() if key != name]
        ratio = f"  {value / max(others):.2f} x the best other" if others else ""
        print(f"{name:<24} {value:>8.0f} tokens/s  {value / per_text:>7.0f} texts/s of {per_text:.0f} tokens{ratio}")


if __name__ == "__main__":
    main()
