"""Where an index at a URL is, and how it is reached: one kind of error, bounded waiting, no secrets."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mmrerank.errors import InvalidInputError, RerankError, StoreError
from mmrerank.forks import ForkGuard
from mmrerank.object_storage import (
    OBJECT_SCHEMES,
    environment_options,
    is_secret,
    object_store,
    short_reason,
)
from mmrerank.ocr.words import default_cache_dir
from mmrerank.optional import require

__all__ = ["Place", "Storage", "fork_guard", "is_url"]

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")

fork_guard = ForkGuard(
    StoreError,
    "an index at a URL cannot be used in a fork of a process that has used one: start the "
    'process with the method "spawn" of multiprocessing, or fork it before the index is opened',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How an index at a URL is reached, and where copies of its images are kept.

    `options` are those of object_store, as text: `aws_endpoint`, `aws_region`, `allow_http`,
    `google_service_account`, `azure_storage_account_name`, ... What is not given is taken from the
    environment (`AWS_ACCESS_KEY_ID`, ...), which is the place for credentials: options whose names
    speak of keys, secrets or tokens are shown nowhere and are not pickled. One request waits
    `timeout` seconds and is repeated `retries` times. Copies of images lie below `cache_dir`
    (default: in the user's cache), and those used longest ago are removed beyond `cache_bytes`.
    """

    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 30.0
    retries: int = 3
    cache_dir: str | os.PathLike[str] | None = None
    cache_bytes: int = 2 * 2**30

    def __reduce__(self) -> tuple[Any, ...]:
        shown = {k: v for k, v in self.options.items() if not is_secret(k)}
        rest = {name: getattr(self, name) for name in self.__slots__ if name != "options"}
        return partial(Storage, options=shown, **rest), ()


def is_url(place: object) -> bool:
    """Is it a URL, and not the name of a folder?"""
    return isinstance(place, str) and _URL.match(place) is not None


class Place:
    """The URL of an index. Raises `InvalidInputError` for one that cannot be used."""

    def __init__(self, url: str, storage: Storage | None) -> None:
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise InvalidInputError(
                "the URL of an index has no user, password or query: credentials are read from the "
                "environment or given as Storage(options=...)"
            )
        if parts.scheme.lower() not in OBJECT_SCHEMES:
            known = ", ".join(f"{scheme}://" for scheme in OBJECT_SCHEMES)
            raise InvalidInputError(f"an index is in a folder or at {known}, not at {url}")
        self.url = url.rstrip("/")
        self.storage = storage or Storage()
        self._secrets = [value for name, value in self._given.items() if is_secret(name) and value]

    @property
    def folder(self) -> Path:
        """The local folder of what is copied from the URL, and of the states of local models."""
        base = self.storage.cache_dir
        root = default_cache_dir().parent / "indexes" if base is None else Path(base)
        return root.absolute() / hashlib.sha256(self.url.encode()).hexdigest()[:24]

    @property
    def _given(self) -> dict[str, str]:
        given = {str(name).lower(): str(value) for name, value in self.storage.options.items()}
        return environment_options() | given

    @cached_property
    def database(self) -> Any:
        """A connection of LanceDB's. Raises `StoreError`."""
        fork_guard.check()
        storage = self.storage
        limits = {
            "timeout": f"{storage.timeout:g}s",
            "connect_timeout": f"{min(storage.timeout, 10.0):g}s",
            "client_max_retries": str(storage.retries),
            "client_retry_timeout": str(max(1, int(storage.timeout * (storage.retries + 1)))),
        }
        with self.errors("opened"):
            return require("lancedb").connect(self.url, storage_options={**limits, **self._given})

    @cached_property
    def objects(self) -> Any:
        """An obstore of the URL. Raises `StoreError`."""
        fork_guard.check()
        with self.errors("opened"):
            return object_store(
                self.url,
                self._given,
                timeout=self.storage.timeout,
                retries=self.storage.retries,
                extra="lancedb",
                purpose="a LanceDB index",
            )

    @contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Errors of the storage and of LanceDB as `StoreError`, without credentials."""
        try:
            yield
        except (RerankError, AssertionError):
            raise
        except Exception as error:
            raise StoreError(
                f"the index at {self.url} cannot be {what}: {self.without_secrets(error)}"
            ) from None  # its traceback would show the original message

    def without_secrets(self, error: BaseException) -> str:
        """The first paragraph of a message: what follows are the internals of a Rust library."""
        text = short_reason(error)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        if "169.254.169.254" in text:  # where a machine of AWS would be given some
            text = f"no credentials were found, such as AWS_ACCESS_KEY_ID ({text})"
        return text
