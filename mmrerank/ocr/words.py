"""The words in an image: saved by a loader, cached from an earlier reading, or read by OCR."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from mmrerank.errors import ImageError, warn
from mmrerank.filesystem import FileStamp, file_stamp, write_atomically
from mmrerank.images.decode import content_hash, read_bytes, read_file
from mmrerank.ocr.engine import ReadLine, read_lines
from mmrerank.ocr.processes import read_in_processes
from mmrerank.types import Image

__all__ = [
    "ImageReader",
    "default_cache_dir",
    "is_readable",
    "loader_facts",
    "remove_unused_words",
]

LETTERS = 0.55  # share of characters: a font without a Unicode table yields fewer letters

FEW_WORDS = 5  # a text layer with fewer does not say what the picture says

_DAY = 24 * 3600.0  # seconds

_KEPT = 60 * _DAY  # without use, before cached words are removed

_SIDECAR_BYTES = 2**20

_SIDECAR_KEYS = {"page", "box", "words"}

_TEXTS = {"source", "caption", "label", "words", "context", "kind"}

_ENGINE = "rapidocr-3-enlarged"  # part of the cache key: another engine reads other words


def default_cache_dir() -> Path:
    """The folder in which OCR words are cached: `MMRERANK_CACHE`, or else the user's cache folder."""
    named = os.environ.get("MMRERANK_CACHE")
    return Path(named).expanduser() if named else user_cache_path("mmrerank")


def remove_unused_words(cache_dir: Path) -> int:
    """Remove the cached words that nobody has used for 60 days; the number of their images.

    The folder is shared by all indexes and rerankers of a user, none of which knows what the
    others need: so it is the last use that counts. Looks at the files once a day at most. What
    cannot be removed stays.
    """
    marker = cache_dir / "ocr" / ".last-look"
    now, removed = time.time(), 0
    with contextlib.suppress(OSError):
        if marker.exists() and now - marker.stat().st_mtime < _DAY:
            return 0
        marker.touch()  # raises if there is no cache
        for path in marker.parent.glob("*/*.json"):
            with contextlib.suppress(OSError):  # another process was first
                if now - path.stat().st_mtime > _KEPT:
                    path.unlink()
                    removed += 1
    return removed


def _mark_used(path: Path) -> None:
    """Record the day of the last use, in the file's modification time."""
    with contextlib.suppress(OSError):  # a cache that can only be read
        if time.time() - path.stat().st_mtime > _DAY:
            os.utime(path)


def loader_facts(image: Image, source: str | None = None) -> dict[str, Any]:
    """What a loader wrote beside an image it saved (page, caption, words, ...); {} if nothing.

    Several documents may share an image: then the facts are those for `source`. Without `source`
    the caption is left out if the documents disagree about it.
    """
    facts = _sidecar(image)
    others = facts.pop("others", None)
    listed = others if isinstance(others, list) else []
    places = [facts, *(_texts_only(place) for place in listed if isinstance(place, dict))]
    if source is not None:
        for place in places:
            if place.get("source") == source:
                return {**facts, **place}
    if any(place.get("caption") != facts.get("caption") for place in places):
        facts["caption"] = ""
    return facts


def _sidecar(image: Image) -> dict[str, Any]:
    """The JSON beside an image file; {} if it is missing, damaged or not a loader's."""
    if image.path is None or image.path.suffix == ".json":
        return {}
    try:
        facts = json.loads(read_file(image.path.with_suffix(".json"), _SIDECAR_BYTES, image.root))
    except (ImageError, ValueError, RecursionError):
        return {}
    if not isinstance(facts, dict) or not facts.keys() >= _SIDECAR_KEYS:
        return {}  # annotation tools write JSON beside images too
    return _texts_only(facts)


def _texts_only(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts of which those that must be text are, without halves of surrogate pairs."""
    texts = {
        name: facts[name].encode("utf-8", "replace").decode()
        for name in _TEXTS & facts.keys()
        if isinstance(facts[name], str)
    }
    return {name: value for name, value in facts.items() if name not in _TEXTS} | texts


class ImageReader:
    """Reads the words in images; OCR reads each image file only once.

    `cache_dir` is a folder for one small JSON file per image, named by the hash of its bytes; None
    caches words in memory only. `ocr=False` uses only the words that loaders saved from text layers.
    Safe to use from several threads.
    """

    def __init__(self, cache_dir: str | Path | None, *, ocr: bool = True) -> None:
        self._folder = Path(cache_dir) / "ocr" / _ENGINE if cache_dir is not None else None
        self._ocr = ocr
        self._lock = threading.Lock()
        self._memory: dict[str, list[ReadLine]] = {}
        self._keys: dict[FileStamp, str] = {}
        self._ahead: dict[str, Future[list[ReadLine]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_memory": {}, "_keys": {}, "_ahead": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    @property
    def uses_ocr(self) -> bool:
        """Whether images may be read by OCR."""
        return self._ocr

    def words(self, image: Image) -> str:
        """The words in the image and its caption, "" if there are none.

        Raises `ImageError` for an image that cannot be read, `MissingDependencyError` if OCR is
        needed and not installed.
        """
        facts = loader_facts(image)
        caption, text_layer = (str(facts.get(name) or "") for name in ("caption", "words"))
        lines = [] if is_readable(text_layer) or not self._ocr else self.lines(image)
        parts = (caption, text_layer, *(line.text for line in lines))
        return " ".join(part for part in parts if part)

    def is_known(self, image: Image) -> bool:
        """Are the words known without running OCR now? Raises `ImageError`."""
        if not self._ocr or is_readable(str(loader_facts(image).get("words") or "")):
            return True
        return self._remembered(self._key(image)) is not None

    def _key(self, image: Image) -> str:
        """The hash of the image's bytes; a file that has not changed is hashed once."""
        stamp = file_stamp(image.path) if image.path is not None else None
        if stamp is None:
            return content_hash(read_bytes(image))
        if stamp not in self._keys:
            self._keys[stamp] = content_hash(read_bytes(image))
        return self._keys[stamp]

    def lines(self, image: Image) -> list[ReadLine]:
        """The lines that OCR reads in the image.

        Raises `ImageError` for an image that cannot be read, `MissingDependencyError` without OCR.
        """
        key = self._key(image)
        lines = self._remembered(key)
        if lines is not None:
            return lines
        if (ahead := self._ahead.get(key)) is not None:
            with contextlib.suppress(CancelledError):  # another thread gave it up
                return ahead.result()
        with self._lock:  # one at a time, so that nothing is read twice
            lines = self._remembered(key)
            return self._keep(image, read_lines) if lines is None else lines

    @contextlib.contextmanager
    def reading_ahead(self, images: Iterable[Image]) -> Iterator[None]:
        """Within it, OCR reads these images in several processes, if that pays for their start.

        `lines` and `words` wait for the image that they are asked for, and raise its error. What
        has not been read at the end is given up. Raises `ImageError` for an image without bytes.
        """
        unknown: dict[str, Image] = {}
        for image in images:
            if not self.is_known(image) and (key := self._key(image)) not in self._ahead:
                unknown[key] = image
        with read_in_processes(unknown.values(), read=self._keep) as futures:
            own = dict(zip(unknown, futures, strict=False))  # no futures if it does not pay
            self._ahead.update(own)
            try:
                yield
            finally:
                for key in own:
                    del self._ahead[key]

    def _keep(self, image: Image, read: Callable[[bytes, str], list[ReadLine]]) -> list[ReadLine]:
        """The lines that `read` reads in the image, kept for later."""
        data = read_bytes(image)  # read once, so that OCR reads the bytes that are hashed
        lines = read(data, image.name)
        self._remember(content_hash(data), lines)
        return lines

    def _remembered(self, key: str) -> list[ReadLine] | None:
        if key in self._memory:
            return self._memory[key]
        if self._folder is None:
            return None
        path = self._folder / f"{key}.json"
        try:
            rows = json.loads(path.read_bytes())
            lines = [
                ReadLine((x0, y0, x1, y1), str(text), *map(int, turned))
                for x0, y0, x1, y1, text, *turned in rows  # earlier versions kept no angle
            ]
        except (OSError, ValueError, TypeError, RecursionError):
            return None  # not read yet, or damaged: it is read again
        _mark_used(path)
        self._memory[key] = lines
        return lines

    def _remember(self, key: str, lines: list[ReadLine]) -> None:
        self._memory[key] = lines
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            rows = [[*line.box, line.text, line.angle] for line in lines]
            data = json.dumps(rows, ensure_ascii=False).encode()
            write_atomically(self._folder / f"{key}.json", lambda part: _write_private(part, data))
        except OSError as error:
            warn(
                f"words in images cannot be cached in {self._folder}: {error}; "
                "they are cached in memory only"
            )
            self._folder = None


def _write_private(path: Path, data: bytes) -> None:
    """A new file that only its owner may read: words in images may be confidential."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def is_readable(words: str) -> bool:
    """Is a text layer usable: does it have enough words, made mostly of letters?

    Fonts without a Unicode table yield replacement and private-use characters, or punctuation,
    instead of letters.
    """
    if len(words.split()) < FEW_WORDS:
        return False
    visible = re.sub(r"\s", "", words)
    odd = sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" or ord(c) < 32 for c in visible)
    letters = sum(unicodedata.category(c)[0] in "LMN" for c in visible)
    return odd < 0.1 * len(visible) and letters > LETTERS * len(visible)
