"""Flows over services of the user's own: any JSON in, any JSON out, beside the built-in services."""
import concurrent.futures
import http.server
import json
import threading
import time

import pytest
import requests

from conftest import MARIGOLD

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "


class Microservices(http.server.BaseHTTPRequestHandler):
    """Small services, told apart by their paths, that keep what they were asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body, dict(self.headers)))
        getattr(self, self.path.strip("/").replace("/", "_"))(body)

    def answer(self, content, kind="application/json", status=200):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def v1_guard(self, body):
        if "tiger" in body["text"]:
            self.answer({"text": "Violated policies: it's wild.", "downstream_black_list": [".*"]})
        else:
            self.answer({**body, "downstream_black_list": []})

    def v1_add(self, body):
        self.answer({**body, "number": body["number"] + 1})

    def v1_double(self, body):
        self.answer({"doubled": body["number"] * 2})

    def v1_speech(self, body):
        self.answer(WAV, "audio/wav")

    def v1_broken(self, body):
        self.answer({"detail": "out of order"}, status=503)

    def v1_gather(self, body):
        """Says nothing, not even a header, before it may go on."""
        self.server.arrived.release()
        assert self.server.go_on.wait(30)
        if body.get("stream"):
            self.answer(f"data: b'{body['text']}'\n\ndata: [DONE]\n\n".encode(), "text/event-stream")
        else:
            self.answer({**body, "retrieved": body["text"]})

    def v1_told(self, body):
        getattr(self, "v1_" + body["do"])(body)

    def v1_status(self, body):
        self.answer({"detail": "no"}, status=body["status"])

    def v1_words(self, body):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        # Cut where no event ends.
        for piece in (b"data: b'One'\n\ndata: b' two.'\n", b"\ndata: b' Three'\n\nda", b"ta: [DONE]\n\n"):
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def v1_slow_words(self, body):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for piece in (b"data: b'One'\n\n", b"data: b' two'\n\ndata: [DONE]\n\n"):
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                self.wfile.flush()
                self.server.go_on.wait(30)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.left.set()

    def v1_endless(self, body):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"e\r\ndata: b'tok'\n\n\r\n")
                self.wfile.flush()
                time.sleep(0.01)
        except OSError:
            self.server.left.set()

    def v1_priced(self, body):
        usage = {"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 10}
        if not body.get("stream"):
            self.answer({"choices": [{"message": {"content": "seven"}, "finish_reason": "stop"}], "usage": usage})
            return
        chunks = [{"choices": [{"index": 0, "delta": {"content": "seven"}, "finish_reason": None}]},
                  {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": usage}]
        self.answer(("".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n").encode(), "text/event-stream")

    def v1_shout(self, body):
        self.answer({"text": body["text"].upper()})

    def log_message(self, *arguments):
        pass


@pytest.fixture
def services():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Microservices) as server:
        server.asked = []
        server.go_on = threading.Event()
        server.left = threading.Event()
        server.arrived = threading.Semaphore(0)
        server.url = f"http://127.0.0.1:{server.server_port}/v1"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def run(start, tmp_path, services):
    """run(services, lines, *options) → a server with that flow at /v1/flow."""
    def make(micro_services, lines, *options):
        flow = tmp_path / "flow.yaml"
        flow.write_text(json.dumps({"opea_micro_services": micro_services,
                                    "opea_mega_service": {"endpoint": "/v1/flow", "mega_flow": lines}}))
        return start(flow, *options)

    return make


def test_branches_join_and_several_last_steps_answer_by_name(run, services):
    server = run({"a": {"url": services.url + "/add"}, "b": {"url": services.url + "/add"},
                  "c": {"url": services.url + "/double"}, "d": {"url": services.url + "/add"}},
                 ["(a, b) >> c", "b >> d"])
    reply = server.post("/v1/flow", {"number": 3, "tag": "x"})
    assert reply.json() == {"c": {"doubled": 8}, "d": {"number": 5, "tag": "x"}}
    assert all(headers.get("traceparent") for _, _, headers in services.asked)
    assert not any("Authorization" in headers for _, _, headers in services.asked)


def test_a_guard_blocks_what_follows_and_lets_pass_what_may(run, services):
    server = run({"guard": {"url": services.url + "/guard"}, "embedding": {}, "retrieval": {}},
                 ["guard >> embedding >> retrieval"])
    server.ingest(MARIGOLD)
    passed = server.post("/v1/flow", {"text": "How many days of annual leave?", "k": 2}).json()
    assert passed["initial_query"] == "How many days of annual leave?"
    assert "27 days" in passed["retrieved_docs"][0]["text"] and len(passed["retrieved_docs"]) == 2
    blocked = server.post("/v1/flow", {"text": "tiger"})
    assert blocked.json()["text"].startswith("Violated policies")
    streamed = server.post("/v1/flow", {"text": "tiger", "stream": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.text == 'data: b"Violated policies: it\'s wild."\n\ndata: [DONE]\n\n'


def test_a_stream_goes_through_one_more_step_whatever_its_pieces(run, services):
    server = run({"llm": {"url": services.url + "/words"}, "shout": {"url": services.url + "/shout"}},
                 ["llm >> shout"])
    reply = server.post("/v1/flow", {"text": "count", "stream": True, "max_tokens": 9})
    assert reply.text == "data: b'ONE '\n\ndata: b'TWO.'\n\ndata: b' THREE'\n\ndata: [DONE]\n\n"
    asked = [body for path, body, _ in services.asked if path == "/v1/words"]
    assert asked[0]["stream"] is True and asked[0]["max_tokens"] == 9


def test_bytes_of_the_last_step_come_as_they_are(run, services):
    server = run({"tts": {"url": services.url + "/speech", "kind": "custom"}}, ["tts"])
    reply = server.post("/v1/flow", {"text": "hello"})
    assert reply.headers["content-type"] == "audio/wav" and reply.content == WAV


def test_an_upstream_error_names_the_step_and_the_status(run, services):
    server = run({"a": {"url": services.url + "/add"}, "b": {"url": services.url + "/broken"}}, ["a >> b"])
    reply = server.post("/v1/flow", {"number": 1})
    assert reply.status_code == 503
    error = reply.json()["error"]
    assert error["message"].startswith("step 'b':") and "503" in error["message"] and error["retryable"] is True
    wrong = server.post("/v1/flow", data=b"{")
    assert wrong.status_code == 400
    assert services.asked and requests.get(server.url + "/readyz", timeout=10).status_code == 200


@pytest.mark.parametrize("more", ["", "shout"])
def test_a_client_that_leaves_ends_the_stream_at_its_source(run, services, more):
    micro = {"guard": {"url": services.url + "/guard"}, "llm": {"url": services.url + "/endless"}}
    if more:
        micro["shout"] = {"url": services.url + "/shout"}
    server = run(micro, ["guard >> llm >> shout" if more else "guard >> llm"])
    reply = requests.post(server.url + "/v1/flow", json={"text": "x", "stream": True}, stream=True, timeout=30)
    if not more:
        assert b"tok" in next(reply.iter_content(64))
    reply.close()
    assert services.left.wait(5)
    assert requests.get(server.url + "/health", timeout=10).status_code == 200


def test_the_time_that_a_client_gives_is_kept(run, services):
    server = run({"slow": {"url": services.url + "/slow_words"}}, ["slow"])
    reply = server.post("/v1/flow", {"text": "x"}, headers={"X-Request-Deadline-Ms": "200"}, timeout=20)
    assert reply.status_code == 504 and reply.json()["error"]["code"] == "deadline_exceeded"
    [(_, _, headers)] = services.asked
    assert 0 < int(headers["x-request-deadline-ms"]) <= 200
    services.go_on.set()


def test_an_error_names_its_step_and_the_status_of_its_upstream(run, services):
    server = run({"first": {"url": services.url + "/add"}, "second": {"url": services.url + "/status"}}, ["first >> second"])
    for theirs, ours in {401: 502, 404: 502, 405: 502, 400: 400, 422: 422, 429: 429, 500: 502, 503: 503, 504: 504}.items():
        reply = server.post("/v1/flow", {"number": 1, "status": theirs})
        error = reply.json()["error"]
        assert (reply.status_code, error["step"], error["upstream_status"]) == (ours, "second", theirs), reply.text


def test_errors_as_opea_tells_them(run, services):
    server = run({"one": {"url": services.url + "/status"}}, ["one"], "--errors", "opea")
    for theirs, ours, body in ((500, 500, "Internal Server Error"), (401, 500, "Internal Server Error"),
                               (503, 503, None), (429, 429, None), (422, 422, None)):
        reply = server.post("/v1/flow", {"status": theirs})
        assert reply.status_code == ours
        if body:
            assert reply.text == body and reply.headers["content-type"].startswith("text/plain")
        else:
            assert list(reply.json()) == ["detail"]
    assert server.post("/v1/flow", data="{").json()["detail"][0].keys() == {"type", "loc", "msg", "input"}
    assert server.get("/v1/flow").json() == {"detail": "Method Not Allowed"}
    assert server.get("/nowhere").json() == {"detail": "Not Found"}
    assert "error" in server.get("/v1/jobs/none").json()  # A route of ours.


def all_arrive(services, count):
    assert all(services.arrived.acquire(timeout=20) for _ in range(count)), "some requests wait for others"


def test_slow_streams_hold_up_neither_each_other_nor_a_health_check(run, services):
    server = run({"guard": {"url": services.url + "/guard"}, "words": {"kind": "llm", "url": services.url + "/gather"}},
                 ["guard >> words"], "--threads", "1")
    ask = lambda i: server.post("/v1/flow", {"text": f"words of {i}", "stream": True}).text  # noqa: E731
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = [pool.submit(ask, i) for i in range(8)]
        all_arrive(services, 8)
        assert server.get("/v1/health_check", timeout=20).status_code == 200
        services.go_on.set()
        for i, reply in enumerate(replies):
            assert reply.result() == f"data: b'words of {i}'\n\ndata: [DONE]\n\n"


def test_requests_at_once_do_not_see_each_other(run, services):
    server = run({"retriever": {"url": services.url + "/gather"}, "after": {"url": services.url + "/shout"}},
                 ["retriever >> after"], "--threads", "1")
    texts = ["slow ALICE", "BOB private"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        replies = [pool.submit(server.post, "/v1/flow", {"text": text}) for text in texts]
        all_arrive(services, 2)
        services.go_on.set()
        assert [reply.result().json() for reply in replies] == [{"text": text.upper()} for text in texts]
    bodies = {step: [body for path, body, _ in services.asked if path == "/v1/" + step] for step in ("gather", "shout")}
    assert sorted(body["text"] for body in bodies["gather"]) == sorted(texts)
    assert len(bodies["shout"]) == 2 and all(body["text"] == body["retrieved"] for body in bodies["shout"])


def test_nothing_is_pending_after_success_failure_and_cancellation(run, services):
    server = run({"guard": {"url": services.url + "/guard"}, "one": {"kind": "llm", "url": services.url + "/told"}}, ["guard >> one"])

    def pending(count):
        limit = time.monotonic() + 20
        while f"megaservice_request_pending {count}\n" not in server.get("/metrics").text:
            assert time.monotonic() < limit
            time.sleep(0.02)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(server.post, "/v1/flow", {"do": "gather", "text": "x"})
        all_arrive(services, 1)
        pending(1)
        services.go_on.set()
        assert held.result().status_code == 200
    pending(0)
    assert server.post("/v1/flow", {"do": "broken", "text": "x"}).status_code == 503
    assert server.post("/v1/flow", {"do": "broken", "text": "x", "stream": True}).status_code == 503
    assert server.post("/v1/flow", {"do": "words", "text": "x", "stream": True}).text.endswith("[DONE]\n\n")
    pending(0)
    with requests.post(server.url + "/v1/flow", json={"do": "endless", "text": "x", "stream": True}, stream=True, timeout=30) as reply:
        pieces = reply.iter_content(64)  # Dropping it closes the connection.
        assert b"tok" in next(pieces)
        pending(1)
    pending(0)
    ended = server.get("/metrics").text
    for how, count in {"success": 2, "failed": 2, "cancelled": 1}.items():
        assert f'rag_queries_total{{route="/v1/flow",status="{how}"}} {count}' in ended
