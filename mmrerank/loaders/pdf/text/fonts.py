"""What the name of a font says about its weight."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["is_heavy"]

_HEAVY = re.compile(
    r"bold|black|heavy|demi|semib|medi(?!c|e|t)|ultra(?!light)"  # "Medium", and "Medi" of Nimbus
    r"|[-.,](?:b|bd|bi|sb|md|hv|blk|xb)$|^(?:cm|sf|lm)b(?:x|$|[0-9])|^cmssbx|^lin\w+t[bz]$",
    re.IGNORECASE,
)

_SUBSET = re.compile(r"^[A-Z]{6}\+")


@lru_cache(maxsize=4096)
def is_heavy(font: str) -> bool:
    """Whether a font is heavier than a text font, by its name: Bold, Medium, Semibold, Black."""
    return _HEAVY.search(_SUBSET.sub("", font)) is not None
