"""The README's examples run as printed; a commit's notebooks hold no outputs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def run(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framework", "goes_on", "best"),
    [
        ("langchain", "ContextualCompressionRetriever", "found[0]"),
        ("llama_index", "as_query_engine", "answer.source_nodes[0]"),
    ],
)
def test_the_eight_lines_run_and_find_the_card(framework, goes_on, best, tmp_path):
    (more,) = [example for example in EXAMPLES if goes_on in example]
    (code,) = [example for example in EXAMPLES if f"from {framework}_mmrerank import Multimodal" in example and "REPORT" in example]  # fmt: skip
    assert len([line for line in code.splitlines() if line.strip()]) <= 8
    shown = f"print({best}.metadata['best_image'])"
    *lines, named = run(f"{code}\n{more}\n{shown}", tmp_path).splitlines()
    assert len(lines) == 3
    score, page, image = lines[0].split()
    assert float(score) > 0
    assert page == "4"
    assert named == image
    facts = json.loads((tmp_path / "images" / image).with_suffix(".json").read_text())
    assert facts["caption"].startswith("Figure 4")


def test_the_example_without_a_framework_runs(tmp_path):
    (code,) = [example for example in EXAMPLES if "plain text about a turbine" in example]
    assert run(code, tmp_path).startswith("0 ")


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_notebooks_are_stripped(path):
    cells = json.loads(path.read_text())["cells"]
    assert len(cells) > 5
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
