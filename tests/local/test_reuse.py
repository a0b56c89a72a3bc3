"""What is kept gives the same scores, and is never stale."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import pytest
import torch
from golden_cases import cases, content, golden_image, load, near, options
from PIL import Image as Pillow

from mmrerank import filesystem
from mmrerank.errors import ImageError, RerankWarning
from mmrerank.images import facts
from mmrerank.local import Reuse
from mmrerank.local.compute.vision import VisionTower
from mmrerank.types import Content, Image

M0, VL = "jina-reranker-m0", "qwen3-vl-reranker"
ALL = [(name, i) for name in (M0, VL) for i in range(len(cases(name)))]
ignore_cut = pytest.mark.filterwarnings("ignore:cut to fit:mmrerank.errors.RerankWarning")
TEXTS = [f"document {i} " + "about torque " * (3 * i) for i in range(8)]


@pytest.fixture
def settled(monkeypatch):
    """Files that were just written count as settled."""
    monkeypatch.setattr(filesystem, "_SETTLED", -1e9)


def small(documents: list[Content]) -> list[Content]:
    """Without the largest images, which are the golden tests' business and take seconds."""
    large = {"2_1200x900.png", "4_2000x1500.png"}
    return [d for d in documents if not large & {image.path.name for image in d.images}]


@ignore_cut
@pytest.mark.parametrize("golden", ALL, ids=[f"{name}-{i}" for name, i in ALL])
def test_golden_scores_cold_warm_half_warm_and_thrashing(golden):
    name, case = golden[0], cases(golden[0])[golden[1]]
    query, documents = content(case["query"]), small([content(d) for d in case["documents"]])
    with load(name, reuse=False, **options(case)) as plain:
        wanted = plain.score(query, documents)
    for reuse, budgets in ((Reuse(), [1, 300, 10**6]), (Reuse(memory=60_000), [300])):
        with load(name, reuse=reuse, **options(case)) as reranker:
            for budget in budgets:
                reranker._engine.budget = budget
                reranker.clear_cache()
                near(reranker.score(query, documents), wanted)  # cold
                near(reranker.score(query, documents), wanted)  # warm, or thrashing
                reranker.clear_cache()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", RerankWarning)  # that not all are kept
                    reranker.warm(documents[::2])
                near(reranker.score(query, documents), wanted)  # half warm
                assert reranker.cache_info().bytes <= reuse.memory
            assert (reranker.cache_info().evictions > 0) <= (len(budgets) == 1)


@pytest.mark.parametrize("options_", [{}, {"joint": True}, {"instruction": "Be strict " * 9}])
def test_a_second_query_pays_for_its_own_tokens(work, options_):
    """An image query too, and a query that merges with the words before it."""
    documents = [content(d) for d in cases(M0)[1]["documents"]] + [Content(t) for t in TEXTS]
    documents.append(Content("both", [golden_image("0_56x56.png")]))
    queries = [
        Content("what is torque"),
        Content("\n\nodd"),
        Content("?"),
        Content(images=[golden_image("1_300x200.png")]),
        Content("in words", [golden_image("5_33x47.png")]),
    ]
    with load(M0, reuse=False, **options_) as plain:
        wanted = [plain.score(query, documents) for query in queries]
        (tail,) = plain._tokenizer.encode(["**Query**:\nwhat is torque"])
    with load(M0, **options_) as reranker:
        reranker.warm(documents)
        work.done()
        near(reranker.score(queries[0], documents), wanted[0])
        parts = len(documents) + ("joint" not in options_) - 1  # the text "both" and its image,
        parts += "joint" in options_  # which is one of the golden images as well
        assert work.done() == (0, parts * (len(tail) - 3 + 1))
        for query, scores in zip(queries, wanted, strict=True):
            near(reranker.score(query, documents), scores)


def test_an_odd_query_first_keeps_nothing_wrong(work):
    """A query that begins with a line break merges with the `:` before it."""
    with load(M0, reuse=False) as plain:
        wanted = plain.score("\n\nodd", TEXTS), plain.score("even", TEXTS)
    with load(M0) as reranker:
        near(reranker.score("\n\nodd", TEXTS), wanted[0])
        near(reranker.score("even", TEXTS), wanted[1])
        near(reranker.score("\n\nodd", TEXTS), wanted[0])


def test_the_state_is_what_all_queries_share():
    """The tokens before the tail are those of the whole prompt, whatever stands at the seam."""
    ends = [
        "a.",
        "a",
        "a ",
        "a\n",
        "a.\n\n",
        "",
        "**",
        "a **",
        "\r\n",
        "什么",
        "a:\n",
        "\n**Query**:\n",
    ]
    begins = ["q", " q", "\nq", "\r\nq", "\n\n\n", "?!", "**", ":", "什么", "  \n x", "1", "'s"]
    with load(M0) as reranker:
        for end in ends:
            seen = set()
            for begin in begins:
                (prompt,), _ = reranker._prompts(Content(begin), [Content(end)])
                tail, _ = reranker._tail(Content(begin))
                length = len(prompt) - len(tail.prompt)
                assert prompt.ids[length:] == tail.prompt.ids
                state = prompt.ids[: length - len(reranker._mark) + tail.back]
                seen.add(tuple(state))
            assert len(seen) == 1


@pytest.mark.parametrize("states", ["exact", "int8"])
def test_states_in_one_block_as_on_a_gpu(states):
    """One padded kernel for all rows gives what row by row gives."""
    documents = [content(d) for d in cases(M0)[1]["documents"]] + [Content(t) for t in TEXTS]
    for query in ("what is torque", Content(images=[golden_image("1_300x200.png")])):
        with load(M0, reuse=Reuse(states=states)) as reranker:
            reranker.warm(documents)
            wanted = reranker.score(query, documents)
            reranker._engine.blocks = True
            near(reranker.score(query, documents), wanted)


def test_documents_that_imitate_the_template():
    """One document is another with the query after it: they share more than the document."""
    documents = ["x", "x\n**Query**:\nq", "x\n**Query**:\nqd\n**Query**:\nq"]
    with load(M0, reuse=False) as plain:
        wanted = plain.score("q", documents)
    for instruction in (None, "Be strict " * 9):
        with load(M0, reuse=False, instruction=instruction) as plain:
            wanted = plain.score("q", documents)
        with load(M0, instruction=instruction) as reranker:
            near(reranker.score("q", documents), wanted)
            near(reranker.score("q", documents), wanted)


def test_qwen3_vl_reads_an_image_once(work):
    documents = small([content(d) for d in cases(VL)[1]["documents"]])
    with load(VL) as reranker:
        cold = reranker.score("one", documents)
        assert work.done()[0] > 0
        near(reranker.score("one", documents), cold)
        reranker.score("another", documents)
        assert work.done()[0] == 0


@pytest.mark.parametrize("name", [M0, VL])
def test_warm_reads_no_image_again(name, work, settled, monkeypatch):
    """A warm hit neither decodes nor hashes nor opens a file."""
    documents = small([content(d) for d in cases(name)[1]["documents"]])
    with load(name) as reranker:
        reranker.warm(documents)
        reranker.warm(documents, show_progress=True)
        work.done()
        reranker.score("q", documents)  # the tokens of Qwen3-VL need sizes, which are remembered
        monkeypatch.setattr(facts, "read_bytes", lambda image: pytest.fail("read again"))
        monkeypatch.setattr(
            "mmrerank.local.compute.vision.read_bytes", lambda image: pytest.fail("read")
        )
        reranker.score("other", documents)
        assert work.done()[0] == 0


def test_what_cut_and_used_report_is_the_same_when_warm():
    used = []
    options_ = {"max_length": 60, "max_query_length": 12, "on_usage": used.append}
    with load(M0, **options_) as reranker:
        for _ in range(2):
            with pytest.warns(RerankWarning, match="cut to fit max_length=60: 2 of 3 documents"):
                reranker.score("query", ["short", "long " * 80, "longer " * 90])
    assert used[0] == used[1]
    assert used[0].truncated == 2


def noise(path: Path, seed: int) -> Image:
    """56 x 56 pixels, always of the same size in bytes."""
    torch.manual_seed(seed)
    pixels = torch.randint(0, 256, (56, 56, 3), dtype=torch.uint8)
    Pillow.fromarray(pixels.numpy()).save(path, "BMP")
    return Image.from_path(path)


@pytest.mark.parametrize("name", [M0, VL])
def test_a_changed_file_of_the_same_size_and_time(name, tmp_path, settled):
    path = tmp_path / "a.bmp"
    image = noise(path, 1)
    document = Content(images=[image])
    with load(name, reuse=False) as plain, load(name) as reranker:
        before = reranker.score("q", [document])
        status = path.stat()
        time.sleep(0.02)  # a tick of the file system's clock
        noise(path, 2)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert path.stat().st_size == status.st_size
        found = reranker.score("q", [document])
        near(found, plain.score("q", [document]))
        assert found != before


def test_a_file_that_was_just_written_is_hashed_again(tmp_path, monkeypatch):
    """Two changes within one tick of the clock look alike."""
    image = noise(tmp_path / "a.bmp", 1)
    status = os.stat(image.path)
    monkeypatch.setattr(filesystem.os, "stat", lambda path: status)
    before = facts.image_facts(image)
    noise(image.path, 2)
    assert facts.image_facts(image) != before


def test_a_file_that_changes_during_a_call_is_not_kept(tmp_path, monkeypatch):
    """Hashed as one picture and decoded as another: scored, and forgotten."""
    image = noise(tmp_path / "a.bmp", 1)
    document = Content(images=[image])
    features = VisionTower.features

    def swapping(self, parts):
        noise(image.path, 2)
        return features(self, parts)

    for name in (M0, VL):
        noise(image.path, 1)
        with load(name) as reranker, load(name, reuse=False) as plain:
            wanted = plain.score("q", [document])
            monkeypatch.setattr(VisionTower, "features", swapping)
            assert reranker.score("q", [document]) != wanted
            monkeypatch.setattr(VisionTower, "features", features)
            assert reranker.cache_info().entries == 0
            noise(image.path, 1)
            near(reranker.score("q", [document]), wanted)


def test_a_vanished_file_is_an_error_though_it_was_read(tmp_path):
    image = noise(tmp_path / "a.bmp", 1)
    with load(M0) as reranker:
        reranker.score("q", [Content(images=[image])])
        image.path.unlink()
        with pytest.raises(ImageError, match=r"a\.bmp"):
            reranker.score("q", [Content(images=[image])])
