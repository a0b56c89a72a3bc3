"""`where`: which entries a search may return."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmrerank.errors import InvalidInputError
from mmrerank.index.ledger import Entry, Ledger

__all__ = ["Where", "matcher", "parse_where", "unknown_fields"]

Where = Mapping[str, Any]
"""Conditions that must all hold: `{"file": "report.pdf", "page": (3, 9), "kind": "figure"}`.

`file` is a path, the end of one, or a folder of the files; `page` a number or a (first, last) range;
`kind` "text" or "figure". Any other key is a key of the entries' metadata. A list means: one of.
"""

_KINDS = ("text", "figure")
_OWN = ("file", "page", "kind")  # not keys of metadata


def matcher(where: Where | None) -> Callable[[Entry], bool] | None:
    """A function that says whether an entry meets all conditions; None if there are no conditions.

    Raises `InvalidInputError` for conditions of the wrong form.
    """
    if where is None:
        return None
    if not isinstance(where, Mapping):
        raise InvalidInputError(f"where is a mapping of conditions, not {type(where).__name__}")
    if not where:
        return None
    tests = [_test(name, value) for name, value in where.items()]
    return lambda entry: all(test(entry) for test in tests)


def unknown_fields(where: Where | None, ledger: Ledger) -> list[str]:
    """The metadata keys in the conditions that no entry has. Reads all entries."""
    names = [name for name in where or () if name not in _OWN]
    return [name for name in names if not ledger.has_field(name)]


def _test(name: str, value: Any) -> Callable[[Entry], bool]:
    if name == "file":
        files = [str(one) for one in _several(value)]
        return lambda entry: any(_is_file(entry.path, file) for file in files)
    if name == "page":
        first, last = _pages(value)
        return lambda entry: first <= entry.page <= last
    if name == "kind":
        kinds = _several(value)
        if wrong := [kind for kind in kinds if kind not in _KINDS]:
            raise InvalidInputError(f"where: kind is one of {', '.join(_KINDS)}, not {wrong[0]!r}")
        return lambda entry: entry.kind in kinds
    values = _several(value)
    return lambda entry: name in entry.metadata and entry.metadata[name] in values


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple, set, frozenset)) else [value]  # type: ignore[return-value]


def _is_file(path: str, named: str) -> bool:
    named = os.path.normpath(named)
    return (
        path == named
        or path.endswith(os.sep + named)
        or path.startswith(os.path.abspath(named) + os.sep)  # noqa: PTH100 - strings are compared
    )


def _pages(value: Any) -> tuple[int, int]:
    pages = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    whole = all(isinstance(page, int) and not isinstance(page, bool) for page in pages)
    if len(pages) != 2 or not whole:
        raise InvalidInputError(f"where: page is a number or (first, last), not {value!r}")
    return pages


def parse_where(conditions: Sequence[str]) -> dict[str, Any]:
    """Conditions as the command line takes them: `file=report.pdf`, `page=3-9`, `kind=figure`.

    A key that is given several times means: one of its values. A value of metadata that looks like
    a number stands for the number too. Raises `InvalidInputError` for a condition that cannot be
    read, and for a second `page`.
    """
    where: dict[str, Any] = {}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals or not name or not value:
            raise InvalidInputError(f"where: {condition!r} is not KEY=VALUE")
        if name != "page":
            where.setdefault(name, []).extend(_values(name, value))
        elif name in where:
            raise InvalidInputError("where: page is given twice; a range is written as N-M")
        else:
            where[name] = _page_range(value)
    return where


def _values(name: str, value: str) -> list[Any]:
    values: list[Any] = [value]
    if name not in _OWN:
        with contextlib.suppress(ValueError):
            values.append(float(value))  # equal to an int of the same value
    return values


def _page_range(value: str) -> tuple[int, int]:
    first, _, last = value.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal():
        raise InvalidInputError(f"where: page is N or N-M, not {value!r}")
    return int(first), int(last or first)
