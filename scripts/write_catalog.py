"""Write docs/rerankers.md from mmrerank/catalog.py: python scripts/write_catalog.py."""

from __future__ import annotations

from pathlib import Path

from mmrerank.catalog import render_table

DOCUMENT = Path(__file__).parent.parent / "docs" / "rerankers.md"
BEGIN, END = "<!-- catalog -->", "<!-- end of catalog -->"


def with_table(text: str) -> str:
    """The text with the table of the catalog between its markers."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{render_table()}\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
