#!/usr/bin/env python3
"""How soon generation stops after the client leaves: cancel.py BINARY MODEL [--rounds 20].

Starts `opaline serve llm`, streams a long completion, hangs up after the third piece, and watches the server's processor time:
what it still uses after the hang-up is what it went on generating. The clock ticks a hundred times a second, so that is the resolution.
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
import time


def processor_seconds(root):
    children = subprocess.run(["pgrep", "-P", str(root)], capture_output=True, text=True).stdout.split()
    ticks = 0
    for process in [root, *children]:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def leave(port, root):
    body = json.dumps({"model": "m", "prompt": "Once upon a time", "stream": True, "max_tokens": 1500, "ignore_eos": True}).encode()
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    received = b""
    while received.count(b"data: ") < 3:
        received += peer.recv(65536)
    assert b" 200 " in received.split(b"\r\n", 1)[0], received
    peer.close()
    left = time.monotonic()
    at_leaving = processor_seconds(root)
    busy_until = left
    seen = at_leaving
    while time.monotonic() - left < 0.6:
        now = processor_seconds(root)
        if now > seen:
            seen, busy_until = now, time.monotonic()
        time.sleep(0.002)
    return {"last work after ms": (busy_until - left) * 1000, "processor ms after": (seen - at_leaving) * 1000}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    server = subprocess.Popen([options.binary, "serve", "llm", "--model", options.model, "--port", "0"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(re.search(r":(\d+)", server.stdout.readline()).group(1))
        rows = [leave(port, server.pid) for _ in range(options.rounds)]
        for key in rows[0]:
            values = sorted(row[key] for row in rows)
            print(f"{key:<20} median {statistics.median(values):6.1f}  worst {values[-1]:6.1f}")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


if __name__ == "__main__":
    main()
