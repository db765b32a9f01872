"""Every input is hostile: a clear message, the right status, and the server lives on."""
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
import requests

from conftest import BINARY, MODELS, run


def alive(server):
    return server.get("/health").status_code == 200


@pytest.mark.parametrize("body, status, word", [
    (b"{", 400, "JSON"),
    (b"[]", 400, "object"),
    (b"{}", 400, "empty"),
    (b'{"query": ""}', 400, "empty"),
    (b'{"query": 7}', 400, "query"),
    (b'{"query": "\xff\xfe"}', 400, "UTF-8"),
    (b'{"query": "' + b"x" * 1001 + b'"}', 400, "1000"),
    (b'{"query": "' + b"x" * (10 * 1024 * 1024) + b'"}', 413, ""),
    (b"[" * 5000, 400, ""),
    (b'{"query": "a", "top_k": "many"}', 400, "top_k"),
    (b'{"query": "a", "top_k": -1}', 400, "top_k"),
])
def test_wrong_query(marigold, body, status, word):
    reply = requests.post(marigold.url + "/query", data=body, headers={"Content-Type": "application/json"}, timeout=30)
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert set(error) >= {"code", "type", "message", "request_id", "retryable"}
    assert word in error["message"], error
    assert alive(marigold)


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nowhere", 404), ("GET", "/query", 405), ("DELETE", "/health", 405),
    ("GET", "/v1/documents/nowhere", 404), ("GET", "/v1/jobs/nowhere", 404), ("GET", "/..%2f..%2fetc/passwd", 400),
])
def test_wrong_places(marigold, method, path, status):
    with socket.create_connection(("127.0.0.1", int(marigold.url.rsplit(":", 1)[1]))) as raw:
        raw.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head = raw.recv(65536).decode()
    assert f" {status} " in head.split("\r\n")[0], head


@pytest.mark.parametrize("request_bytes", [
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /query HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"POST /query HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
    b"POST /query HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n",
    b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
])
def test_ambiguous_framing_is_refused_and_the_connection_closed(marigold, request_bytes):
    with socket.create_connection(("127.0.0.1", int(marigold.url.rsplit(":", 1)[1])), timeout=20) as raw:
        raw.sendall(request_bytes)
        got = b""
        while piece := raw.recv(65536):
            got += piece
    assert got.startswith(b"HTTP/1.1 400"), got[:200]
    assert got.count(b"HTTP/1.1 400") == 1
    assert alive(marigold)


def test_a_header_that_never_ends_is_cut_off(marigold):
    with socket.create_connection(("127.0.0.1", int(marigold.url.rsplit(":", 1)[1])), timeout=30) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"b" * 200_000)
        assert raw.recv(65536).split(b"\r\n")[0].split()[1] in (b"431", b"400")


def test_unknown_collection_is_named(marigold):
    reply = marigold.post("/v1/search", {"query": "a", "collection": "nowhere"})
    assert reply.status_code == 404 and "nowhere" in reply.json()["error"]["message"]


def test_wrong_embedding_dimension_names_both(marigold):
    reply = marigold.post("/v1/retrieval", {"text": "a", "embedding": [0.5] * 768})
    assert reply.status_code in (400, 409, 412, 422), reply.text
    assert "768" in reply.text and "384" in reply.text


def test_api_key_and_rate_limit(start):
    server = start("--api-key", "env:MARIGOLD_KEY", "--rate-limit", "10", env={"MARIGOLD_KEY": "correct-horse"})
    assert server.get("/health").status_code == 200
    assert server.post("/query", {"query": "a"}).status_code == 401
    assert server.post("/query", {"query": "a"}, headers={"Authorization": "Bearer wrong"}).status_code == 401
    good = {"Authorization": "Bearer correct-horse"}
    statuses = [server.post("/query", {"query": "a"}, headers=good).status_code for _ in range(12)]
    assert statuses.count(429) >= 2 and statuses[0] == 200
    limited = server.post("/query", {"query": "a"}, headers=good)
    assert int(limited.headers["Retry-After"]) >= 1 and limited.json()["error"]["retryable"] is True
    assert "correct-horse" not in server.errors()


def test_two_servers_cannot_share_a_data_folder(start):
    server = start()
    second = run("up", "--data", server.data, "--port", "0", check=False)
    assert second.returncode == 1
    assert str(server.process.pid) in second.stderr or "in use" in second.stderr, second.stderr
    assert alive(server)


def test_a_busy_port_is_named(start, tmp_path):
    server = start()
    port = server.url.rsplit(":", 1)[1]
    second = run("up", "--data", tmp_path / "other", "--port", port, check=False)
    assert second.returncode == 1 and port in second.stderr and "port" in second.stderr


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path):
    file = tmp_path / "file"
    file.write_text("I am no folder")
    done = run("up", "--data", file, "--port", "0", check=False)
    assert done.returncode == 1 and str(file) in done.stderr


def test_a_missing_model_says_how_to_get_it(tmp_path):
    done = run("up", "--data", tmp_path / "data", "--port", "0", check=False, env={"OPALINE_MODELS": str(tmp_path / "none")})
    assert done.returncode == 1 and "opaline models pull" in done.stderr


@pytest.mark.parametrize("damage", ["truncated", "random", "empty"])
def test_a_damaged_model_is_refused_with_its_name(tmp_path, damage):
    models = tmp_path / "models"
    models.mkdir()
    for model in MODELS.glob("*.gguf"):
        target = models / model.name
        if model.name.startswith("all-minilm"):
            whole = model.read_bytes()
            target.write_bytes({"truncated": whole[:len(whole) // 2], "random": os.urandom(4096), "empty": b""}[damage])
        else:
            target.symlink_to(model)
    done = run("models", "inspect", next(models.glob("all-minilm*.gguf")), check=False)
    assert done.returncode == 1 and "all-minilm" in done.stderr


def test_a_killed_model_costs_a_restart_and_not_the_gateway(start):
    server = start()
    server.ingest({"a.txt": "The gate opens at seven."})
    child = next(pid for name, pid in server.children().items() if "embedding" in name)
    os.kill(child, signal.SIGKILL)
    assert alive(server)
    reply = server.post("/query", {"query": "When does the gate open?"})
    assert reply.status_code == 200 and "seven" in reply.json()["answer"]
    server.wait_ready()
    assert next(pid for name, pid in server.children().items() if "embedding" in name) != child


class Upstream(threading.Thread):
    """A back end that misbehaves in one way."""

    def __init__(self, manner):
        super().__init__(daemon=True)
        self.manner = manner
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.left = threading.Event()
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        connection.recv(65536)
        if self.manner == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        elif self.manner == "half event":
            body = b'data: {"choices":[{"index":0,"delta":{"content":"Hel'
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000\r\n\r\n" + body)
        elif self.manner == "error":
            connection.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops")
        elif self.manner == "not json":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        elif self.manner == "endless":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            event = b'data: {"choices":[{"index":0,"delta":{"content":"tok "},"finish_reason":null}]}\n\n'
            try:
                while True:
                    connection.sendall(f"{len(event):x}\r\n".encode() + event + b"\r\n")
                    time.sleep(0.01)
            except OSError:
                self.left.set()
        elif self.manner == "hang":
            connection.recv(1)
        connection.close()


def flow_with_llm(tmp_path, port):
    file = tmp_path / "flow.yaml"
    file.write_text(f"""opea_micro_services:
  llm: {{endpoint: "http://127.0.0.1:{port}/v1/chat/completions"}}
opea_mega_service:
  port: 8080
  mega_flow: [llm]
""")
    return file


@pytest.mark.parametrize("manner", ["reset", "error", "not json", "half event", "hang"])
def test_a_faulty_upstream_is_an_error_that_names_the_step(start, tmp_path, manner):
    upstream = Upstream(manner)
    server = start(flow_with_llm(tmp_path, upstream.port), "--request-time", "2")
    body = {"messages": [{"role": "user", "content": "hello"}], "stream": manner == "half event"}
    reply = requests.post(server.url + "/v1/chat/completions", json=body, timeout=30)
    if manner == "half event":
        assert '"error"' in reply.text and "[DONE]" not in reply.text
    else:
        assert reply.status_code in ({500} if manner == "not json" else {502, 503, 504}), reply.text
        assert "llm" in reply.json()["error"]["message"]
    assert alive(server)


def test_a_killed_server_leaves_no_process_behind(start):
    server = start()
    children = list(server.children().values())
    assert children
    ends = [os.pidfd_open(child) for child in children]
    server.kill()
    try:
        waiting = select.poll()
        for end in ends:
            waiting.register(end, select.POLLIN)
        for _ in ends:
            gone = waiting.poll(20_000)
            assert gone, "a model's process outlived its server"
            waiting.unregister(gone[0][0])
    finally:
        for end in ends:
            os.close(end)


@pytest.fixture
def sockets():
    """Of a short name: the path of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder)


def test_the_folder_of_a_killed_server_is_removed_by_the_next(start, sockets):
    environment = {"TMPDIR": str(sockets)}
    start(env=environment).kill()
    [left] = sockets.iterdir()
    start(env=environment)
    assert left in sockets.iterdir(), "it is so young that its owner may still be about to lock it"
    os.utime(left, (0, 0))
    server = start(env=environment)
    assert left not in sockets.iterdir()
    assert alive(server) and len(list(sockets.iterdir())) == 2


def test_a_client_that_leaves_stops_the_upstream(start, tmp_path):
    upstream = Upstream("endless")
    server = start(flow_with_llm(tmp_path, upstream.port))
    reply = requests.post(server.url + "/v1/chat/completions", stream=True, timeout=30,
                          json={"messages": [{"role": "user", "content": "hello"}], "stream": True})
    next(reply.iter_content(16))
    left = time.monotonic()
    reply.close()
    assert upstream.left.wait(5)
    assert time.monotonic() - left < 1
    assert alive(server)


def test_a_client_that_reads_slowly_does_not_hold_others_up(marigold):
    with socket.create_connection(("127.0.0.1", int(marigold.url.rsplit(":", 1)[1]))) as slow:
        body = json.dumps({"messages": "How many days of annual leave?"}).encode()
        slow.sendall(b"POST /v1/chatqna HTTP/1.1\r\nHost: x\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
        for _ in range(5):
            slow.recv(1)
            assert marigold.post("/query", {"query": "annual leave"}).status_code == 200


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path):
    """On a file system of 24 MiB of its own, where the machine allows to mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    from conftest import Server
    server = Server(folder / "data")
    try:
        server.start()
        assert server.ingest({"a.txt": "The gate opens at seven."})[0]["state"] == "ready"
        big = ("A long tale about nothing much. " * 40_000).encode()
        replies = [requests.post(server.url + "/v1/dataprep/ingest", files=[("files", (f"big{n}.txt", big + str(n).encode()))],
                                 timeout=60) for n in range(30)]
        assert any(reply.status_code == 507 or reply.status_code in (429, 503) for reply in replies), [r.status_code for r in replies]
        refused = next(reply for reply in replies if reply.status_code != 202)
        assert "disk" in refused.json()["detail"]
        assert server.post("/query", {"query": "When does the gate open?"}).json()["declined"] is False
        server.kill()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


CHECKED = [
    ("unknown key", "opea_micro_services:\n  llm: {endpoint: /v1/chat/completions, prot: 1}\nopea_mega_service: {mega_flow: [llm]}", "prot"),
    ("wrong type", "opea_micro_services:\n  llm: {endpoint: /v1/chat/completions, port: many}\nopea_mega_service: {mega_flow: [llm]}", "port"),
    ("cycle", "opea_micro_services:\n  embedding: {}\n  retrieval: {}\nopea_mega_service:\n  mega_flow:\n    - embedding >> retrieval >> embedding", "retrieval >> embedding >> retrieval"),
    ("missing service", "opea_micro_services:\n  embedding: {}\nopea_mega_service:\n  mega_flow: [embedding >> retrieval]", "retrieval"),
    ("not yaml", "opea_micro_services: {", ""),
    ("no services", "a: 1", "opea_micro_services"),
]


@pytest.mark.parametrize("name, text, word", CHECKED, ids=[case[0] for case in CHECKED])
def test_check_explains_a_wrong_flow(tmp_path, name, text, word):
    file = tmp_path / "flow.yaml"
    file.write_text(text)
    done = run("check", file, check=False)
    assert done.returncode == 1
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"{file}:") or first.startswith("flow.yaml:"), first
    assert re.match(r"\S+:\d+:\d+: ", first), first
    assert word in done.stderr
