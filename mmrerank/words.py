"""The words in an image: kept by a loader, remembered from an earlier reading, or read by OCR."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from mmrerank.errors import ImageError, MissingDependencyError, RerankWarning
from mmrerank.images import content_hash, decode_image, read_bytes, read_file
from mmrerank.types import Image

__all__ = ["ImageReader", "default_cache_dir", "has_ocr", "loader_facts"]

OCR_PIXELS = 1_600_000  # a page at about 130 dpi; more costs time and finds no more words
LEAST_SIDE = 8  # pixels; smaller letters are not read
FEW_WORDS = 5  # a text layer with fewer is not trusted to hold what the picture says

_SIDECAR_BYTES = 2**20
_SIDECAR_KEYS = {"page", "box", "words"}
_ENGINE = "rapidocr-3"  # part of the cache's key: another engine reads other words


def default_cache_dir() -> Path:
    """Where OCR words are kept: `MMRERANK_CACHE`, else the user's cache folder."""
    named = os.environ.get("MMRERANK_CACHE")
    return Path(named).expanduser() if named else user_cache_path("mmrerank")


def has_ocr() -> bool:
    """Is the OCR engine (the extra `ocr`) installed?"""
    return importlib.util.find_spec("rapidocr") is not None


def loader_facts(image: Image) -> dict[str, Any]:
    """What a loader wrote beside an image it saved (page, caption, words, ...); {} without it."""
    if image.path is None or image.path.suffix == ".json":
        return {}
    try:
        facts = json.loads(read_file(image.path.with_suffix(".json"), _SIDECAR_BYTES, image.root))
    except (ImageError, ValueError, RecursionError):
        return {}  # absent or damaged: the image itself still tells
    ours = isinstance(facts, dict) and facts.keys() >= _SIDECAR_KEYS
    return facts if ours else {}  # annotation tools keep JSON beside images too


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
        facts = loader_facts(image)
        caption, kept = (str(facts.get(name) or "") for name in ("caption", "words"))
        read = "" if is_readable(kept) or not self._ocr else self._ocr_words(image)
        return " ".join(part for part in (caption, kept, read) if part)

    def is_known(self, image: Image) -> bool:
        """Are the words there without running OCR now?"""
        if not self._ocr or is_readable(str(loader_facts(image).get("words") or "")):
            return True
        return self._remembered(self._key(image)) is not None

    def _key(self, image: Image) -> str:
        """The hash of the image's bytes; a file that has not changed is hashed once."""
        place = _place(image)
        if place is None:
            return content_hash(read_bytes(image))
        if place not in self._seen:
            self._seen[place] = content_hash(read_bytes(image))
        return self._seen[place]

    def _ocr_words(self, image: Image) -> str:
        words = self._remembered(self._key(image))
        if words is not None:
            return words
        data = read_bytes(image)  # read once: what is hashed is what is read by OCR
        key = content_hash(data)
        with self._lock:  # one at a time: the engine uses all cores, and nothing is read twice
            words = self._remembered(key)
            if words is None:
                words = _read(data, image.name)
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
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, temporary = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(words)
            os.replace(temporary, self._folder / f"{key}.txt")
        except OSError as error:
            warnings.warn(
                f"words in images cannot be kept in {self._folder}: {error}; "
                "they are kept in memory only",
                RerankWarning,
                stacklevel=2,
            )
            self._folder = None


def _place(image: Image) -> tuple[str, int, int, int] | None:
    """What tells whether a file is the one that was read before; None for bytes."""
    if image.path is None:
        return None
    try:
        status = os.stat(image.path)
    except (OSError, ValueError):
        return None  # reading it will say what is wrong
    return str(image.path), status.st_size, status.st_mtime_ns, status.st_ino


def is_readable(words: str) -> bool:
    """Does a text layer say what the picture shows: enough words, and most of them letters?

    Fonts without a Unicode table give replacement and private-use characters instead.
    """
    if len(words.split()) < FEW_WORDS:
        return False
    visible = re.sub(r"\s", "", words)
    odd = sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" or ord(c) < 32 for c in visible)
    return odd < 0.1 * len(visible)


def _read(data: bytes, name: str) -> str:
    import numpy as np  # a dependency of the OCR engine

    picture = decode_image(data, name, OCR_PIXELS)
    if min(picture.size) < LEAST_SIDE:
        return ""  # a rule, not a picture; the engine fails on it
    try:
        found = _engine()(np.asarray(picture)[:, :, ::-1])  # the engine wants BGR
    except MissingDependencyError:
        raise
    except Exception as error:  # what the engine raises for a picture has no common kind
        raise ImageError(name, f"its words cannot be read: {error}") from error
    return " ".join(found.txts or ())


@functools.cache
def _engine() -> Callable[[Any], Any]:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingDependencyError("rapidocr", "ocr", "reading the words in images") from error
    # The orientation classifier doubles the memory and finds next to nothing on figures.
    return RapidOCR(params={"Global.use_cls": False, "Global.log_level": "error"})  # type: ignore[no-any-return]
