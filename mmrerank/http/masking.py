"""Takes secrets out of texts that others wrote: services and proxies echo what they are sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

__all__ = ["Mask"]

_READ = 60_000  # characters of a text; services' messages are shorter

_LONG = 8  # characters; shorter values are masked as whole words only, or "t" would mask each t

_SEPARATORS = re.compile(r"[\s;,=:]+")  # as in "Bearer KEY" and "session=KEY; theme=dark"


class Mask:
    """Replaces each of `secrets` by `***`, in plain, percent-encoded and JSON form.

    ::

        Mask(["Bearer abcdefgh"])("your key abcdefgh is unknown")   # "your key *** is unknown"
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret.strip())}
        longest_first = sorted(forms, key=len, reverse=True)
        self._longest = len(longest_first[0]) if longest_first else 0
        self._pattern = re.compile("|".join(map(_expression, longest_first)), re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """The text without secrets, cut where it is very long."""
        read = text[:_READ]
        masked = self._pattern.sub("***", read) if self._longest else read
        # A secret that the cut runs through is not found.
        return masked if len(text) <= _READ else masked[: max(0, len(masked) - self._longest)]


def _forms(secret: str) -> set[str]:
    parts = {part for part in _SEPARATORS.split(secret) if len(part) >= _LONG}
    plain = {secret, *parts} - {""}
    return {
        form for value in plain for form in (value, quote(value, safe=""), json.dumps(value)[1:-1])
    }


def _expression(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= _LONG else rf"(?<!\w){escaped}(?!\w)"
