"""``make quick`` runs the tests of the rooms that a change touches."""

from __future__ import annotations

import pytest

from tests.concerned import MODULES, concerned_by, to_check


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("stats/ranks.py", ("tests/stats",)),
        ("report/capture/npz.py", ("tests/report/capture",)),
        ("report/audit/verify/prose.py", ("tests/report/audit",)),
        ("report/experiments/layers/plots.py", ("tests/report/experiments/test_layers.py",)),
        ("templates/experiments/layers.qmd.j2", ("tests/report/experiments/test_layers.py",)),
        ("report/experiments/base.py", ("tests/report/experiments",)),
        ("templates/methods.qmd.j2", ("tests/templates", "tests/report/document")),
        ("report/pipeline.py", ("tests/report/test_pipeline.py", "tests/report/test_cli.py")),
        ("tests/stats/test_ranks.py", ("tests/stats/test_ranks.py",)),
        ("tests/report/conftest.py", ("tests/report",)),
        ("CHANGELOG.md", ()),
    ],
)
def test_a_file_leads_to_the_tests_of_its_room(changed, tests):
    assert concerned_by(changed) == tests


def test_every_module_of_ours_has_tests(root):
    for folder in ("report", "stats"):
        for path in (root / folder).rglob("*.py"):
            name = path.relative_to(root).as_posix()
            if name not in ("report/__init__.py", "report/__main__.py"):
                found = concerned_by(name)
                assert found, name
                assert all((root / test).exists() for test in found), name


def test_types_are_checked_of_what_changed_and_of_who_imports_it(root):
    assert to_check(["report/audit/verify/pdf.py", "README.md"]) == [
        "report/audit/verify/pdf.py",
        "report/audit/verify/prose.py",
    ]
    assert to_check(["CHANGELOG.md"]) == []
    assert to_check(["pyproject.toml"]) == ["report", "stats"]
    everyone = set(to_check(["report/ledger/ledger.py"]))
    assert {"report/ledger/ledger.py", "report/pipeline.py", "report/document/fill.py"} < everyone
    assert len(everyone) < len(MODULES)
