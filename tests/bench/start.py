#!/usr/bin/env python3
"""How soon a new server listens, is ready and answers, and what it takes when idle: start.py BINARY [--rounds 5]."""
import argparse
import json
import pathlib
import re
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def once(binary, folder):
    begun = time.perf_counter()
    server = subprocess.Popen([binary, "up", "--data", folder, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = re.search(r"listens on (\S+)", server.stdout.readline()).group(1)
        listening = time.perf_counter() - begun
        while True:
            try:
                urllib.request.urlopen(url + "/readyz", timeout=5)
                break
            except urllib.error.HTTPError:
                time.sleep(0.005)
        ready = time.perf_counter() - begun
        file = b'--x\r\nContent-Disposition: form-data; name="files"; filename="gate.txt"\r\n\r\nThe gate opens at seven.\r\n' \
               b'--x\r\nContent-Disposition: form-data; name="wait"\r\n\r\ntrue\r\n--x--\r\n'
        request = urllib.request.Request(url + "/v1/dataprep/ingest", file, {"Content-Type": "multipart/form-data; boundary=x"})
        urllib.request.urlopen(request, timeout=60).read()
        assert "seven" in post(url + "/query", {"query": "When does the gate open?"})["answer"]
        answered = time.perf_counter() - begun
        children = subprocess.run(["pgrep", "-P", str(server.pid)], capture_output=True, text=True).stdout.split()
        memory = {"gateway": resident_mib(server.pid)}
        for child in children:
            name = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[2].decode()
            memory[name] = resident_mib(child)
        return {"listening s": listening, "ready s": ready, "first cited answer s": answered} | {f"{k} MiB": v for k, v in memory.items()}
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(once(options.binary, folder))
    for key in rows[0]:
        print(f"{key:<24} {statistics.median(row[key] for row in rows):8.2f}")


if __name__ == "__main__":
    main()
