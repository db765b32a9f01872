"""What stands between the server and a service's application: HTTP metrics, and the client that may leave."""

import asyncio
import time
from contextvars import ContextVar
from typing import Any, Callable, Dict, Optional, Tuple

from prometheus_client import Counter, Histogram, Summary
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The client whose request is being served in this context.
current_client: ContextVar[Optional["Client"]] = ContextVar("current_client", default=None)


class Client:
    """Who asks: the trace that the request belongs to, and whether anybody still waits for the answer."""

    __slots__ = ("_receive", "_scope", "_body_read")

    def __init__(self, scope: Scope, receive: Receive):
        self._scope = scope
        self._receive = receive
        self._body_read = False

    def header(self, name: bytes) -> Optional[str]:
        """The first header of that name (in lower case)."""
        for key, value in self._scope["headers"]:
            if key == name:
                return value.decode("latin-1")
        return None

    async def receive(self) -> Message:
        """The application's `receive`."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._body_read = True
        return message

    def when_gone(self, action: Callable[[], None]) -> Optional["asyncio.Task"]:
        """Calls `action` if the client leaves; the task is to be cancelled when that no longer matters."""
        if not self._body_read:  # The next message would be a piece of the body, which is not ours to take.
            return None
        return asyncio.get_running_loop().create_task(self._watch(action))

    async def _watch(self, action: Callable[[], None]) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            action()


class _HttpMetrics:
    """Names and labels as prometheus-fastapi-instrumentator has them. One set a process."""

    _one: Optional["_HttpMetrics"] = None

    def __init__(self) -> None:
        handler = ["handler"]
        fine = [0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30, 60]
        self.requests = Counter(
            "http_requests_total", "Requests by method, status and handler.", ["method", "status", "handler"]
        )
        self.request_size = Summary("http_request_size_bytes", "Content length of requests by handler.", handler)
        self.response_size = Summary("http_response_size_bytes", "Content length of responses by handler.", handler)
        self.duration_fine = Histogram(
            "http_request_duration_highr_seconds", "Latency with many buckets but no labels.", buckets=fine
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Latency with few buckets by handler and method.",
            ["method", "handler"],
            buckets=(0.1, 0.5, 1),
        )
        self._children: Dict[Tuple[str, int, str], Tuple[Any, ...]] = {}

    @classmethod
    def get(cls) -> "_HttpMetrics":
        if cls._one is None:
            cls._one = cls()
        return cls._one

    def count(self, method: str, status: int, handler: str, seconds: float, sent: int, received: int) -> None:
        key = (method, status // 100, handler)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self.requests.labels(method, f"{status // 100}xx", handler),
                self.request_size.labels(handler),
                self.response_size.labels(handler),
                self.duration.labels(method, handler),
            )
        requests, request_size, response_size, duration = children
        requests.inc()
        request_size.observe(received)
        response_size.observe(sent)
        duration.observe(seconds)
        self.duration_fine.observe(seconds)


class Edge:
    """The outermost ASGI middleware of a service."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self.metrics = _HttpMetrics.get()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection, and counts it when it is a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        client = Client(scope, receive)
        status = 500
        sent = 0

        async def counted_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                for key, value in message.get("headers", ()):
                    if key == b"content-length" and value.isdigit():
                        sent = int(value)
            await send(message)

        token = current_client.set(client)
        try:
            await self.app(scope, client.receive, counted_send)
        finally:
            current_client.reset(token)
            # Unknown paths share one label: a scanner must not fill the memory.
            handler = getattr(scope.get("route"), "path", None) or "none"
            received = client.header(b"content-length") or "0"
            self.metrics.count(
                scope["method"] if scope["method"] in _METHODS else "OTHER",
                status,
                handler,
                time.perf_counter() - started,
                sent,
                int(received) if received.isdigit() else 0,
            )


_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
