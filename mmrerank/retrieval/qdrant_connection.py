"""Qdrant's client, opened when it is needed, with one kind of error for all that may happen."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from mmrerank.errors import RerankError, StoreError
from mmrerank.http.credentials import Secret, check_base_url, find_key
from mmrerank.http.masking import Mask
from mmrerank.http.proxies import is_this_machine, proxy_secrets
from mmrerank.optional import require
from mmrerank.process_lock import process_lock

__all__ = ["QdrantFolder", "QdrantServer"]

_LOCK = "mmrerank.lock"
_LOCK_TIMEOUT = 2.0  # seconds; whoever has the folder open usually keeps it


class _Connection:
    """A client of Qdrant's; `place` is a server or a folder, for messages."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._client: Any = None
        self._held = ExitStack()  # the client, and what it stands on
        self._one_at_a_time = threading.RLock()
        self._process = os.getpid()

    def close(self) -> None:
        """Close the client; its next use opens it again. Safe to call twice."""
        with self._one_at_a_time:
            self._client = None
            self._held.close()

    def _opened(self) -> Any:
        if os.getpid() != self._process:  # it would share the connection, or the folder's lock
            raise StoreError("a QdrantStore cannot be used in a fork of the process that made it")
        with self._one_at_a_time:
            if self._client is None:
                require("qdrant_client")
                with ExitStack() as held:
                    self._client = self._make(held)
                    held.callback(self._client.close)
                    self._held = held.pop_all()
            return self._client

    def _make(self, held: ExitStack) -> Any:
        """A new client; `held` gets what is to be closed after it."""
        raise NotImplementedError

    def _reason(self, error: Exception) -> str:
        """What went wrong, for people."""
        raise NotImplementedError

    @contextmanager
    def using(self) -> Iterator[Any]:
        """The client. Raises `StoreError` for whatever goes wrong with it."""
        try:
            yield self._opened()
        except RerankError:
            raise
        except Exception as error:  # the client raises httpx's, pydantic's, sqlite's and its own
            raise StoreError(self._reason(error)) from None  # it may hold the key


class QdrantServer(_Connection):
    """A server; the parameters are those of `QdrantStore`, which says what they mean."""

    def __init__(
        self, base_url: str, *, api_key: object, timeout: float, allow_http_key: bool
    ) -> None:
        key = find_key(api_key, ("QDRANT_API_KEY",), None)
        url = check_base_url(base_url, has_key=key is not None, allow_http_key=allow_http_key)
        super().__init__(url)
        self._timeout = math.ceil(timeout)  # the client takes whole seconds
        self._key = Secret(key)
        self._mask = Mask([*([key] if key else ()), *proxy_secrets(None)])

    def _make(self, held: ExitStack) -> Any:
        from qdrant_client import QdrantClient

        takes_proxy = not is_this_machine(httpx.URL(self.place).host)
        return QdrantClient(
            url=self.place,
            api_key=self._key.reveal(),
            timeout=self._timeout,
            check_compatibility=False,  # a request in a thread that nobody waits for
            trust_env=takes_proxy,
        )

    def _reason(self, error: Exception) -> str:
        return self._mask(f"Qdrant at {self.place} {self._problem(error)}")

    def _problem(self, error: Exception) -> str:
        source = getattr(error, "source", error)  # of the client's ResponseHandlingException
        status = getattr(error, "status_code", None)
        said = " ".join(str(source).split()) or type(source).__name__
        if isinstance(source, httpx.TimeoutException):
            return f"did not answer within {self._timeout} seconds"
        if isinstance(source, httpx.TransportError):
            return f"cannot be reached: {said}"
        if status in (401, 403):
            return f"refuses the key ({status}); set QDRANT_API_KEY, or pass api_key"
        return f"failed: {said}"


class QdrantFolder(_Connection):
    """A folder of Qdrant's local mode, which one process at a time has open."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder = folder

    @contextmanager
    def using(self) -> Iterator[Any]:
        """As `_Connection.using`, for one thread at a time: the local mode expects that."""
        with self._one_at_a_time, super().using() as client:
            yield client

    def _make(self, held: ExitStack) -> Any:
        from qdrant_client import QdrantClient

        self._folder.mkdir(parents=True, exist_ok=True)
        # Qdrant's own lock comes only after it has read the files, which may be old by then.
        busy = (
            f"the vectors in {self._folder} are open elsewhere: Qdrant without a server takes one "
            "process at a time; close the other index, or use a server"
        )
        held.enter_context(process_lock(self._folder / _LOCK, timeout=_LOCK_TIMEOUT, busy=busy))
        return QdrantClient(path=str(self._folder), force_disable_check_same_thread=True)

    def _reason(self, error: Exception) -> str:
        return f"the vectors in {self._folder} cannot be used: {error or type(error).__name__}"
