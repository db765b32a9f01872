"""What the tests share: a server that behaves as it is told, and megaservices over it."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from comps import MicroService, ServiceOrchestrator, ServiceType, _core

HOOKS = ("align_inputs", "align_outputs", "align_generator")


class Exchange:
    """One request to an Upstream, for the function that answers it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: bytes):
        self._handler = handler
        self.path = handler.path
        self.headers = handler.headers
        self.body = json.loads(body) if body else None

    def json(self, value, status: int = 200) -> None:
        self.bytes(json.dumps(value).encode(), "application/json", status)

    def bytes(self, data: bytes, content_type: str, status: int = 200) -> None:
        self._handler.send_response(status)
        self._handler.send_header("Content-Type", content_type)
        self._handler.send_header("Content-Length", str(len(data)))
        self._handler.end_headers()
        self._handler.wfile.write(data)

    def begin_stream(self, content_type: str = "text/event-stream") -> None:
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", content_type)
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def chunk(self, data: bytes) -> None:
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self._handler.wfile.flush()

    def end_stream(self) -> None:
        self._handler.wfile.write(b"0\r\n\r\n")

    def break_off(self) -> None:
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    def wait_until_left(self, seconds: float = 5) -> bool:
        """Whether the other side closes the connection within that time."""
        self._handler.connection.settimeout(seconds)
        try:
            return self._handler.connection.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


class Upstream:
    """Services on one free port: a function for each path, called with an Exchange in a thread of its own."""

    def __init__(self):
        self.requests = []
        self.routes = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                exchange = Exchange(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))
                outer.requests.append(exchange)
                try:
                    outer.routes[self.path](exchange)
                except OSError:
                    self.close_connection = True

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def route(self, path: str, answer) -> None:
        """`answer`: a function of the Exchange, or what it is answered with as JSON."""
        self.routes[path] = answer if callable(answer) else lambda exchange: exchange.json(answer)

    def service(self, name: str, answer=None, kind: ServiceType = ServiceType.UNDEFINED, **settings) -> MicroService:
        """A remote service at the path /name."""
        if answer is not None:
            self.route(f"/{name}", answer)
        settings = {"host": "127.0.0.1", "port": self.port, "endpoint": f"/{name}", **settings}
        return MicroService(name=name, use_remote_service=True, service_type=kind, **settings)

    def asked(self, name: str) -> list:
        """The bodies of requests to /name."""
        return [exchange.body for exchange in self.requests if exchange.path == f"/{name}"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def hooks_of_the_class():
    """Hooks that a test puts on the class are taken off again."""
    own = {name: ServiceOrchestrator.__dict__[name] for name in HOOKS}
    yield
    for name, hook in own.items():
        setattr(ServiceOrchestrator, name, hook)


@pytest.fixture(autouse=True)
def nothing_pending():
    """However a test's requests end, the gauge goes back."""
    yield
    deadline = time.monotonic() + 5
    while pending() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert pending() == 0


def pending() -> int:
    return _core.metrics_snapshot()["pending"] or 0


def chain(*services) -> ServiceOrchestrator:
    """A megaservice whose steps follow one another."""
    flow = ServiceOrchestrator()
    for service in services:
        flow.add(service)
    for before, after in zip(services, services[1:]):
        assert flow.flow_to(before, after)
    return flow


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def openai_event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"
