"""Copies the public PDFs of benchmarks/questions/corpus.json into a folder, and checks each.

    python benchmarks/fetch_corpus.py FOLDER

Needs git 2.27 or newer, which fetches the listed files alone (106 MB), not whole histories. A file
that is in the folder with the right SHA-256 is not fetched again. Ends with 1 if a file could not
be fetched or is not the listed one; the others are there then.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "questions" / "corpus.json"


def git(folder: str, *arguments: str) -> bytes:
    """What a git command prints. Raises `CalledProcessError`, with git's message, if it fails."""
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True).stdout


def fetch(url: str, commit: str, files: list[dict[str, str]], target: Path) -> list[str]:
    """Copy one repository's files; the names of those that are missing or differ from the list.

    Raises `CalledProcessError` if the commit cannot be fetched.
    """
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        git(folder, "init", "--quiet")
        git(folder, "remote", "add", "origin", url)
        git(folder, "config", "remote.origin.promisor", "true")
        git(folder, "config", "remote.origin.partialclonefilter", "blob:none")
        git(folder, "fetch", "--quiet", "--depth", "1", "--filter=blob:none", "origin", commit)
        for file in files:
            try:
                content = git(folder, "show", f"{commit}:{file['path']}")
            except subprocess.CalledProcessError as error:
                print(f"{file['file']}: {error.stderr.decode(errors='replace').strip()}")
                wrong.append(file["file"])
                continue
            if hashlib.sha256(content).hexdigest() == file["sha256"]:
                (target / file["file"]).write_bytes(content)
            else:
                print(f"{file['file']}: not the listed file, left out")
                wrong.append(file["file"])
    return wrong


def is_there(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("folder", type=Path)
    parser.add_argument("--host", default="https://github.com/", help="where the repositories are")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    corpus = json.loads(CORPUS.read_text())
    wrong = []
    for name, repository in corpus["repositories"].items():
        files = [
            file
            for file in corpus["files"]
            if file["repository"] == name
            and not is_there(options.folder / file["file"], file["sha256"])
        ]
        if not files:
            continue
        print(f"{name}: {len(files)} files")
        try:
            wrong += fetch(options.host + name, repository["commit"], files, options.folder)
        except subprocess.CalledProcessError as error:
            print(f"{name}: {error.stderr.decode(errors='replace').strip()}")
            wrong += [file["file"] for file in files]
    if wrong:
        sys.exit(f"{len(wrong)} of {len(corpus['files'])} files could not be fetched")


if __name__ == "__main__":
    main()
