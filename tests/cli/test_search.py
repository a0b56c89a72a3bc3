"""mmrerank search: the results on standard output, everything else on standard error."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from cli_helpers import search
from pictured import write_pictures

from mmrerank.cli.main import main
from mmrerank.ocr.rapid import _engine
from mmrerank.retrieval.hashing import HashingEmbedder
from mmrerank.testing import ColourEmbedder, LocalRerankServer


def test_the_chunk_with_the_figure_comes_first(store, capsys):
    hits = search(capsys, "torque of the turbine", "--store", store)
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    best = hits[0]
    assert set(best) == {
        "rank", "score", "retrieval_rank", "retrieval_score", "source", "page", "text", "images",
        "also_in", "best_image", "kind", "routes", "matched_in_text", "matched_in_image",
        "matched_in_caption", "box",
    }  # fmt: skip
    assert best["source"].endswith("a.pdf")
    assert best["page"] == 1
    (image,) = best["images"]
    assert image["caption"] == "Figure 1: What the gauge shows."
    assert image["page"] == 1
    assert best["best_image"] == image["path"]
    assert (Path(store) / "images" / image["path"]).is_file()
    text_alone = ["--reranker", "none", "--routes", "vectors", "--where", "kind=text"]
    alone = search(capsys, "torque of the turbine", "--store", store, *text_alone)
    assert not alone[0]["source"].endswith("a.pdf")


def test_the_table_names_the_image_that_won(store, capsys):
    assert main(["search", "torque of the turbine", "--store", store, "--top-n", "1"]) == 0
    shown = capsys.readouterr().out
    assert "Figure 1: What the gauge shows." in " ".join(shown.replace("│", " ").split())
    assert "a.pdf, page 1" in shown


def test_the_image_of_a_narrow_table_can_still_be_opened(store, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    assert main(["search", "torque of the turbine", "--store", store, "--top-n", "1"]) == 0
    shown = "".join(capsys.readouterr().out.replace("│", " ").split())
    (hit,) = search(capsys, "torque of the turbine", "--store", store, "--top-n", "1")
    assert hit["images"][0]["file"] in shown


def test_a_search_that_finds_nothing_says_so(store, capsys):
    where = ["--store", store, "--where", "file=nowhere.pdf"]
    assert main(["search", "torque", *where]) == 0
    said = capsys.readouterr()
    assert said.err == "nothing was found\n"
    assert said.out == ""
    assert search(capsys, "torque", *where) == []


def test_of_a_word_with_a_hyphen_only_what_matches_is_named(store, capsys):
    hits = search(capsys, "turbine-9911 9911-turbine 9911", "--store", store)
    found = [word for hit in hits for word in [*hit["matched_in_text"], *hit["matched_in_image"]]]
    assert set(found) == {"turbine"}


@pytest.mark.filterwarnings("default::mmrerank.errors.RerankWarning")
def test_jina_serves_the_command_line_too(store, capsys, monkeypatch):
    with LocalRerankServer() as server:
        monkeypatch.setenv("JINA_API_KEY", server.api_key)
        jina = ["--reranker", "jina", "--base-url", server.url]
        assert len(search(capsys, "turbine", "--store", store, *jina)) == 3
        main(["search", "x", "--store", store, *jina, "--model", "jina-reranker-m0-v1"])
    assert "Did you mean" in " ".join(capsys.readouterr().err.split())


def test_without_ocr_the_message_names_a_way_that_works(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    _engine.cache_clear()
    command = ["search", "torque of the turbine", "--store", str(folder / "store")]
    assert main(command) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "needs rapidocr" in said
    assert "--no-ocr" in said
    assert main([*command, "--no-ocr"]) == 0
    new = str(folder / "new")
    assert main(["index", str(folder / "a.pdf"), "--store", new]) == 1
    assert "--no-ocr" in capsys.readouterr().err
    assert main(["index", str(folder / "a.pdf"), "--store", new, "--no-ocr"]) == 0
    assert len(search(capsys, "turbine", "--store", new, "--no-ocr")) == 1


@pytest.mark.parametrize("name", ["vllm", "nvidia"])
def test_servers_of_ones_own_serve_the_command_line(store, capsys, monkeypatch, name):
    with LocalRerankServer(dialect=name) as server:
        monkeypatch.setenv(f"{name.upper()}_API_KEY", server.api_key)
        hits = search(
            capsys, "turbine", "--store", store, "--reranker", name, "--base-url", server.url
        )
    assert len(hits) == 3


@pytest.mark.filterwarnings("default::mmrerank.errors.RerankWarning")
def test_a_missing_image_is_named_and_the_search_goes_on(folder, capsys):
    store = str(folder / "store")
    shutil.rmtree(folder / "store" / "images")
    assert main(["search", "turbine", "--store", store]) == 0
    shown = capsys.readouterr()
    assert "warning: image '" in shown.err
    assert "a.pdf" in shown.out
    assert main(["search", "turbine", "--store", store, "--reranker", "none"]) == 0
    assert "warning" not in capsys.readouterr().err


def test_escapes_in_documents_reach_no_terminal(tmp_path, capsys, monkeypatch):
    (tmp_path / "evil\x1b[31m.md").write_text("turbine \x1b[2J\x1b]0;owned\x07\x9b5n")
    store = str(tmp_path / "store")
    assert main(["index", str(tmp_path / "evil\x1b[31m.md"), "--store", store]) == 0
    assert "\x1b[31m.md" not in capsys.readouterr().err
    for flags in ([], ["--json"]):
        assert main(["search", "turbine", "--store", store, *flags]) == 0
        shown = capsys.readouterr().out
        assert "\x1b" not in shown.replace("\x1b[0m", "")
        assert "u001b" not in shown
        assert "owned" not in shown


@pytest.fixture
def pictured(tmp_path, monkeypatch):
    """An index of pictures, with an embedder of images that has a model's name."""
    monkeypatch.setattr("mmrerank.index.embedding.make_embedder", lambda name: COLOURS[name]())
    docs, store = write_pictures(tmp_path / "docs"), str(tmp_path / "store")
    assert (
        main(["index", str(docs), "--store", store, "--no-ocr", "--image-embedder", "clip=x"]) == 0
    )
    return tmp_path


COLOURS = {"clip=x": ColourEmbedder, "hashing": HashingEmbedder}


def test_an_image_is_searched_for_alone_and_with_a_question(pictured, capsys):
    store, image = str(pictured / "store"), str(pictured / "docs" / "1.png")
    capsys.readouterr()
    options = ["--store", store, "--image", image, "--no-ocr", "--top-n", "2"]
    (best, _) = search(capsys, *options)
    assert (Path(best["source"]).name, best["routes"]) == ("1.png", {"images": 1})
    both = search(capsys, "harbour", *options, "--fusion", "scores")
    assert {Path(hit["source"]).name for hit in both} == {"1.png", "note.md"}
    assert main(["search", *options, "--reranker", "none"]) == 0
    said = capsys.readouterr()
    assert "(images 1)" in said.out
    assert "no word of the question" not in said.err
    assert main(["check", "--store", store]) == 0


def test_an_image_where_nothing_embeds_images_is_an_error(store, pictured, capsys):
    image = str(pictured / "docs" / "1.png")
    assert main(["search", "--store", store, "--image", image]) == 1
    assert "give the index an image embedder" in " ".join(capsys.readouterr().err.split())
    assert main(["search", "x", "--store", store, "--image-embedder", "clip=x"]) == 0
    with pytest.raises(SystemExit, match="2"):
        main(["search", "--store", store])
    assert "--image" in capsys.readouterr().err
