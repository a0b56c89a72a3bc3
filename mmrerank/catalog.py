"""Every reranker, one row each: for the command line, the lazy names of `mmrerank` and the docs.

A new reranker is a row in `RERANKERS`, an import under `TYPE_CHECKING` and a name in `__all__`; a
test compares them. `python scripts/write_catalog.py` then writes docs/rerankers.md.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported on first use; type checkers and editors must know them now
    from mmrerank.http.cache import ScoreCache
    from mmrerank.http.cohere import CohereReranker
    from mmrerank.http.dashscope import DashScopeReranker
    from mmrerank.http.infinity import InfinityReranker
    from mmrerank.http.jina import JinaReranker
    from mmrerank.http.llamacpp import LlamaCppReranker
    from mmrerank.http.nvidia import NVIDIAReranker
    from mmrerank.http.rerank_api import RerankAPIReranker
    from mmrerank.http.sglang import SGLangReranker
    from mmrerank.http.tei import TEIReranker
    from mmrerank.http.vllm import VLLMReranker
    from mmrerank.loaders.files import FileLoader, FolderLoader
    from mmrerank.loaders.pdf.loader import PDFLoader
    from mmrerank.local.cross_encoder import CrossEncoderReranker
    from mmrerank.local.jina_m0 import JinaM0Reranker
    from mmrerank.local.qwen3 import Qwen3Reranker
    from mmrerank.local.qwen3_vl import Qwen3VLReranker
    from mmrerank.ocr.bm25 import WordStatistics
    from mmrerank.ocr.reranker import OCRReranker
    from mmrerank.retrieval.clip import ChineseCLIPEmbedder, CLIPEmbedder
    from mmrerank.retrieval.embedder import Embedder
    from mmrerank.retrieval.embedding_gemma2 import EmbeddingGemma2Embedder
    from mmrerank.retrieval.hashing import HashingEmbedder
    from mmrerank.retrieval.jina_embedding import JinaEmbedder
    from mmrerank.retrieval.minilm import MiniLMEmbedder
    from mmrerank.retrieval.minilm_reranker import OCRMiniLMReranker
    from mmrerank.retrieval.openai_embedding import OpenAIEmbedder
    from mmrerank.retrieval.qwen3_embedding import Qwen3Embedder
    from mmrerank.retrieval.qwen3_vl_embedding import Qwen3VLEmbedder
    from mmrerank.retrieval.siglip import SiglipEmbedder
    from mmrerank.retrieval.vllm_embedding import VLLMEmbedder

__all__ = [
    "CLIPEmbedder",
    "ChineseCLIPEmbedder",
    "CohereReranker",
    "CrossEncoderReranker",
    "DashScopeReranker",
    "Embedder",
    "EmbeddingGemma2Embedder",
    "FileLoader",
    "FolderLoader",
    "HashingEmbedder",
    "InfinityReranker",
    "JinaEmbedder",
    "JinaM0Reranker",
    "JinaReranker",
    "LlamaCppReranker",
    "MiniLMEmbedder",
    "NVIDIAReranker",
    "OCRMiniLMReranker",
    "OCRReranker",
    "OpenAIEmbedder",
    "PDFLoader",
    "Qwen3Embedder",
    "Qwen3Reranker",
    "Qwen3VLEmbedder",
    "Qwen3VLReranker",
    "RerankAPIReranker",
    "SGLangReranker",
    "ScoreCache",
    "SiglipEmbedder",
    "TEIReranker",
    "VLLMEmbedder",
    "VLLMReranker",
    "WordStatistics",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerRow:
    """One reranker: `name` is what `--reranker` takes, `extra` the extra to install for it.

    `preset` is that of a service which shares `RerankAPIReranker` with others.
    """

    name: str
    class_name: str
    module: str
    reads: str
    runs: str
    extra: str | None = None
    preset: str | None = None


_SERVER = "on a server of your own"
_LOCAL = "on this machine, with torch"
_IMAGES = "text and images"

RERANKERS = tuple(
    RerankerRow(
        name=name,
        class_name=class_name,
        module=f"mmrerank.{module}",
        reads=reads,
        runs=runs,
        extra=extra,
    )
    for name, class_name, module, reads, runs, extra in (
        ("ocr", "OCRReranker", "ocr.reranker", "text and the words in images", "on this machine, without a GPU or a download", "ocr"),
        ("ocr-minilm", "OCRMiniLMReranker", "retrieval.minilm_reranker", "text and the words in images", "on this machine, without a GPU or a download", "minilm"),
        ("jina", "JinaReranker", "http.jina", _IMAGES, "Jina's API", None),
        ("dashscope", "DashScopeReranker", "http.dashscope", _IMAGES, "Alibaba Cloud's API", None),
        ("cohere", "CohereReranker", "http.cohere", "text", "Cohere's API", None),
        ("vllm", "VLLMReranker", "http.vllm", _IMAGES, _SERVER, None),
        ("sglang", "SGLangReranker", "http.sglang", _IMAGES, _SERVER, None),
        ("nvidia", "NVIDIAReranker", "http.nvidia", _IMAGES, _SERVER, None),
        ("tei", "TEIReranker", "http.tei", "text", _SERVER, None),
        ("infinity", "InfinityReranker", "http.infinity", "text", _SERVER, None),
        ("llamacpp", "LlamaCppReranker", "http.llamacpp", "text", _SERVER, None),
        ("jina-m0", "JinaM0Reranker", "local.jina_m0", _IMAGES, _LOCAL, "local"),
        ("qwen3-vl", "Qwen3VLReranker", "local.qwen3_vl", _IMAGES, _LOCAL, "local"),
        ("qwen3", "Qwen3Reranker", "local.qwen3", "text", _LOCAL, "local"),
        ("cross-encoder", "CrossEncoderReranker", "local.cross_encoder", "text", _LOCAL, "cross-encoder"),
    )
) + tuple(
    RerankerRow(
        name=preset,
        class_name="RerankAPIReranker",
        module="mmrerank.http.rerank_api",
        reads=reads,
        runs=runs,
        preset=preset,
    )
    for preset, reads, runs in (
        ("openrouter", _IMAGES, "OpenRouter's API"),
        ("nvidia-api", _IMAGES, "NVIDIA's API"),
        ("mittwald", _IMAGES, "mittwald's API"),
        ("ionos", _IMAGES, "IONOS's API"),
        ("siliconflow", _IMAGES, "SiliconFlow's API"),
        ("xinference", _IMAGES, _SERVER),
        ("tensorrt-llm", "text", _SERVER),
        ("mixedbread", "text", "Mixedbread's API"),
        ("voyage", "text", "Voyage AI's API"),
        ("zeroentropy", "text", "ZeroEntropy's API"),
        ("together", "text", "Together's API"),
    )
)  # fmt: skip
"""Every reranker, in the order in which the command line and the docs list them."""

_MODULES = {row.class_name: row.module for row in RERANKERS} | {
    "CLIPEmbedder": "mmrerank.retrieval.clip",
    "ChineseCLIPEmbedder": "mmrerank.retrieval.clip",
    "Embedder": "mmrerank.retrieval.embedder",
    "EmbeddingGemma2Embedder": "mmrerank.retrieval.embedding_gemma2",
    "FileLoader": "mmrerank.loaders.files",
    "FolderLoader": "mmrerank.loaders.files",
    "HashingEmbedder": "mmrerank.retrieval.hashing",
    "JinaEmbedder": "mmrerank.retrieval.jina_embedding",
    "MiniLMEmbedder": "mmrerank.retrieval.minilm",
    "OpenAIEmbedder": "mmrerank.retrieval.openai_embedding",
    "PDFLoader": "mmrerank.loaders.pdf.loader",
    "Qwen3Embedder": "mmrerank.retrieval.qwen3_embedding",
    "Qwen3VLEmbedder": "mmrerank.retrieval.qwen3_vl_embedding",
    "ScoreCache": "mmrerank.http.cache",
    "SiglipEmbedder": "mmrerank.retrieval.siglip",
    "VLLMEmbedder": "mmrerank.retrieval.vllm_embedding",
    "WordStatistics": "mmrerank.ocr.bm25",
}


def load(name: str) -> object:
    """A name of `__all__`, from its module. Raises KeyError for any other name."""
    return getattr(importlib.import_module(_MODULES[name]), name)


def render_table() -> str:
    """The rerankers as a Markdown table."""
    rows = [
        f"| `{row.name}` | `{row.class_name}` | {row.reads} | {row.runs} | "
        f"{f'`{row.extra}`' if row.extra else ''} |"
        for row in RERANKERS
    ]
    return "\n".join(
        ["| `--reranker` | class | reads | runs | extra |", "|---|---|---|---|---|", *rows]
    )
