"""Optional packages: imported on first use; an error names the extra that installs them."""

from __future__ import annotations

import importlib
from typing import Any

from mmrerank.errors import MissingDependencyError

__all__ = ["require"]

_PACKAGES = {
    "accelerate": ("quantization", "quantization"),
    "bitsandbytes": ("quantization", "quantization"),
    "bs4": ("html", "loading an HTML file"),
    "chromadb": ("chroma", "an index"),
    "docx": ("office", "loading a DOCX file"),
    "lxml": ("office", "loading an office file"),
    "langchain_core": ("langchain", "langchain_mmrerank"),
    "llama_index.core": ("llama-index", "llama_index_mmrerank"),
    "markdown_it": ("html", "loading a Markdown file"),
    "numpy": ("ocr", "reading the words in images"),
    "pillow_heif": ("heif", "loading a HEIC image"),
    "pptx": ("office", "loading a PPTX file"),
    "pymupdf": ("pdf", "loading a PDF"),
    "rapidocr": ("ocr", "reading the words in images"),
    "scipy": ("pdf", "finding figures"),
    "sentence_transformers": ("cross-encoder", "a cross-encoder"),
    "sklearn": ("chroma", "HashingEmbedder"),
    "torch": ("local", "a local model"),
    "torchao": ("quantization", "quantization"),
    "transformers": ("local", "a local model"),
}
"""The extra that installs each package, and what the package is needed for."""

_DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "docx": "python-docx",
    "langchain_core": "langchain-core",
    "llama_index.core": "llama-index-core",
    "markdown_it": "markdown-it-py",
    "pptx": "python-pptx",
    "sklearn": "scikit-learn",
}
"""The names of packages on PyPI that differ from the names they are imported by."""


def require(module: str, *, extra: str | None = None, purpose: str | None = None) -> Any:
    """Import an optional module; `extra` and `purpose` override those of the table.

    Raises `MissingDependencyError`, which names the package and the extra to install. If the
    package is installed but something that it imports is not, its own ImportError is raised.
    """
    package = next(name for name in (module, module.partition(".")[0]) if name in _PACKAGES)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if not f"{module}.".startswith(f"{missing}.") or not missing:
            raise
        usual_extra, usual_purpose = _PACKAGES[package]
        name = _DISTRIBUTIONS.get(package, package)
        raise MissingDependencyError(name, extra or usual_extra, purpose or usual_purpose) from None
