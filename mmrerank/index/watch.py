"""Keeps an index in step with its folders while they change.

Every round of changes leads to one whole `sync`: unchanged files cost it next to nothing, and what
an event leaves out (a folder that was moved, a lost event) is seen all the same.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Container, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mmrerank.errors import DocumentError, RerankError, warn
from mmrerank.index.scan import Paths, several
from mmrerank.optional import require

if TYPE_CHECKING:
    from threading import Event

    from mmrerank.index.report import SyncReport

__all__ = ["watch"]

_QUIET_MS = 300  # a round of changes ends when nothing changed for so long,
_LONGEST_ROUND_MS = 5_000  # or after this time: files may change without end
_LOOK_MS = 500  # how often the watched paths themselves are looked at
_RETRY_S = 30.0  # after a sync that failed as a whole, if nothing changes before

_DELETED = 3  # `watchfiles.Change.deleted`

_Stamp = tuple[int, ...] | None


def watch(
    sync: Callable[[list[Path]], SyncReport],
    paths: Paths,
    *,
    exclude: Path,
    on_error: Callable[[RerankError], object] | None = None,
    stop: Event | None = None,
) -> Iterator[SyncReport]:
    """Call `sync` with files and folders now and after each change; the report of each call.

    `exclude` is the index's own folder: what is written there does not count as a change. Ends when
    `stop` is set. The error of a sync that fails is passed to `on_error` (without it, it becomes a
    `RerankWarning`), and the sync is tried again at the next change, or after half a minute. A path
    that no longer exists is an error too: its entries stay, and it is synced when it is back, since
    it may be on a disk that was unmounted. Where the system offers no notifications, folders are
    looked through again and again, with a `RerankWarning`.

    Raises `MissingDependencyError` if the extra `watch` is not installed.
    """
    roots = [Path(os.path.abspath(path)) for path in several(paths)]  # noqa: PTH100 - links stay
    watcher = _Watcher(sync, roots, Path(os.path.realpath(exclude)), on_error or _warn, stop)
    while watcher.is_wanted:
        yield from watcher.until_a_root_moves()


def _warn(error: RerankError) -> None:
    warn(str(error))


class _Watcher:
    """The state of one `watch`: what is known of its roots, and which of them are missing."""

    def __init__(
        self,
        sync: Callable[[list[Path]], SyncReport],
        roots: list[Path],
        own: Path,
        on_error: Callable[[RerankError], object],
        stop: Event | None,
    ) -> None:
        self.is_wanted = True
        self._sync_paths, self._roots, self._own = sync, roots, own
        self._on_error, self._stop = on_error, stop
        self._missing: set[Path] = set()
        self._is_polling: bool | None = None  # None: as watchfiles and its variables choose

    def until_a_root_moves(self) -> Iterator[SyncReport]:
        """The reports of one set of notifications.

        A notification follows a folder, not its name: once a root is another folder than before,
        or is gone, new ones must be requested. The sync comes first after that, so that no change
        is lost between two sets.
        """
        stamps = self._stamps()
        due: float | None = 0.0  # when a sync is due, even if nothing changes
        with closing(self._rounds(stamps)) as rounds:
            for changes in rounds:
                now = self._stamps()
                if changes or now != stamps or (due is not None and time.monotonic() >= due):
                    report = self._sync(now)
                    due = None if report is not None else time.monotonic() + _RETRY_S
                    if report is not None:
                        yield report
                if _folders(now) != _folders(stamps) or _is_deleted(now, changes):
                    return
                stamps = now

    def _rounds(self, stamps: dict[Path, _Stamp]) -> Generator[set[tuple[int, str]], None, None]:
        """What changed, round by round; an empty set each half second without any."""
        watchfiles = require("watchfiles")
        try:
            yield from watchfiles.watch(
                *_folders(stamps),  # named files are looked at instead: editors replace them
                watch_filter=lambda _, path: not self._is_own(path),
                debounce=_LONGEST_ROUND_MS,
                step=_QUIET_MS,
                rust_timeout=_LOOK_MS,
                yield_on_timeout=True,
                stop_event=self._stop,
                force_polling=self._is_polling,
            )
            self.is_wanted = False  # `stop` was set
        except FileNotFoundError:  # a root was just deleted; the next set leaves it out
            return
        except OSError as error:  # no more notifications are to be had: fs.inotify.max_user_watches
            if self._is_polling:
                raise DocumentError(str(self._roots[0]), f"cannot be watched ({error})") from error
            warn(f"looking through the folders instead of being notified of changes ({error})")
            self._is_polling = True

    def _is_own(self, path: str) -> bool:
        """Is it part of the index, which may lie in a folder that is watched?"""
        return Path(os.path.realpath(path)).is_relative_to(self._own)

    def _sync(self, now: dict[Path, _Stamp]) -> SyncReport | None:
        """The report of syncing the roots that exist; None if that failed."""
        missing = {root for root, stamp in now.items() if stamp is None}
        for root in sorted(missing - self._missing):
            self._on_error(
                DocumentError(str(root), "does not exist; what the index has of it stays")
            )
        self._missing = missing
        there = [root for root in self._roots if root not in missing]
        try:
            return self._sync_paths(there)
        except RerankError as error:
            self._on_error(error)
            return None

    def _stamps(self) -> dict[Path, _Stamp]:
        return {root: _stamp(root) for root in self._roots}


def _stamp(path: Path) -> _Stamp:
    """What identifies a folder, or a file with its content: another stamp means a change."""
    try:
        status = path.stat()
    except OSError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return status.st_dev, status.st_ino
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _is_deleted(roots: Container[Path], changes: set[tuple[int, str]]) -> bool:
    """Was a root deleted, even if something else is there by now?"""
    return any(change == _DELETED and Path(path) in roots for change, path in changes)


def _folders(stamps: dict[Path, _Stamp]) -> dict[Path, _Stamp]:
    """Those of the roots that are folders, with their stamps."""
    return {root: stamp for root, stamp in stamps.items() if stamp is not None and len(stamp) == 2}
