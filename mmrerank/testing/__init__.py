"""For your tests and ours: a reranker without a model, and a rerank server on loopback.

Nothing here needs a network, a key or a download.
"""

from mmrerank.testing.dialects import Dialect
from mmrerank.testing.fake import FakeReranker
from mmrerank.testing.faults import Fault, Refusal
from mmrerank.testing.scoring import overlap
from mmrerank.testing.server import LocalRerankServer

__all__ = ["Dialect", "FakeReranker", "Fault", "LocalRerankServer", "Refusal", "overlap"]
