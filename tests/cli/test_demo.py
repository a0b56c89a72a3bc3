"""mmrerank demo: the whole job on one report."""

from __future__ import annotations

import pytest

from mmrerank.cli.main import main


@pytest.mark.slow
def test_the_demo_answers_from_a_figure(capsys):
    assert main(["demo"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "to rank 1" in shown
    assert "Mean reciprocal rank" in shown
