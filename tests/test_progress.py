"""One progress bar for items and for counts, on standard error and only if asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mmrerank.progress import progress, progress_bar


def test_nothing_is_drawn_by_default(capsys):
    items = ["a", "b"]
    assert progress(items, "Loading", show=False) is items
    with progress_bar(False, 2, "warm") as advance:
        assert advance is None
    assert capsys.readouterr() == ("", "")


def test_no_bar_for_no_items(capsys):
    assert list(progress([], "Loading", show=True)) == []
    with progress_bar(True, 0, "warm") as advance:
        assert advance is None
    assert capsys.readouterr() == ("", "")


def test_items_of_known_number_are_counted(capsys):
    assert list(progress(["a", "b"], "Loading", show=True)) == ["a", "b"]
    out, err = capsys.readouterr()
    assert "Loading" in err
    assert "2/2" in err
    assert not out


def test_a_bar_without_an_end_counts_what_it_shows(capsys):
    assert list(progress(iter("abc"), "Loading [a].pdf", show=True, unit="chunks")) == list("abc")
    shown = capsys.readouterr().err
    assert "Loading [a].pdf" in shown
    assert "chunks: 3" in shown
    assert "it/s" not in shown


def test_finished_items_are_added_up(capsys):
    with progress_bar(True, 5, "rerank") as advance:
        advance(2)
        advance(3)
    assert "5/5" in capsys.readouterr().err


def test_an_error_ends_the_bar(capsys):
    def pages():
        yield 1
        raise KeyError

    with pytest.raises(KeyError):
        list(progress(pages(), "Loading", show=True, unit="pages"))
    assert "pages: 1" in capsys.readouterr().err


def test_items_that_are_dropped_half_way_end_the_bar(capsys):
    items = iter(progress(["a", "b", "c"], "Loading", show=True))
    assert (next(items), next(items)) == ("a", "b")
    items.close()
    assert "1/3" in capsys.readouterr().err


def test_rich_is_imported_only_for_a_bar():
    code = (
        "import sys\n"
        "from mmrerank.progress import progress\n"
        "list(progress('ab', 'Loading', show=False))\n"
        "print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook client
def test_a_progress_bar_in_a_notebook_needs_no_widgets():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    code = "from mmrerank.progress import progress\nfor _ in progress([1], 'Work', show=True): pass"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = str(notebook.cells[0].outputs)
    assert "Work" in shown
    assert "ipywidgets" not in shown
