"""The layer rule of ``stats``: pure functions that never look outside."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "stats"
MODULES = sorted(FOLDER.glob("*.py"))

# What numbers are made with; nothing that reads, writes, asks the time or the machine.
ALLOWED = {
    "numpy", "scipy", "statsmodels", "pingouin", "pandas", "stats",
    "__future__", "collections", "dataclasses", "enum", "functools", "itertools", "math",
    "sys", "typing",
}  # fmt: skip
# Attributes of an allowed module that reach outside all the same.
FILES = {"open", "print", "input", "exec", "eval", "__import__"}
ARRAY_FILES = {"load", "loadtxt", "genfromtxt", "fromfile", "save", "savez", "savetxt", "tofile"}
GENERATORS = {"Generator", "default_rng", "SeedSequence"}


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            yield node.module


def offences(source):
    tree = ast.parse(source)
    found = [name for name in imported(tree) if name.split(".")[0] not in ALLOWED]
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in FILES:
                found.append(f"{name}()")
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name != "float_info":
                found.append(f"sys.{name}")
            case ast.Attribute(value=ast.Name(id="np"), attr=name) if name in ARRAY_FILES:
                found.append(f"np.{name}")
            case ast.Attribute(value=ast.Attribute(attr="random"), attr=name) if (
                name not in GENERATORS
            ):
                found.append(f"random.{name}")
            case ast.Call(func=ast.Attribute(attr="default_rng"), args=[], keywords=[]):
                found.append("default_rng() without a seed")
            case ast.Global(names=names):
                found += names
            case _:
                pass
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_stats_is_pure(path):
    assert offences(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import report",
        "from report.ledger import Entry",
        "def f():\n    import time",
        "from pathlib import Path",
        "import random",
        "open('x')",
        "import numpy as np\nnp.random.seed(1)",
        "import numpy as np\nnp.random.normal()",
        "import numpy as np\nnp.random.default_rng()",
        "import numpy as np\nnp.load('x')",
        "import sys\nsys.argv",
        "def f():\n    global x\n    x = 1",
    ],
)
def test_the_check_sees(source):
    assert offences(source)


def test_every_public_name_is_documented():
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path.name
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"
