"""The words in an image: kept by a loader, remembered from an earlier reading, or read by OCR."""

from __future__ import annotations

import functools
import json
import os
import re
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from mmrerank.errors import ImageError, MissingDependencyError
from mmrerank.images import content_hash, open_image, read_bytes, read_file
from mmrerank.types import Image

__all__ = ["ImageReader", "default_cache_dir", "loader_facts"]

OCR_PIXELS = 1_600_000  # a page at about 130 dpi; more costs time and finds no more words
FEW_WORDS = 5  # a text layer with fewer is not trusted to hold what the picture says

_SIDECAR_BYTES = 2**20
_ENGINE = "rapidocr-3"  # part of the cache's key: another engine reads other words


def default_cache_dir() -> Path:
    """Where OCR words are kept: `MMRERANK_CACHE`, else the user's cache folder."""
    named = os.environ.get("MMRERANK_CACHE")
    return Path(named) if named else user_cache_path("mmrerank")


def loader_facts(path: Path) -> dict[str, Any]:
    """What a loader wrote beside an image it saved (page, caption, words, ...); {} without it."""
    if path.suffix == ".json":
        return {}
    try:
        facts = json.loads(read_file(path.with_suffix(".json"), _SIDECAR_BYTES))
    except (ImageError, ValueError, RecursionError):
        return {}  # absent, or another program's file: the image itself still tells
    return facts if isinstance(facts, dict) else {}


class ImageReader:
    """Gives the words of images; each image file is read by OCR once, whatever calls for it.

    `cache_dir` holds one small text file an image, named by the hash of its bytes; None keeps
    words in memory only. `ocr=False` uses only the words that loaders kept from text layers.
    Safe from several threads.
    """

    def __init__(self, cache_dir: str | Path | None, *, ocr: bool = True) -> None:
        self._folder = Path(cache_dir) / "ocr" / _ENGINE if cache_dir is not None else None
        self._ocr = ocr
        self._lock = threading.Lock()
        self._memory: dict[str, str] = {}
        self._seen: dict[tuple[str, int, int, int], str] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_memory": {}, "_seen": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def words(self, image: Image) -> str:
        """The words in the image and its caption, "" where there are none. Raises `ImageError`."""
        facts = loader_facts(image.path) if image.path is not None else {}
        caption, kept = (str(facts.get(name) or "") for name in ("caption", "words"))
        read = "" if is_readable(kept) or not self._ocr else self._ocr_words(image)
        return " ".join(part for part in (caption, kept, read) if part)

    def is_known(self, image: Image) -> bool:
        """Are the words there without running OCR now?"""
        facts = loader_facts(image.path) if image.path is not None else {}
        if not self._ocr or is_readable(str(facts.get("words") or "")):
            return True
        return self._remembered(self._key(image)) is not None

    def _key(self, image: Image) -> str:
        """The hash of the image's bytes; a file that has not changed is hashed once."""
        if image.path is None:
            return content_hash(read_bytes(image))
        try:
            status = os.stat(image.path)
        except (OSError, ValueError):
            return content_hash(read_file(image.path))  # says what is wrong
        place = (str(image.path), status.st_size, status.st_mtime_ns, status.st_ino)
        if place not in self._seen:
            self._seen[place] = content_hash(read_file(image.path))
        return self._seen[place]

    def _ocr_words(self, image: Image) -> str:
        key = self._key(image)
        with self._lock:  # one at a time: the engine uses all cores, and nothing is read twice
            words = self._remembered(key)
            if words is None:
                words = _read(image)
                self._remember(key, words)
        return words

    def _remembered(self, key: str) -> str | None:
        if key in self._memory:
            return self._memory[key]
        if self._folder is None:
            return None
        try:
            words = (self._folder / f"{key}.txt").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None  # not read yet, or damaged: it is read again
        self._memory[key] = words
        return words

    def _remember(self, key: str, words: str) -> None:
        self._memory[key] = words
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=self._folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(words)
        os.replace(temporary, self._folder / f"{key}.txt")


def is_readable(words: str) -> bool:
    """Does a text layer say what the picture shows: enough words, and most of them letters?

    Fonts without a Unicode table give replacement and private-use characters instead.
    """
    if len(words.split()) < FEW_WORDS:
        return False
    visible = re.sub(r"\s", "", words)
    odd = sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" or ord(c) < 32 for c in visible)
    return odd < 0.1 * len(visible)


def _read(image: Image) -> str:
    import numpy as np  # a dependency of the OCR engine

    picture = open_image(image, OCR_PIXELS)
    found = _engine()(np.asarray(picture)[:, :, ::-1])  # the engine wants BGR
    return " ".join(found.txts or ())


@functools.cache
def _engine() -> Callable[[Any], Any]:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingDependencyError("rapidocr", "ocr", "reading the words in images") from error
    # The orientation classifier doubles the memory and finds next to nothing on figures.
    return RapidOCR(params={"Global.use_cls": False, "Global.log_level": "error"})  # type: ignore[no-any-return]
