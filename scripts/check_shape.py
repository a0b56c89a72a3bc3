"""Fail where code has outgrown its place: complexity as radon counts it, long functions, long files.

Usage: python scripts/check_shape.py PACKAGE ...
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from radon.complexity import cc_visit

MAX_COMPLEXITY = 12
MAX_FUNCTION_LINES = 40
MAX_FILE_LINES = 300


def problems(path: Path) -> Iterator[str]:
    """One line for each place in a file that is over a limit."""
    source = path.read_text(encoding="utf-8")
    lines = source.count("\n")
    if lines > MAX_FILE_LINES:
        yield f"{path}: {lines} lines (limit {MAX_FILE_LINES})"
    for block in cc_visit(source):
        is_class = type(block).__name__ == "Class"  # a class's figure is the mean of its methods
        if not is_class and block.complexity > MAX_COMPLEXITY:
            yield f"{path}:{block.lineno}: {block.fullname} has complexity {block.complexity} (limit {MAX_COMPLEXITY})"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = code_lines(node)
            if length > MAX_FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines (limit {MAX_FUNCTION_LINES})"


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function with its signature, but without its docstring."""
    lines = (node.end_lineno or 0) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def main(folders: list[str]) -> int:
    """Print every problem; 1 if there is any."""
    lines = [
        problem
        for folder in folders
        for path in sorted(Path(folder).rglob("*.py"))
        for problem in problems(path)
    ]
    print("\n".join(lines) or f"shape: {', '.join(folders)} within the limits")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
