"""Write the tables of the docs that come from the code: python scripts/write_catalog.py.

docs/rerankers.md has mmrerank/catalog.py, docs/services.md the presets of mmrerank/http/presets.py.
"""

from __future__ import annotations

from pathlib import Path

from mmrerank.catalog import render_table
from mmrerank.http.presets import PRESETS, RerankPreset

DOCS = Path(__file__).parent.parent / "docs"
DOCUMENT, SERVICES = DOCS / "rerankers.md", DOCS / "services.md"


def with_table(text: str) -> str:
    """The text with the table of the catalog between its markers."""
    return _between(text, "<!-- catalog -->", render_table(), "<!-- end of catalog -->")


def with_presets(text: str) -> str:
    """The text with the table of the presets between its markers."""
    head = [
        "| preset | default model | images | key | checked against (none was called) |",
        "|---|---|---|---|---|",
    ]
    rows = [_preset_row(name, preset) for name, preset in PRESETS.items()]
    table = "\n".join([*head, *rows])
    return _between(text, "<!-- presets -->", table, "<!-- end of presets -->")


def _between(text: str, begin: str, table: str, end: str) -> str:
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{table}\n{end}{after}"


def _preset_row(name: str, preset: RerankPreset) -> str:
    keys = ", ".join(f"`{key}`" for key in preset.key_names)
    optional = "" if preset.needs_key else ", optional"
    images = "yes" if preset.image_models else "no"
    return f"| `{name}` | `{preset.model}` | {images} | {keys}{optional} | {preset.checked} |"


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    SERVICES.write_text(with_presets(SERVICES.read_text(encoding="utf-8")), encoding="utf-8")
