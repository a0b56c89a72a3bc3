"""Keys of the state cache: everything that a value depends on is part of its key.

A key is a SHA-256 of the model's files, its options, the versions of the code, and the bytes of
the images and of the text. So nothing ever has to be invalidated: a change of any of these
gives another key, and the entry under the old one is evicted in time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mmrerank.images.facts import image_facts
from mmrerank.types import Image

__all__ = ["Keys", "file_hash", "weights_hash"]

_FORMAT = 1  # increased when entries, prompts or the preparation of images change

_PACKAGES = ("torch", "transformers", "pillow")  # a new release may compute something different


class Keys:
    """Makes the keys of one model with its options.

    `model` is everything that the vision tower's output depends on, except the image; `options`
    is what a document's state depends on in addition. Both must be JSON.
    """

    def __init__(self, model: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        versions = {package: version(package) for package in _PACKAGES}
        known = {"format": _FORMAT, "versions": versions, "model": dict(model)}
        self._vision = _hash(known)
        self._document = _hash(known | {"options": dict(options)})

    def vision(self, digest: str, height: int, width: int) -> str:
        """The key of an image at the size, in pixels, at which the model sees it."""
        return _key(self._vision, f"image {digest} {height} {width}".encode())

    def document(self, images: Sequence[Image], text: str | None) -> str:
        """The key of a document's state. Raises `ImageError` for an image that cannot be read."""
        digests = " ".join(image_facts(image).digest for image in images)
        head = f"document {digests} {'none' if text is None else 'text'}\n".encode()
        return _key(self._document, head + (text or "").encode("utf-8", "surrogatepass"))


def _hash(known: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).digest()


def _key(context: bytes, data: bytes) -> str:
    return hashlib.sha256(context + data).hexdigest()


def file_hash(path: Path) -> str:
    """The SHA-256 of a file's bytes; a large file takes a second for every 1 to 2 GB. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_hash(config: Path) -> str:
    """One hash of a config file and of all safetensors files beside it. Raises OSError."""
    files = [config, *sorted(config.parent.glob("*.safetensors"))]
    return hashlib.sha256("".join(file_hash(path) for path in files).encode()).hexdigest()
