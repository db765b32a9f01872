#!/usr/bin/env python3
"""What `opaline serve llm` does with a model: generation.py BINARY MODEL [--rounds 10].

    speed      tokens a second of 1, 4 and 8 clients at once, 64 tokens each
    prefix     time to the first token of a question after a long text: the text new, and seen before
    leaving    how long the server goes on working after a client hangs up in mid-answer, by its processor time
               (the clock ticks a hundred times a second, so that is the resolution)
"""
import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import threading
import time

WORDS = "the gate of a town opens when morning comes and the keeper turns his key in an old lock near the river".split()


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(port, prompt, tokens):
    """An open connection on which a completion begins to stream."""
    body = json.dumps({"model": "m", "prompt": prompt, "stream": True, "max_tokens": tokens, "ignore_eos": True, "temperature": 0}).encode()
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
                 b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return peer


def read_events(peer, count):
    """Reads until `count` events came, or to the end if it is None."""
    received = b""
    while count is None or received.count(b"data: ") < count:
        piece = peer.recv(65536)
        if not piece:
            break
        received += piece
    assert b" 200 " in received.split(b"\r\n", 1)[0], received
    return received


def speed(port, clients, tokens=64):
    def one(number):
        with ask(port, f"Story {number}: once upon a time", tokens) as peer:
            read_events(peer, None)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients * tokens / (time.monotonic() - begun)


def first_token_ms(port, text, question):
    begun = time.monotonic()
    with ask(port, text + question, 1) as peer:
        read_events(peer, 1)
        return (time.monotonic() - begun) * 1000


def leave_ms(port, process):
    peer = ask(port, "Once upon a time", 1500)
    read_events(peer, 3)
    peer.close()
    left = busy_until = time.monotonic()
    seen = processor_seconds(process)
    while time.monotonic() - left < 0.5:
        now = processor_seconds(process)
        if now > seen:
            seen, busy_until = now, time.monotonic()
        time.sleep(0.002)
    return (busy_until - left) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    command = [options.binary, "serve", "llm", "--model", options.model, "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(re.search(r":(\d+)", server.stdout.readline()).group(1))
        for clients in (1, 4, 8):
            print(f"speed, {clients} clients: median {statistics.median(speed(port, clients) for _ in range(3)):.0f} tokens/s")
        new, seen = [], []
        for turn in range(options.rounds):
            text = f"{turn}. " + " ".join(WORDS[(turn + 7 * at) % len(WORDS)] for at in range(900))
            new.append(first_token_ms(port, text, "\nQuestion: when?\nAnswer:"))
            seen.append(first_token_ms(port, text, "\nQuestion: where?\nAnswer:"))
        print(f"prefix of 900 words: first token after {statistics.median(new):.0f} ms when new, {statistics.median(seen):.0f} ms when seen before")
        left = sorted(leave_ms(port, server.pid) for _ in range(options.rounds))
        print(f"leaving: last work {statistics.median(left):.0f} ms after the hang-up, at worst {left[-1]:.0f} ms")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


if __name__ == "__main__":
    main()
