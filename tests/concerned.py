"""Print what a change concerns, for ``make quick``: tests of the rooms it touches, or modules.

The change is what is not committed yet, or else the last commit.
"""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
OURS = ("report", "stats")
ALWAYS = ("tests/report/test_rooms.py",)

# What lies in a folder, and the tests that know it; the first that fits counts.
ROOMS = (
    ("stats", ("tests/stats",)),
    ("docs/statistics.md", ("tests/stats/test_statistics_page.py",)),
    ("docs", ("tests/report/test_docs.py",)),
    ("templates", ("tests/templates", "tests/report/document")),
    ("data", ("tests/report/study", "tests/report/capture")),
    ("report/pipeline.py", ("tests/report/test_pipeline.py", "tests/report/test_cli.py")),
    ("report/cli", ("tests/report/test_cli.py", "tests/report/test_boundary.py")),
    ("README.md", ("tests/report/test_docs.py",)),
)


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def changed() -> list[str]:
    """Return the files that differ from the last commit, or those of the last commit."""
    files = _git("diff", "--name-only", "HEAD")
    files += _git("ls-files", "--others", "--exclude-standard")
    return files or _git("diff", "--name-only", "HEAD~1")


def concerned_by(name: str) -> tuple[str, ...]:
    """Return the tests of one changed file.

    Parameters
    ----------
    name : str
        Path inside the checkout.
    """
    path = PurePosixPath(name)
    if path.parts[0] == "tests":
        if path.name == "conftest.py":
            return (path.parent.as_posix(),)
        return (name,) if path.name.startswith("test_") else ()
    if path.parts[:2] in (("report", "experiments"), ("templates", "experiments")):
        stem = PurePosixPath(path.parts[2]).name.split(".")[0]
        own = f"tests/report/experiments/test_{stem}.py"
        return (own,) if (ROOT / own).is_file() else ("tests/report/experiments",)
    for place, tests in ROOMS:
        if path.is_relative_to(place):
            return tests
    room = f"tests/{path.parent.as_posix()}"
    while room != "tests" and not (ROOT / room).is_dir():
        room = PurePosixPath(room).parent.as_posix()
    return (room,) if path.parts[0] == "report" and room != "tests" else ()


def module(path: Path) -> str:
    """Return the name that a file of ours is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for room in OURS for path in sorted((ROOT / room).rglob("*.py"))}


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """Return every module of ours that a file imports, wherever in it, under TYPE_CHECKING too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(name for name in found if name.split(".")[0] in OURS)


def to_check(files: Iterable[str]) -> list[str]:
    """Return the modules whose types a change concerns: those changed, and who imports them.

    Parameters
    ----------
    files : iterable of str
        Paths inside the checkout.
    """
    files = set(files)
    if "pyproject.toml" in files:
        return list(OURS)
    own = {name for name, path in MODULES.items() if path.relative_to(ROOT).as_posix() in files}
    found = [path for name, path in MODULES.items() if name in own or imports(path) & own]
    return [path.relative_to(ROOT).as_posix() for path in found]


def main() -> None:
    """Print the existing ones, each once."""
    if sys.argv[1:] == ["modules"]:
        print(*to_check(changed()))
        return
    found = dict.fromkeys([*ALWAYS, *(test for name in changed() for test in concerned_by(name))])
    print(*(test for test in found if (ROOT / test).exists()))


if __name__ == "__main__":
    main()
