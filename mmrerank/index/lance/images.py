"""Images at a URL by a hash of their content, and a bounded local folder of copies."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mmrerank.errors import ImageError, StoreError, warn
from mmrerank.filesystem import write_atomically
from mmrerank.images.decode import read_file
from mmrerank.index.lance.storage import Place
from mmrerank.loaders.base import Figure
from mmrerank.loaders.saving import image_folder, save_facts
from mmrerank.ocr.words import loader_facts
from mmrerank.process_lock import process_lock
from mmrerank.types import Image

__all__ = ["ImageCopies"]

_FOLDER, _LOOKED = "images", "notes/unused-images"
_AT_ONCE = 8  # images that are fetched or written side by side
_MOST_BYTES = 2**29  # of an image file
_KEPT = timedelta(days=1)
"""How long an image stays that nothing refers to: another machine may have written it for a file
whose commit is still to come."""
_FACTS = ("page", "box", "kind", "caption", "label", "words", "context")


class ImageCopies:
    """The images of an index at a URL, and their copies in `root`."""

    def __init__(self, place: Place, root: Path) -> None:
        self._place, self._root = place, root
        self._lock = threading.Lock()

    def upload(self, refs: Iterable[str], source: str) -> dict[str, dict[str, Any]]:
        """Write images of a file to the URL; what is known of each. Raises `StoreError`."""
        listed = list(dict.fromkeys(refs))
        if not listed:
            return {}
        with ThreadPoolExecutor(_AT_ONCE, "mmrerank-images") as pool:
            list(pool.map(self._upload, listed))
        facts: dict[str, dict[str, Any]] = {}
        for ref in listed:
            known = loader_facts(Image(path=self._root / ref, root=self._root), source)
            facts[ref] = {name: known[name] for name in _FACTS if name in known}
        return facts

    def _upload(self, ref: str) -> None:
        try:
            data = read_file(self._root / ref, _MOST_BYTES, self._root)
        except ImageError as error:
            raise StoreError(f"an image of the index is gone from {self._root}: {error}") from error
        with self._place.errors("written"):
            # Also if it is there: an old one that nothing referred to might just be removed.
            self._place.objects.put(f"{_FOLDER}/{ref}", data)

    def fetch(self, wanted: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Make local copies of images: by source and reference, what is known of them.

        What cannot be had is left out, with a `RerankWarning`.
        """
        refs = list(dict.fromkeys(ref for known in wanted.values() for ref in known))
        if not refs:
            return
        image_folder(self._root)
        missing = [ref for ref in refs if not self._is_here(ref)]
        self._download(missing)
        with self._lock, self._process_lock():
            for source, known in wanted.items():
                for ref, facts in known.items():
                    self._save_facts(ref, source, facts)
        if missing:
            self._evict(keep=set(refs))

    def _is_here(self, ref: str) -> bool:
        try:
            os.utime(self._root / ref)  # its last use
        except OSError:
            return False
        return True

    def _download(self, refs: Sequence[str]) -> None:
        if not refs:
            return
        with ThreadPoolExecutor(_AT_ONCE, "mmrerank-images") as pool:
            problems = [one for one in pool.map(self._copy, refs) if one]
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            warn(f"{problems[0]}{more}; results are without it")

    def _copy(self, ref: str) -> str:
        """Copy one image; what was wrong, or "". The copy is there as a whole, or not at all."""
        if Path(ref).name != ref:
            return f"{ref!r} is not the name of an image"
        try:
            data = bytes(self._place.objects.get(f"{_FOLDER}/{ref}").bytes())
        except Exception as error:
            return f"the image {ref} cannot be read from {self._place.url}: " + (
                "it is missing"
                if isinstance(error, FileNotFoundError)
                else self._place.without_secrets(error)
            )
        if not hashlib.sha256(data).hexdigest().startswith(Path(ref).stem):
            return f"the image {ref} at {self._place.url} is damaged: its content has another hash"
        try:
            write_atomically(self._root / ref, data)
        except OSError as error:
            return f"the image {ref} cannot be copied to {self._root}: {error}"
        return ""

    def _save_facts(self, ref: str, source: str, facts: Mapping[str, Any]) -> None:
        if not facts.keys() >= {"page", "box", "kind"} or not (self._root / ref).is_file():
            return
        texts = {name: str(facts.get(name) or "") for name in _FACTS[3:]}
        figure = Figure(
            ref=ref,
            source=source,
            page=int(facts["page"]),
            box=tuple(facts["box"]),
            kind=facts["kind"],
            **texts,
        )
        save_facts(self._root, figure)

    def _process_lock(self) -> Any:
        path = self._root.parent / "facts.lock"
        return process_lock(path, timeout=30.0, busy=f"another process keeps {path} locked")

    def _evict(self, keep: set[str]) -> None:
        """Remove the copies that were used longest ago, until the others fit the bound."""
        stems = {Path(ref).stem for ref in keep}
        files: list[tuple[float, int, Path]] = []
        for path in self._root.iterdir():
            if path.suffix != ".json" and not path.name.startswith("."):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._place.storage.cache_bytes:
                return
            if path.stem not in stems:
                path.unlink(missing_ok=True)
                path.with_suffix(".json").unlink(missing_ok=True)
                total -= size

    def stored(self) -> dict[str, datetime]:
        """All images at the URL, and when each was last written. Raises `StoreError`."""
        with self._place.errors("read"):
            return {
                one["path"].removeprefix(f"{_FOLDER}/"): one["last_modified"]
                for some in self._place.objects.list(f"{_FOLDER}/")
                for one in some
            }

    def remove_unused(self, used: set[str]) -> int:
        """Remove images that are not used and were written over a day ago; how many.

        Looked for once a day. All times are the storage's own, whatever the clocks of the machines.
        """
        objects = self._place.objects
        with self._place.errors("written"):
            try:
                last = objects.head(_LOOKED)["last_modified"]
            except FileNotFoundError:
                last = None
            objects.put(_LOOKED, b"the time of this file is when unused images were last removed\n")
            now = objects.head(_LOOKED)["last_modified"]
            if last is None or now - last < _KEPT:
                return 0
            unused = [r for r, at in self.stored().items() if r not in used and now - at > _KEPT]
            for ref in unused:
                objects.delete(f"{_FOLDER}/{ref}")
        return len(unused)
