"""What a server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from marsad.serving.desk import Desk

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Measures:
    """Requests by path and status, their seconds, and the documents and words that were read."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, desk: Desk) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "marsad_requests", "Requests answered.", ("path", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "marsad_request_seconds",
            "Seconds from a request's first byte to its answer's last.",
            ("path",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.documents = Counter("marsad_documents", "Documents read.", registry=self.registry)
        self.words = Counter("marsad_words", "Words read.", registry=self.registry)
        waiting = Gauge("marsad_waiting_words", "Words not yet read.", registry=self.registry)
        waiting.set_function(lambda: desk.waiting)

    def render(self) -> bytes:
        """Return the figures in Prometheus' text format."""
        return generate_latest(self.registry)
