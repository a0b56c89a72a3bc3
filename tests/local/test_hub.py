"""A model by its hub id and revision, from a cache as the hub's client lays it out, offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from golden_cases import CLASSES, GOLDEN, cases

REVISION = "0123456789abcdef0123456789abcdef01234567"
SCRIPT = """
import json, sys
from golden_cases import CLASSES, cases, content, options

name, revision = sys.argv[1:]
case = cases(name)[0]
with CLASSES[name]("someone/" + name, revision=revision, device="cpu", **options(case)) as model:
    print(json.dumps(model.score(content(case["query"]), [content(d) for d in case["documents"]])))
"""


@pytest.fixture
def cache(tmp_path):
    """Both are there: a revision, and a tag that points to it."""
    for name in CLASSES:
        folder = tmp_path / f"models--someone--{name}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "v1").write_text(REVISION)
        (folder / "snapshots").mkdir()
        (folder / "snapshots" / REVISION).symlink_to(GOLDEN / name)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("revision", [REVISION, "v1"])
@pytest.mark.parametrize("name", CLASSES)
def test_a_hub_id_is_loaded_from_the_cache(cache, name, revision):
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {
        **os.environ,
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": path,
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, revision],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == pytest.approx(cases(name)[0]["scores"], abs=1e-4)
