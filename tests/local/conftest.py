"""Fixtures of the local models. No network, no GPU, no large weights."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from golden_cases import CLASSES, GOLDEN, load

from mmrerank.local.compute.decoder import Decoder
from mmrerank.local.compute.vision import VisionTower


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Threads only wait for each other with models this small, and much longer on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def quick_collections():
    """`close` collects garbage; the modules of torch and transformers need not be looked at again."""
    for name in CLASSES:
        load(name).close()
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(params=list(CLASSES))
def name(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def loaded():
    """`loaded(name)`: a reranker that tests share and do not change."""
    made = {}

    def get(name: str, **kwargs):
        key = (name, tuple(sorted(kwargs.items())))
        if key not in made:
            made[key] = load(name, **kwargs)
        made[key]._engine.budget, made[key]._engine.slack = 1024, 0.0  # a test may change them
        return made[key]

    return get


@pytest.fixture
def copied(tmp_path):
    """`copied(name)`: a copy of a checkpoint, to be damaged."""

    def make(name: str) -> Path:
        return Path(shutil.copytree(GOLDEN / name, tmp_path / name))

    return make


@pytest.fixture
def work(monkeypatch):
    """`work.images` read by the tower and `work.tokens` computed by the decoder, since the start."""

    class Work:
        images = tokens = 0

        def done(self) -> tuple[int, int]:
            """The counts since the last time."""
            found = self.images, self.tokens
            self.images = self.tokens = 0
            return found

    count, features, walk = Work(), VisionTower.features, Decoder._walk

    def seeing(self, parts):
        count.images += len(parts)
        return features(self, parts)

    def walking(self, *args):
        count.tokens += args[0].embeddings.shape[0]
        return walk(self, *args)

    monkeypatch.setattr(VisionTower, "features", seeing)
    monkeypatch.setattr(Decoder, "_walk", walking)
    return count
