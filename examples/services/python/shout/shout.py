#!/usr/bin/env python3
"""shout: a service of your own for Opaline, with nothing but Python's standard library.

    shout.py [--port 0] [--server http://127.0.0.1:8080] [--key KEY]

It answers POST /v1/shout, says that it is well at /v1/health_check, and registers itself with a running
Opaline, whose flow names it as a step: shout: {kind: custom}.
"""
import argparse
import http.server
import json
import threading
import urllib.request

NAME = "shout"
DESCRIPTION = "Says a text in capitals"
INPUT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
OUTPUT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
LEASE_SECONDS = 30


def answer(request):
    """The work itself: JSON in, JSON out. What is wrong with a request is a ValueError that says so."""
    text = request.get("text") if isinstance(request, dict) else None
    if not isinstance(text, str):
        raise ValueError("field 'text' must be a string")
    return {**request, "text": text.upper()}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/v1/health_check":
            self.reply(200, {"Service Title": NAME, "Version": "1.0", "Service Description": DESCRIPTION})
        else:
            self.reply(404, {"detail": "Not Found"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path != f"/v1/{NAME}":
            self.reply(404, {"detail": "Not Found"})
            return
        try:
            self.reply(200, answer(json.loads(body)))
        except ValueError as error:  # Also of JSON that is none.
            self.reply(422, {"detail": str(error)})

    def reply(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def stay_registered(server, key, url, stop):
    """Tells Opaline where we are, and again before the lease ends."""
    card = {"url": url, "version": "1.0", "description": DESCRIPTION, "lease_seconds": LEASE_SECONDS,
            "health": "ready", "input_schema": INPUT, "output_schema": OUTPUT}
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    wait = 0
    while not stop.wait(wait):
        request = urllib.request.Request(f"{server}/v1/services/{NAME}", json.dumps(card).encode(), headers, method="PUT")
        try:
            urllib.request.urlopen(request, timeout=10).close()
            wait = LEASE_SECONDS / 3
        except OSError as error:
            print(f"{NAME}: cannot register at {server}: {error}", flush=True)
            wait = 2


def main():
    arguments = argparse.ArgumentParser(description=DESCRIPTION)
    arguments.add_argument("--port", type=int, default=0, help="0: any free one")
    arguments.add_argument("--server", default="http://127.0.0.1:8080", help="Opaline's address")
    arguments.add_argument("--key", default="", help="its API key")
    options = arguments.parse_args()
    with http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler) as service:
        url = f"http://127.0.0.1:{service.server_port}/v1/{NAME}"
        stop = threading.Event()
        threading.Thread(target=stay_registered, args=(options.server, options.key, url, stop), daemon=True).start()
        print(f"{NAME} listens on {url}", flush=True)
        try:
            service.serve_forever()
        except KeyboardInterrupt:
            stop.set()


if __name__ == "__main__":
    main()
