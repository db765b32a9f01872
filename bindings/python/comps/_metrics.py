"""The megaservices' metrics, counted in the core and collected for Prometheus when it asks."""

from typing import Iterable

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from comps import _core

_HISTOGRAMS = {
    "first_token": ("megaservice_first_token_latency", "First token latency (histogram)"),
    "inter_token": ("megaservice_inter_token_latency", "Inter-token latency (histogram)"),
    "request": ("megaservice_request_latency", "Whole LLM request/reply latency (histogram)"),
}
_BOUNDS = [str(bound) for bound in _core.LATENCY_BOUNDS] + ["+Inf"]


class _Collector:
    def collect(self) -> Iterable[Metric]:
        taken = _core.metrics_snapshot()
        for key, (name, text) in _HISTOGRAMS.items():
            cumulative, total = taken[key]
            if cumulative[-1]:  # A service that never streams has none.
                yield HistogramMetricFamily(name, text, buckets=list(zip(_BOUNDS, cumulative)), sum_value=total)
        if taken["pending"] is not None:
            yield GaugeMetricFamily(
                "megaservice_request_pending", "Count of currently pending requests (gauge)", value=taken["pending"]
            )


class OrchestratorMetrics:
    """What an orchestrator's `metrics` offers to those who count by hand."""

    def token_update(self, token_start: float, is_first: bool) -> float:
        """Counts a token that took since `token_start` (time.monotonic()); returns now."""
        return _core.observe_token(token_start, is_first)

    def request_update(self, req_start: float) -> None:
        """Counts a request that took since `req_start`."""
        _core.observe_request(req_start)

    def pending_update(self, increase: bool) -> None:
        """One request more, or less, is under way."""
        _core.add_pending(1 if increase else -1)


REGISTRY.register(_Collector())
METRICS = OrchestratorMetrics()
