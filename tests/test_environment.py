"""Programs that read documents get the variables that they need, and no others."""

from __future__ import annotations

import sys

from mmrerank.environment import clean_environment
from mmrerank.loaders import office


def test_only_what_is_needed_is_passed(monkeypatch):
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("LC_CTYPE", "C")
    for name in ("COHERE_API_KEY", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "ALL_PROXY", "ANY"):
        monkeypatch.setenv(name, "secret")
    clean = clean_environment()
    assert clean["PATH"] == "/bin"
    assert clean["LC_CTYPE"] == "C"
    assert "secret" not in clean.values()


def test_libreoffice_gets_no_keys(monkeypatch, tmp_path):
    program = tmp_path / "soffice"
    program.write_text(
        f"#!{sys.executable}\nimport os, pathlib\n"
        f"pathlib.Path({str(tmp_path / 'seen')!r}).write_text(str(dict(os.environ)))\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(office, "find_office", lambda: str(program))
    monkeypatch.setenv("JINA_API_KEY", "secret")
    office.rendered_pages(str(tmp_path / "slides.pptx"))
    assert "PATH" in (tmp_path / "seen").read_text()
    assert "secret" not in (tmp_path / "seen").read_text()
