"""Imports point one way, and importing the core costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_import_rules_hold():
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_importing_the_core_loads_nothing_heavy():
    code = (
        "import sys, mmrerank\n"
        "heavy = {'torch', 'transformers', 'langchain_core', 'llama_index', 'chromadb', 'pymupdf',"
        " 'numpy', 'httpx', 'sklearn', 'onnxruntime'}\n"
        "print(heavy & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_name_is_there_without_any_extra():
    code = (
        "import sys\n"
        "missing = 'numpy torch transformers sentence_transformers sklearn chromadb pymupdf scipy"
        " rapidocr onnxruntime pptx docx openpyxl lxml bs4 markdown_it pillow_heif'\n"
        "sys.modules |= dict.fromkeys(missing.split())\n"
        "from mmrerank import *"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_no_script_stands_in_the_way_of_the_standard_library():
    """A script's own folder is searched first: benchmarks/http.py once hid `http`."""
    scripts = [
        path.stem for name in ("benchmarks", "scripts") for path in (ROOT / name).glob("*.py")
    ]
    assert scripts
    assert not set(scripts) & sys.stdlib_module_names
