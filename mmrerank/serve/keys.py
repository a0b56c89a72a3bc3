"""API keys: who may use the server."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path

from mmrerank.errors import InvalidInputError

__all__ = ["VARIABLE", "Keys"]

VARIABLE = "MMRERANK_API_KEYS"
"""The environment variable that has the keys of a server, separated by commas or white space."""


class Keys:
    """The keys that a server accepts; without any, it asks for none.

    Only hashes are kept, so that no message, log or dump can show a key.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._hashes = [_hash(key) for key in dict.fromkeys(keys)]

    @classmethod
    def read(cls, path: str | os.PathLike[str] | None = None) -> Keys:
        """The keys of a file, one a line (`#` begins a comment), or else of `VARIABLE`.

        Raises `InvalidInputError` for a file that cannot be read, and for a file or variable
        that is there and has no key: the server would be open by mistake.
        """
        if path is None:
            value = os.environ.get(VARIABLE)
            return cls() if value is None else cls._some(value.replace(",", " ").split(), VARIABLE)
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise InvalidInputError(f"the keys in {path} cannot be read: {reason}") from None
        lines = [line.partition("#")[0].strip() for line in text.splitlines()]
        return cls._some([line for line in lines if line], str(path))

    @classmethod
    def _some(cls, keys: list[str], source: str) -> Keys:
        if not keys:
            raise InvalidInputError(f"there is no key in {source}")
        return cls(keys)

    def __len__(self) -> int:
        return len(self._hashes)

    def accept(self, authorization: str | None) -> bool:
        """Does this `Authorization` header hold a key? As a bearer token, or for browsers as the
        password of basic authentication, with any user name.

        The time this takes depends neither on how much of a key is right, nor on which key it is.
        """
        if not self._hashes:
            return True
        given = _hash(_credential(authorization or ""))
        matches = [hmac.compare_digest(given, one) for one in self._hashes]
        return any(matches)


def _credential(authorization: str) -> str:
    """The key within an `Authorization` header, "" if there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):  # ValueError: also UnicodeDecodeError
        return ""
    return decoded.partition(":")[2]


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
