"""A missing optional package is named with the extra that installs it."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmrerank import MissingDependencyError
from mmrerank.optional import TELEMETRY_SETTINGS, require


def test_an_installed_module_is_imported(monkeypatch):
    monkeypatch.setattr("mmrerank.optional._PACKAGES", {"json": ("x", "y")})
    assert require("json") is json
    assert require("json.decoder") is json.decoder


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("bs4", 'loading an HTML or Markdown file needs beautifulsoup4, .*"mmrerank\\[html\\]"'),
        ("markdown_it", 'a Markdown file needs markdown-it-py, .*"mmrerank\\[html\\]"'),
    ],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, module, message):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=message):
        require(module)


def test_extra_and_purpose_can_be_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymupdf", None)
    with pytest.raises(MissingDependencyError, match=r"slides needs pymupdf.*mmrerank\[office\]"):
        require("pymupdf", extra="office", purpose="slides")


def test_a_broken_package_raises_its_own_error(monkeypatch, tmp_path):
    (tmp_path / "broken_package.py").write_text("import a_module_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("mmrerank.optional._PACKAGES", {"broken_package": ("x", "y")})
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there") as caught:
        require("broken_package")
    assert not isinstance(caught.value, MissingDependencyError)


@pytest.mark.parametrize("package", sorted(TELEMETRY_SETTINGS))
def test_reports_are_turned_off_before_a_package_is_imported(monkeypatch, tmp_path, package):
    reads = f"import os; seen = {{n: os.environ.get(n) for n in {[*TELEMETRY_SETTINGS[package]]}}}"
    (tmp_path / f"{package}.py").write_text(reads)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package, raising=False)
    for name in TELEMETRY_SETTINGS[package]:
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    assert require(package).seen == TELEMETRY_SETTINGS[package]
    del sys.modules[package]


def test_a_users_own_value_stays(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    require("pymupdf")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"


@pytest.mark.slow
def test_our_classes_print_nothing_in_a_terminal():
    pytest.importorskip("transformers")
    done = subprocess.run(
        [sys.executable, "-c", f"{_IMPORTS}\n{_USE}"], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook client
def test_our_classes_print_nothing_in_a_notebook():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("transformers")
    cells = [nbformat.v4.new_code_cell(code) for code in (_IMPORTS, _USE)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert [cell.outputs for cell in notebook.cells] == [[], []]


_IMPORTS = """
import importlib.util, mmrerank.local, mmrerank.ocr.reranker, mmrerank.loaders.files
from mmrerank.optional import TELEMETRY_SETTINGS, require
for package in ("langchain", "llama_index"):
    if importlib.util.find_spec(f"{package}_core" if package == "langchain" else package):
        __import__(f"{package}_mmrerank")
"""

_USE = """
transformers = require("transformers")
for name in ("Qwen3VLForConditionalGeneration", "Qwen3ForSequenceClassification", "TorchAoConfig"):
    getattr(transformers, name)
if importlib.util.find_spec("torchao"):
    _ = require("torchao.quantization").Int8DynamicActivationInt8WeightConfig()
if importlib.util.find_spec("sentence_transformers"):
    _ = require("sentence_transformers").CrossEncoder
"""


def test_a_module_that_another_thread_is_importing_is_waited_for(tmp_path, monkeypatch):
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.2)\nready = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("mmrerank.optional._PACKAGES", {"slow_module": ("x", "y")})
    with ThreadPoolExecutor(4) as pool:
        modules = list(pool.map(require, ["slow_module"] * 4))
    assert all(module.ready for module in modules)


_OPENVINO = """
try:
    import openvino_telemetry
except ImportError:  # what OpenVINO does, to use a stand-in that sends nothing
    openvino_telemetry = None
"""


@pytest.mark.parametrize("fails", [False, True])
def test_openvino_finds_no_package_to_report_by(monkeypatch, tmp_path, fails):
    (tmp_path / "openvino.py").write_text(_OPENVINO + ("import not_there" if fails else ""))
    (tmp_path / "openvino_telemetry.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("openvino", "openvino_telemetry"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    if fails:
        with pytest.raises(ModuleNotFoundError, match="not_there"):
            require("openvino")
    else:
        assert require("openvino").openvino_telemetry is None
    assert importlib.import_module("openvino_telemetry") is not None  # for others it is there
    for name in ("openvino", "openvino_telemetry"):
        sys.modules.pop(name, None)
