"""No template holds a digit that is a result."""

import re

import pytest

from report.study.paths import TEMPLATES

# What may hold digits: Jinja's code, identifiers and attributes in braces, citation keys,
# code spans, comments, and the structure of tables.
_CODE = re.compile(
    r"<#.*?#>|<<.*?>>|<%.*?%>|\{[^}\n]*\}|@[a-z]+-?[a-z0-9-]*|`[^`]*`|^```.*?^```", re.S | re.M
)
# Digits in words that are no results: the bounds and conventions of a method.
_ALLOWED = (
    "between 50 and 200",
    "lag one",
    "(b + 1)/(B + 1)",
    "√(p(1 − p)/B)",
    "SHA-256",
    "I²",
    "BF10",
)


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.j2")), ids=lambda p: p.name)
def test_templates_hold_no_results(path):
    text = path.read_text(encoding="utf-8")
    for phrase in _ALLOWED:
        text = text.replace(phrase, "")
    prose = _CODE.sub("", text)
    found = re.search(r"[^\n]*\d[^\n]*", prose)
    assert found is None, f"{path.name} holds a digit: {found[0].strip()!r}"


def test_the_check_can_fail():
    assert re.search(r"\d", _CODE.sub("", "ρ = .37 for << entry.n >> models"))
