"""For tests, yours as ours: a reranker without a model, and a rerank server on loopback.

Nothing here needs a network, a key or a download.
"""

from mmrerank.testing.fake import FakeReranker
from mmrerank.testing.server import Fault, LocalRerankServer, Refusal, overlap

__all__ = ["FakeReranker", "Fault", "LocalRerankServer", "Refusal", "overlap"]
