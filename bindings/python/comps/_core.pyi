"""Opaline's core: graphs, their scheduling, HTTP and event streams. Waiting gives up the interpreter's lock."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

LATENCY_BOUNDS: list[float]
"""The upper bounds of the histograms' buckets, in seconds."""

class Graph:
    """A directed graph of named nodes without cycles. `graph` is a picture of it; assigning it sets it as a whole."""

    def __init__(self) -> None: ...
    @property
    def graph(self) -> OrderedDict[str, set[str]]: ...
    @graph.setter
    def graph(self, value: Mapping[str, Iterable[str]]) -> None: ...
    def add_node(self, node_name: str) -> None:
        """Raises KeyError when it is there."""
    def add_node_if_not_exists(self, node_name: str) -> None: ...
    def delete_node(self, node_name: str) -> None:
        """With its edges. Raises KeyError when it is not there."""
    def delete_node_if_exists(self, node_name: str) -> None: ...
    def add_edge(self, ind_node: str, dep_node: str) -> None:
        """Raises KeyError for an unknown node, Exception("validation error!") for a cycle."""
    def delete_edge(self, ind_node: str, dep_node: str) -> None:
        """Raises KeyError when it is not there."""
    def predecessors(self, node: str) -> list[str]:
        """Empty for an unknown node."""
    def downstream(self, node: str) -> list[str]:
        """Raises KeyError for an unknown node."""
    def all_downstreams(self, node: str) -> list[str]:
        """All that is reached, in topological order. Raises KeyError for an unknown node."""
    def all_leaves(self) -> list[str]: ...
    def from_dict(self, graph_dict: dict[str, list[str]]) -> None:
        """Raises TypeError for values that are no lists, KeyError and Exception as add_edge() does."""
    def reset_graph(self) -> None: ...
    def ind_nodes(self, graph: Mapping[str, Iterable[str]] | None = None) -> list[str]:
        """Nodes that no edge leads to."""
    def validate(self, graph: Mapping[str, Iterable[str]] | None = None) -> bool:
        """Whether some node is independent and there is no cycle."""

    def topological_sort(self, graph: Mapping[str, Iterable[str]] | None = None) -> list[str]:
        """Raises ValueError for a cycle."""
    def size(self) -> int: ...
    def take_graph_of(self, other: Graph) -> None: ...

class Plan:
    """Which steps of one request may run now. Edits the graph it is made for."""

    def __init__(self, graph: Graph) -> None: ...
    def start(self) -> list[str]: ...
    def finish(self, name: str, forbidden: Sequence[str]) -> tuple[list[str], bool]:
        """The steps that may start, and whether `forbidden` (regular expressions) cut off all that follows."""
    def stands_in(self, name: str, next: str) -> None: ...
    def prune(self) -> None: ...

class Failure:
    """No answer, or none that can be used. Only the core makes it, as it does Reply, PieceStream and UnderWay."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def step(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def excerpt(self) -> str: ...

class Reply:
    """A whole answer, of any status."""

    @property
    def status(self) -> int: ...
    @property
    def content_type(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    def json(self) -> Any:
        """Raises ValueError when the body is no JSON."""

class PieceStream:
    """A streamed answer: an iterator of whole events. Dropping it closes the connection."""

    @property
    def content_type(self) -> str: ...
    @property
    def through(self) -> bool: ...
    def __iter__(self) -> PieceStream: ...
    def __next__(self) -> bytes:
        """Waits. Raises ConnectionError when the stream broke off."""
    def ready(self) -> bool:
        """Whether the next event, or the end, is there."""
    def tell(self, mailbox: Mailbox, callback: Callable[[None], object]) -> None:
        """Calls back once, when it is ready()."""
    def close(self) -> None: ...
    def measure(self, started: float) -> None:
        """Counts its events as the tokens of a request that began then, by time.monotonic()."""
    def hold(self, pending: PendingRequest) -> None:
        """Keeps the request in the gauge until the stream's end."""

class UnderWay:
    """Something that can be called off."""

    def cancel(self) -> None: ...

class Mailbox:
    """Answers on their way to one event loop, which calls deliver() when fileno() is readable."""

    def __init__(self) -> None: ...
    def fileno(self) -> int: ...
    def deliver(self) -> None: ...
    def send(
        self,
        url: str,
        body: Any,
        stream: bool,
        callback: Callable[[Reply | PieceStream | Failure], object],
        bearer: str | None = None,
        step_time: float = 2000.0,
        traceparent: str | None = None,
        request_id: str | None = None,
    ) -> UnderWay:
        """POSTs `body` as JSON, bytes as they are. `step_time`: the seconds that it may take.

        Raises ValueError for a URL that is none, TypeError or ValueError for a body that is no JSON.
        """
    def run(
        self,
        graph: Graph,
        steps: list[tuple[str, str, str | None, bool]],
        inputs: Any,
        parameters: Any,
        stream: bool,
        started: float,
        callback: Callable[[tuple[list[tuple[str, Any]], Graph] | Failure], object],
        step_time: float = 2000.0,
        traceparent: str | None = None,
        request_id: str | None = None,
    ) -> UnderWay:
        """Sends a request through a graph; steps are (name, url, bearer, whether it is a language model).

        `step_time`: the seconds that each step may take. Raises as send() does.
        """

class PendingRequest:
    """A request under way, in the gauge until release() or its end."""

    def __init__(self) -> None: ...
    def release(self) -> None: ...

def post(
    url: str,
    body: Any,
    bearer: str | None = None,
    step_time: float = 2000.0,
    traceparent: str | None = None,
    request_id: str | None = None,
) -> Reply | Failure:
    """POSTs and waits; for threads without a loop. Raises as Mailbox.send() does."""

def encode(value: Any) -> bytes:
    """JSON, as json.dumps means it; pydantic models and numpy values too. Raises TypeError, ValueError."""

def bytes_literal(bytes: bytes) -> str:
    """repr() of bytes."""

def observe_token(started: float, first: bool) -> float:
    """Counts a token that took since `started`, by time.monotonic(); returns now."""

def observe_request(started: float) -> None: ...
def add_pending(by: int) -> None: ...
def metrics_snapshot() -> dict[str, Any]:
    """first_token, inter_token, request: (counts up to each bound, sum in seconds); pending: int, or None before use."""

def engine_running() -> bool:
    """Whether the core's thread has been started in this process."""

def stop_engine() -> None:
    """At the interpreter's end: drops what is in flight, and ends the thread."""
