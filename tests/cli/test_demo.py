"""mmrerank demo: the whole job on one report among other documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmrerank import demo
from mmrerank.cli.main import main
from mmrerank.index.index import Index


@pytest.mark.slow
def test_the_demo_answers_from_a_figure_among_other_documents(tmp_path, capsys):
    store = str(tmp_path / "store")
    page = tmp_path / "page.html"
    assert main(["demo", "--store", store, "--html", str(page)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"as a page: {page}" in shown
    html = page.read_text(encoding="utf-8")
    assert html.count("<article") == 5
    assert "Best image" in html
    assert "with a frame around the best image" in html
    assert len(html) < 4_500_000
    assert "reranked, the figure is at rank 1." in shown
    numbers = re.search(r"rank: ([\d.]+) by text, ([\d.]+) found, ([\d.]+) reranked", shown)
    by_text, found, reranked = map(float, numbers.groups())
    assert by_text < found < reranked
    with Index(store, create=False) as index:
        counts = {record.path: len(index.entries(record.path)) for record in index.files()}
    others = [count for path, count in counts.items() if path != demo.REPORT]
    assert len(others) == len(list(Path(demo.ARCHIVE).iterdir()))
    assert sum(others) > 200
