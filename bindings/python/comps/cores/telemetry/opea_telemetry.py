"""Spans around calls.

Set TELEMETRY_ENDPOINT (OTLP over HTTP) before the import to turn tracing on; without it nothing of OpenTelemetry is
imported and the decorator returns the function as it is. OTEL_SERVICE_NAME names the service. Requests that a megaservice
makes carry the current span as `traceparent`, so that traces join across services.
"""

import contextlib
import functools
import inspect
import os
from collections import deque
from typing import Any, Callable, ContextManager, Optional, Tuple, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

telemetry_endpoint = os.environ.get("TELEMETRY_ENDPOINT")
ENABLE_OPEA_TELEMETRY = bool(telemetry_endpoint)

#: How many finished spans `in_memory_exporter` keeps.
SPANS_KEPT = 2048


def _set_up() -> Tuple[Any, Any]:
    """A tracer that sends to TELEMETRY_ENDPOINT, and an exporter that keeps the last spans."""
    from opentelemetry import trace
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    class RecentSpans(InMemorySpanExporter):
        """The last SPANS_KEPT finished spans."""

        def __init__(self) -> None:
            super().__init__()
            self._finished_spans = deque(maxlen=SPANS_KEPT)

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "opea")}))
    if telemetry_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=telemetry_endpoint)))
    recent = RecentSpans()
    provider.add_span_processor(SimpleSpanProcessor(recent))
    trace.set_tracer_provider(provider)
    return trace.get_tracer(__name__), recent


def __getattr__(name: str) -> Any:
    # Also without an endpoint someone may want a tracer; OpenTelemetry is set up when one is asked for.
    if name in ("tracer", "in_memory_exporter"):
        globals()["tracer"], globals()["in_memory_exporter"] = _set_up()
        return globals()[name]
    raise AttributeError(name)


def span(name: str) -> ContextManager[Any]:
    """A span with this name around a with block; nothing when tracing is off."""
    if not ENABLE_OPEA_TELEMETRY:
        return contextlib.nullcontext()
    from comps.cores.telemetry import opea_telemetry as module

    return module.tracer.start_as_current_span(name)


def current_traceparent() -> Optional[str]:
    """The W3C header of the current span, or None when there is none."""
    if not ENABLE_OPEA_TELEMETRY:
        return None
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def opea_telemetry(func: F) -> F:
    """Puts a span named after the function around each of its calls, also those of a coroutine function."""
    if not ENABLE_OPEA_TELEMETRY:
        return func
    if inspect.iscoroutinefunction(func):

        @functools.wraps(func)
        async def traced_coroutine(*args: Any, **kwargs: Any) -> Any:
            with span(func.__qualname__):
                return await func(*args, **kwargs)

        return cast(F, traced_coroutine)

    @functools.wraps(func)
    def traced(*args: Any, **kwargs: Any) -> Any:
        with span(func.__qualname__):
            return func(*args, **kwargs)

    return cast(F, traced)
