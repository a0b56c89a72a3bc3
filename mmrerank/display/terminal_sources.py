"""The sources of an answer, in a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmrerank.terminal import clean, snippet

if TYPE_CHECKING:
    from rich.console import Console

    from mmrerank.answers.citations import Citation

__all__ = ["print_sources"]

_INDENT = "    "


def _about_image(one: Citation) -> str:
    """The caption in the document, or else what a model said, called that."""
    if one.caption or not one.generated_caption:
        return snippet(one.caption, width=200)
    said = snippet(one.generated_caption.partition("\n")[0], width=200)
    return f"generated caption ({clean(one.generated_by)}): {said}"


def print_sources(console: Console, citations: Sequence[Citation]) -> None:
    """What an answer cites: its label, file and page, and of an image its caption and path.

    A path is on a line of its own and is not broken, so that it can be opened.
    """
    from rich.padding import Padding
    from rich.text import Text

    for one in citations:
        name = clean(re.split(r"[/\\]", one.source)[-1])
        name += f" > {clean(one.attachment)}" if one.attachment else ""
        page = f", page {clean(str(one.page))}" if one.page not in (None, "") else ""
        console.print(Text(f"{one.label} {name}{page}", style="bold"))
        about = _about_image(one) if one.figure else clean(one.section)
        if about:
            console.print(Padding(Text(about), (0, 0, 0, len(_INDENT)), expand=False))
        if one.file:
            console.print(Text(_INDENT + clean(one.file)), soft_wrap=True)
