"""Latencies of a service's own functions: GET /v1/statistics."""

from array import array
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

#: How many of the last latencies the percentiles are taken from.
WINDOW = 4096

#: Of each registered name.
statistics_dict: Dict[str, "BaseStatistics"] = {}


class _Window:
    """The last WINDOW numbers."""

    def __init__(self) -> None:
        self._values = array("d")
        self._next = 0

    def append(self, value: float) -> None:
        if len(self._values) < WINDOW:
            self._values.append(value)
        else:
            self._values[self._next] = value
            self._next = (self._next + 1) % WINDOW

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[float]:
        return iter(self._values)


def _percentile(ordered: List[float], percent: float) -> float:
    """Between its neighbours, as numpy.percentile has it."""
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class BaseStatistics:
    """The last latencies of one service, in bounded memory."""

    def __init__(self) -> None:
        self.response_times = _Window()
        self.first_token_latencies = _Window()

    def append_latency(self, latency: float, first_token_latency: Optional[float] = None) -> None:
        """Adds one request's time in seconds, and the time to its first token."""
        self.response_times.append(latency)
        if first_token_latency:
            self.first_token_latencies.append(first_token_latency)

    def get_statistics(self) -> Dict[str, Optional[float]]:
        """p50, p99 and the mean of both; None where nothing has been added."""
        result: Dict[str, Optional[float]] = {}
        for suffix, window in (
            ("latency", self.response_times),
            ("latency_first_token", self.first_token_latencies),
        ):
            ordered = sorted(window)
            result[f"p50_{suffix}"] = _percentile(ordered, 50) if ordered else None
            result[f"p99_{suffix}"] = _percentile(ordered, 99) if ordered else None
            result[f"average_{suffix}"] = sum(ordered) / len(ordered) if ordered else None
        return result


def register_statistics(names: Iterable[str]) -> Callable[[F], F]:
    """A decorator that makes room for the statistics of these names.

    The function then adds to them: `statistics_dict[name].append_latency(seconds)`.
    """

    def decorator(func: F) -> F:
        for name in names:
            statistics_dict[name] = BaseStatistics()
        return func

    return decorator


def collect_all_statistics() -> Dict[str, Dict[str, Optional[float]]]:
    """What /v1/statistics answers."""
    return {name: statistics.get_statistics() for name, statistics in statistics_dict.items()}
