"""What is counted, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from mmrerank.serve.scheduler import SchedulerStats

__all__ = ["Metrics"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of one server. `stats` tells what its scheduler does, None before there is one."""

    def __init__(self, stats: Callable[[], SchedulerStats | None]) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "mmrerank_requests",
            "Requests that were answered",
            ["path", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "mmrerank_request_seconds",
            "From the head of a request to its answer",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._counts = {
            name: Counter(f"mmrerank_{name}", what, registry=self.registry)
            for name, what in (
                ("documents", "Documents that were scored"),
                ("images", "Images that were scored"),
                ("tokens", "Tokens that were scored"),
            )
        }
        self.registry.register(_Queue(stats))

    def count(self, path: str, status: int, seconds: float, counts: dict[str, int]) -> None:
        """Count one request; `counts` may have documents, images and tokens."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)
        for name, counter in self._counts.items():
            counter.inc(counts.get(name, 0))

    def text(self) -> tuple[bytes, str]:
        """All counts in Prometheus' text format, and its media type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


_NOW = {
    "queue_tokens": "Tokens of the requests that were accepted and are not answered",
    "queue_seconds": "Seconds that this work will take, by the speed of the last batches",
    "requests": "Requests that were accepted and are not answered",
    "in_flight": "Items that the model computes now",
}
_SINCE_START = {
    "batches": "Batches that the model has computed",
    "items": "Items that the model has computed",
    "cancelled": "Requests whose client left before they were answered",
    "failed": "Requests that ended with an error",
}


class _Queue(Collector):
    """Reads the scheduler's counts when Prometheus asks for them."""

    def __init__(self, stats: Callable[[], SchedulerStats | None]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        stats = self._stats()
        if stats is None:
            return
        for name, what in _NOW.items():
            yield GaugeMetricFamily(
                f"mmrerank_queue_{name.removeprefix('queue_')}", what, getattr(stats, name)
            )
        for name, what in _SINCE_START.items():
            yield CounterMetricFamily(f"mmrerank_{name}", what, getattr(stats, name))
        if stats.cache is not None:
            for name in ("hits", "misses"):
                yield CounterMetricFamily(
                    f"mmrerank_cache_{name}",
                    f"{name.title()} of the state cache",
                    getattr(stats.cache, name),
                )
            yield GaugeMetricFamily(
                "mmrerank_cache_bytes", "Bytes of the state cache in memory", stats.cache.bytes
            )
