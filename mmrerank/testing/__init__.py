"""For your tests and ours: a reranker and an embedder without a model, and servers on loopback.

Nothing here needs a network, a key or a download.
"""

from mmrerank.testing.chat.replies import ChatReply
from mmrerank.testing.chat.requests import ChatRequest, SentImage
from mmrerank.testing.chat.server import LocalChatServer
from mmrerank.testing.colours import ColourEmbedder
from mmrerank.testing.dialects import Dialect
from mmrerank.testing.fake import FakeReranker
from mmrerank.testing.faults import Fault, Refusal
from mmrerank.testing.scoring import overlap
from mmrerank.testing.server import LocalRerankServer

__all__ = [
    "ChatReply",
    "ChatRequest",
    "ColourEmbedder",
    "Dialect",
    "FakeReranker",
    "Fault",
    "LocalChatServer",
    "LocalRerankServer",
    "Refusal",
    "SentImage",
    "overlap",
]
