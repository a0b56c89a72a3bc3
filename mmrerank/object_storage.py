"""Object storage by URL (S3, Google, Azure, or a folder as `file://`), through obstore."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from mmrerank.errors import InvalidInputError, RerankError
from mmrerank.forks import ForkGuard
from mmrerank.optional import require

__all__ = [
    "OBJECT_SCHEMES",
    "check_object_url",
    "environment_options",
    "is_secret",
    "object_store",
    "put_object",
    "short_reason",
]

OBJECT_SCHEMES = ("s3", "gs", "az", "file")

_SECRET = re.compile(r"key|secret|token|password|credential|sas|signature", re.IGNORECASE)

_CLIENT_OPTIONS = ("allow_http", "allow_invalid_certificates", "proxy_url", "user_agent")

_CONNECT = 10.0  # seconds at most for a connection

_fork_guard = ForkGuard(
    RerankError,
    "object storage cannot be used in a fork of a process that has used it: start the "
    'process with the method "spawn" of multiprocessing',
)


def is_secret(option: str) -> bool:
    """Does the name of an option speak of a key, a secret or a token?"""
    return _SECRET.search(option) is not None


def check_object_url(url: str, options: Mapping[str, str]) -> str:
    """The URL without a slash at its end.

    Raises `InvalidInputError` for a URL of another kind, and for credentials in the URL or the
    options: these are read from the environment, so that they are never shown, stored or pickled.
    """
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidInputError("a URL of object storage has no user, password or query")
    if parts.scheme.lower() not in OBJECT_SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in OBJECT_SCHEMES)
        raise InvalidInputError(f"a URL of object storage begins with {known}, unlike {url!r:.80}")
    if secret := [name for name in options if is_secret(name)]:
        raise InvalidInputError(
            f"{secret[0]} is read from the environment, in capitals ({secret[0].upper()}), and is "
            "not an option"
        )
    return url.rstrip("/")


def object_store(
    url: str, options: Mapping[str, str], *, timeout: float, retries: int, extra: str, purpose: str
) -> Any:
    """An obstore for a URL that `check_object_url` has checked.

    `options` are those of object_store as text (`aws_endpoint`, `aws_region`, `allow_http`, ...).
    A request takes at most `timeout` seconds and is repeated `retries` times. `extra` and `purpose`
    are for the `MissingDependencyError` of an environment without obstore.
    """
    _fork_guard.check()
    from_url = require("obstore.store", extra=extra, purpose=purpose).from_url
    if url.startswith("file:"):
        return from_url(url, mkdir=True)
    given = environment_options() | {name.lower(): value for name, value in options.items()}
    client = {name: given.pop(name) for name in _CLIENT_OPTIONS if name in given}
    limit = timedelta(seconds=timeout)
    return from_url(
        url,
        config=given or None,
        client_options={
            "timeout": limit,
            "connect_timeout": timedelta(seconds=min(timeout, _CONNECT)),
            **{k: v == "true" if k.startswith("allow") else v for k, v in client.items()},
        },
        retry_config={"max_retries": retries, "retry_timeout": limit * (retries + 1)},
    )


def put_object(store: Any, path: str, data: bytes, *, replaces: bool) -> bool:
    """Write an object; False if there is one that it must not replace. Raises what obstore raises."""
    try:
        store.put(path, data, mode="overwrite" if replaces else "create")
    except (FileExistsError, require("obstore.exceptions").AlreadyExistsError):
        return False
    return True


def environment_options() -> dict[str, str]:
    """What obstore does not read from the environment once it is given limits of time.

    A storage that is reached by http is one in the same network, such as MinIO.
    """
    allowed = os.environ.get("AWS_ALLOW_HTTP", "")
    return {"allow_http": allowed.lower()} if allowed else {}


def short_reason(error: BaseException) -> str:
    """The first paragraph of a message: what follows are the internals of a Rust library."""
    return ((str(error) or type(error).__name__).partition("\n\n")[0].strip())[:1000]
