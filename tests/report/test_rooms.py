"""Imports go one way: a room uses rooms before it, and nothing that comes after."""

from pathlib import Path

import pytest

from tests.concerned import MODULES, imports

ROOT = Path(__file__).resolve().parents[2] / "report"
ROOMS = (
    "study",
    "capture",
    "ledger",
    "document",
    "experiments",
    "audit",
    "synthetic",
    "pipeline",
    "cli",
)


def room(name: str) -> int | None:
    parts = name.split(".")
    return ROOMS.index(parts[1]) if len(parts) > 1 and parts[1] in ROOMS else None


def test_every_entry_of_the_package_is_a_room():
    entries = {path.stem for path in ROOT.iterdir() if not path.name.startswith(("_", "py."))}
    assert entries == set(ROOMS)


@pytest.mark.parametrize("name", MODULES)
def test_a_room_imports_only_what_comes_before_it(name: str):
    own = room(name)
    if own is None:  # the package itself and its entry point
        return
    later = {used for used in imports(MODULES[name]) if (room(used) or 0) > own}
    assert not later


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: imports(path) & set(MODULES) - {name} for name, path in MODULES.items()}
    # A package's own __init__ may name its modules, and they don't name it.
    done: set[str] = set()
    while ready := [n for n in graph if n not in done and graph[n] <= done]:
        done |= set(ready)
    assert not set(graph) - done


def test_a_build_rests_on_no_room_that_only_reads_it():
    """What is made once for the tests doesn't depend on these (`made_once`)."""
    readers = {
        (name, used)
        for name, path in MODULES.items()
        for used in imports(path)
        if used.startswith(("report.audit", "report.cli"))
        and not name.startswith(("report.audit", "report.cli", "report.__main__"))
    }
    assert readers == {("report.pipeline", "report.audit.diff")}  # the line on the last build
