"""mmrerank demo: the whole job on one report."""

from __future__ import annotations

import pytest

from mmrerank.cli.main import main


@pytest.mark.slow
def test_the_demo_answers_from_a_figure(capsys):
    assert main(["demo"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "to rank 1" in shown
    before = shown.split("went from rank ")[1].split()[0]
    assert f"was rank {before}" in shown  # both columns have the same candidates
    assert "Mean reciprocal rank" in shown
