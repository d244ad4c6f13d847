"""The page on study folders names all that a study folder may hold."""

from __future__ import annotations

import re

import pytest

from report.study import published
from report.study.settings import Plan
from report.study.study import Author, Axis, Cohort, Model, Study

NOT_WRITTEN = {"folder", "plan", "axes", "cohorts", "models"}


@pytest.fixture
def page(root) -> str:
    return (root / "docs" / "study.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("of", [Study, Plan, Axis, Cohort, Model, Author])
def test_every_field_of_a_study_is_described(page, of):
    named = set(re.findall(r"`(\w+)`", page))
    assert of.model_fields.keys() - NOT_WRITTEN - named == set()


def test_defaults_are_those_of_the_program(page):
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", page, re.MULTILINE))
    for of in (Plan, Study, Model):
        for name, field in of.model_fields.items():
            if name in rows:
                default = field.default
                written = str(default).lower() if isinstance(default, bool) else default
                assert rows.pop(name) in (str(written), f'"{written}"'), name
    assert rows == {}


def test_every_column_that_is_read_is_described(page):
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    for table in published.TABLES:
        (line,) = [line for line in lines if f"`{table}.csv`" in line]
        if table.startswith("integrity"):
            continue
        words = published._WORDS.get(table, {})
        columns = [*published._NUMBERS.get(table, ()), *published._COUNTS.get(table, ()), *words]
        for column in columns:
            assert f"`{column.rstrip('?')}`" in line, (table, column)


def test_every_fault_of_the_table_has_its_test(root):
    rows = (root / "docs" / "faults.md").read_text("utf-8").splitlines()
    named = [
        re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", row.split("|")[3]) for row in rows[7:] if row
    ]
    files = {path.name: path.read_text("utf-8") for path in (root / "tests").rglob("test_*.py")}
    for row, tests in zip([row for row in rows[7:] if row], named, strict=True):
        assert tests or row.startswith("| **"), row
        for file, test in tests:
            assert f"{'class' if test[:1].isupper() else 'def'} {test}" in files[file], (file, test)
