"""What several tests of the command line use."""

from __future__ import annotations

import json
from pathlib import Path

import pymupdf

from mmrerank.cli.main import main


def make_pdf(path: Path, *pages: str, image: bytes | None = None) -> Path:
    document = pymupdf.open()
    for text in pages:
        page = document.new_page()
        page.insert_textbox((72, 72, 520, 400), text)
        if image:
            page.insert_image((72, 420, 472, 540), stream=image)
            page.insert_text((72, 570), "Figure 1: What the gauge shows.")
    document.save(path)
    return path


def search(capsys, *arguments: str) -> list[dict]:
    assert main(["search", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)
