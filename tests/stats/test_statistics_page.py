"""docs/statistics.md names every function of stats, and only tests that exist."""

import ast
import re

import pytest


@pytest.fixture
def page(root) -> str:
    return (root / "docs" / "statistics.md").read_text(encoding="utf-8")


def functions(folder, pattern) -> set[str]:
    found = set()
    for path in sorted(folder.rglob(pattern)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return found


def test_tests_that_are_named_exist(page, root):
    named = set(re.findall(r"\btest_\w+\b(?!\.py)", page))
    assert named
    assert named <= functions(root / "tests", "test_*.py")


def test_statistics_are_all_described(page, root):
    internal = {"nulls.py", "checks.py", "draws.py", "outcome.py", "methods.py"}
    for path in sorted((root / "stats").glob("*.py")):
        if path.name in internal:
            continue
        public = {n for n in functions(path.parent, path.name) if not n.startswith("_")}
        # Parts of the engine that pass tables about, and compute no statistic.
        public -= {"limits", "from_limits", "columns", "reasons", "unit_ranks", "first_largest"}
        missing = {name for name in public if not re.search(rf"\b{name}\b", page)}
        assert not missing, f"{path.name}: {sorted(missing)}"
