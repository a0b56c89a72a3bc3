"""The README's examples run as printed; documents name what exists; notebooks have no outputs."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mmrerank import Image
from mmrerank.images.decode import open_image
from mmrerank.testing import LocalChatServer

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
FRAMEWORKS = ("langchain", "llama_index")


@dataclass
class Example:
    """A Python block of a document."""

    path: Path
    line: int
    code: str

    @property
    def name(self):
        return f"{self.path.name}:{self.line}"

    @property
    def frameworks(self):
        return [framework for framework in FRAMEWORKS if framework in self.code]

    def padded(self):
        """The code at its line of the document, so that a traceback names the line."""
        return "\n" * self.line + self.code


def examples(path):
    text = path.read_text(encoding="utf-8")
    return [
        Example(path, text.count("\n", 0, block.start()) + 1, block[1])
        for block in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]


DOCUMENTS = sorted([README, *(ROOT / "docs").glob("*.md")])
ALL = [example for path in DOCUMENTS for example in examples(path)]


def run(blocks, folder, after="", **environment):
    """What the blocks print, run in order in one process; a failure names its block and line."""
    program = [(str(block.path), block.padded()) for block in blocks]
    code = f"for path, code in {program!r}:\n    exec(compile(code, path, 'exec'), globals())\n"
    command = [sys.executable, "-c", code + after]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    names = ", ".join(block.name for block in blocks)
    assert done.returncode == 0, f"one of {names} fails:\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framework", "best"),
    [("langchain", "found[0]"), ("llama_index", "answer.source_nodes[0]")],
)
def test_a_frameworks_examples_run_in_order_and_find_the_card(framework, best, tmp_path):
    blocks = [example for example in examples(README) if example.frameworks == [framework]]
    assert len([line for line in blocks[0].code.splitlines() if line.strip()]) <= 8
    shown = f"print({best}.metadata['best_image'])"
    with LocalChatServer("Shelf R12, box 7") as server:
        names = ("OPENAI_BASE_URL", "OPENAI_API_BASE")  # LangChain's and LlamaIndex's
        at_server = dict.fromkeys(names, server.base_url) | {"OPENAI_API_KEY": server.api_key}
        first, *_, said, image = run(blocks, tmp_path, shown, **at_server).splitlines()
    assert said == "Shelf R12, box 7"
    sent = [open_image(Image.from_bytes(one.data)).tobytes() for one in server.calls[-1].images]
    assert open_image(Image.from_path(tmp_path / "images" / image)).tobytes() in sent
    score, page, named = first.split()
    assert float(score) > 0
    assert (page, named) == ("4", image)
    facts = json.loads((tmp_path / "images" / image).with_suffix(".json").read_text())
    assert facts["caption"].startswith("Figure 4")


def test_the_example_without_a_framework_runs(tmp_path):
    blocks = [example for example in examples(README) if not example.frameworks]
    assert blocks
    assert run(blocks, tmp_path).startswith("0 ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "example", examples(ROOT / "docs" / "loaders.md"), ids=lambda example: example.name
)
def test_each_example_of_the_loaders_runs_by_itself(example, tmp_path):
    run([example], tmp_path)


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.name)
def test_each_example_is_python_and_imports_what_exists(example):
    tree = ast.parse(example.padded(), example.name)
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {}
    exec(compile(ast.Module(imports, []), example.name, "exec"), names)
    assert len(names) > len(imports)  # each import has bound a name, beside the builtins


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_notebooks_are_stripped(path):
    cells = json.loads(path.read_text())["cells"]
    assert len(cells) > 5
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
