"""The words in an image: kept by a loader, remembered from an earlier reading, or read by OCR."""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
import unicodedata
import warnings
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from mmrerank.errors import ImageError, RerankWarning
from mmrerank.images.decode import content_hash, read_bytes, read_file
from mmrerank.ocr.engine import ReadLine, read_lines
from mmrerank.types import Image

__all__ = ["ImageReader", "default_cache_dir", "is_readable", "loader_facts"]

LETTERS = 0.55  # of a text's characters: there are fewer among signs that stand for letters

FEW_WORDS = 5  # a text layer with fewer is not trusted to hold what the picture says

_SIDECAR_BYTES = 2**20

_SIDECAR_KEYS = {"page", "box", "words"}

_ENGINE = "rapidocr-3-lines"  # part of the cache's key: another engine reads other words


def default_cache_dir() -> Path:
    """Where OCR words are kept: `MMRERANK_CACHE`, else the user's cache folder."""
    named = os.environ.get("MMRERANK_CACHE")
    return Path(named).expanduser() if named else user_cache_path("mmrerank")


def loader_facts(image: Image, source: str | None = None) -> dict[str, Any]:
    """What a loader wrote beside an image it saved (page, caption, words, ...); {} without it.

    Documents may share an image: then these are the facts for `source`, and without it the caption
    is left out where they do not agree.
    """
    if image.path is None or image.path.suffix == ".json":
        return {}
    try:
        facts = json.loads(read_file(image.path.with_suffix(".json"), _SIDECAR_BYTES, image.root))
    except (ImageError, ValueError, RecursionError):
        return {}  # absent or damaged: the image itself still tells
    if not isinstance(facts, dict) or not facts.keys() >= _SIDECAR_KEYS:
        return {}  # annotation tools keep JSON beside images too
    others = facts.pop("others", None)
    known = [facts, *(one for one in others or () if isinstance(one, dict))]
    for one in known:
        if source is not None and one.get("source") == source:
            return {**facts, **one}
    if any(one.get("caption") != facts.get("caption") for one in known):
        facts["caption"] = ""
    return facts


class ImageReader:
    """Gives the words of images; each image file is read by OCR once, whatever calls for it.

    `cache_dir` holds one small JSON file an image, named by the hash of its bytes; None keeps
    words in memory only. `ocr=False` uses only the words that loaders kept from text layers.
    Safe from several threads.
    """

    def __init__(self, cache_dir: str | Path | None, *, ocr: bool = True) -> None:
        self._folder = Path(cache_dir) / "ocr" / _ENGINE if cache_dir is not None else None
        self._ocr = ocr
        self._lock = threading.Lock()
        self._memory: dict[str, list[ReadLine]] = {}
        self._seen: dict[tuple[str, int, int, int], str] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_memory": {}, "_seen": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def words(self, image: Image) -> str:
        """The words in the image and its caption, "" where there are none. Raises `ImageError`."""
        facts = loader_facts(image)
        caption, kept = (str(facts.get(name) or "") for name in ("caption", "words"))
        lines = [] if is_readable(kept) or not self._ocr else self.lines(image)
        return " ".join(part for part in (caption, kept, *(line.text for line in lines)) if part)

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

    def lines(self, image: Image) -> list[ReadLine]:
        """The lines that OCR reads in the image. Raises `ImageError`."""
        lines = self._remembered(self._key(image))
        if lines is not None:
            return lines
        data = read_bytes(image)  # read once: what is hashed is what is read by OCR
        key = content_hash(data)
        with self._lock:  # one at a time: the engine uses all cores, and nothing is read twice
            lines = self._remembered(key)
            if lines is None:
                lines = read_lines(data, image.name)
                self._remember(key, lines)
        return lines

    def _remembered(self, key: str) -> list[ReadLine] | None:
        if key in self._memory:
            return self._memory[key]
        if self._folder is None:
            return None
        try:
            rows = json.loads((self._folder / f"{key}.json").read_bytes())
            lines = [ReadLine((x0, y0, x1, y1), str(text)) for x0, y0, x1, y1, text in rows]
        except (OSError, ValueError, TypeError, RecursionError):
            return None  # not read yet, or damaged: it is read again
        self._memory[key] = lines
        return lines

    def _remember(self, key: str, lines: list[ReadLine]) -> None:
        self._memory[key] = lines
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, temporary = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump([[*line.box, line.text] for line in lines], file, ensure_ascii=False)
            os.replace(temporary, self._folder / f"{key}.json")
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

    Fonts without a Unicode table give replacement and private-use characters instead, or the
    signs that happen to have the numbers of their letters.
    """
    if len(words.split()) < FEW_WORDS:
        return False
    visible = re.sub(r"\s", "", words)
    odd = sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" or ord(c) < 32 for c in visible)
    letters = sum(unicodedata.category(c)[0] in "LMN" for c in visible)
    return odd < 0.1 * len(visible) and letters > LETTERS * len(visible)
