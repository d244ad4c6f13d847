"""What a row of the appendix must say of its entry, told apart from what prints the rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from string import ascii_lowercase

from report.audit.verify.documents import plain, seen
from report.audit.verify.printed import MISSING, Expected, compact
from report.ledger.ledger import Entry, Ledger
from stats.outcome import Interval

Wrong = Callable[[str], str | None]
"""Says what a cell has wrong; None if nothing."""


def _says(wanted: str) -> Wrong:
    def wrong(cell: str) -> str | None:
        return None if plain(cell) == plain(seen(wanted)) else f"should say {wanted!r}"

    return wrong


def _shows(expected: Expected, kind: str) -> Wrong:
    def wrong(cell: str) -> str | None:
        return "; ".join(expected.faults(cell, kind)) or None

    return wrong


def _numbers(expected: Expected, ledger: Ledger) -> dict[str, Wrong]:
    entry = expected.entry
    family = ledger.families.get(entry.family) if entry.p is not None else None
    return {
        "n": _shows(expected, "n"),
        "estimate": _shows(expected, "value"),
        "ci": _shows(expected, "ci"),
        "p": _shows(expected, "p"),
        "floor": _shows(expected, "floor"),
        "adjustedp": _shows(expected, f"adjusted:{family.method}") if family else _says(MISSING),
    }


def screen(expected: Expected, ledger: Ledger) -> dict[str, Wrong]:
    """Return the checks of a row in words, by column."""
    entry = expected.entry
    family = ledger.families.get(entry.family)
    return _numbers(expected, ledger) | {
        "statistic": _says(entry.id),
        "what": _says(entry.label),
        "evidence": _says(entry.evidence),
        "method": _says(entry.method),
        "cimethod": _made(expected),
        "pmethod": _says(entry.outcome.method if entry.outcome else MISSING),
        "family": _says(family.id if family else MISSING),
        "m": _says(str(family.m) if family else MISSING),
        "decision": _says(_decision(entry)),
    }


def _decision(entry: Entry) -> str:
    if entry.reason is not None:
        return f"missing: {entry.reason.sentence}"
    if entry.p is None:
        return "described" if entry.rejected is None else "rejected without p"
    return {True: "survives", False: "does not survive", None: "outside a family"}[entry.rejected]


def _made(expected: Expected) -> Wrong:
    """Check how an interval was made: its level is the plan's, its share of gaps the ledger's."""
    interval, why = expected.entry.estimate.interval, expected.entry.estimate.no_interval
    if interval is None:
        return _says(f"none: {why.sentence}" if why else MISSING)

    def wrong(cell: str) -> str | None:
        text = plain(cell)
        start = plain(f"{expected.level * 100:g}% {interval.method}")
        if not text.startswith(start):
            return f"should begin with {expected.level * 100:g}% {interval.method}"
        rest = text.removeprefix(start)
        found = re.fullmatch(r"(?:\((?P<reasons>.*)\))?", rest)
        reasons = (found["reasons"] or "") if found else rest
        note = plain(seen(interval.note))
        if not reasons.startswith(note):
            return f"should say {interval.note!r}"
        share = reasons.removeprefix(note).lstrip(";")
        return _undefined(share.removeprefix("undefined:"), interval)

    return wrong


def _undefined(text: str, interval: Interval) -> str | None:
    """Check the share of resamples without a value: ``2%``, ``<1%``, or nothing."""
    share, text = interval.undefined_share, compact(text)
    if text == "<1%":
        good = 0 < share < 0.01
    elif found := re.fullmatch(r"(\d+)%", text):
        good = share >= 0.01 and abs(share * 100 - int(found[1])) <= 0.5
    else:
        good = text == "" and share == 0
    return None if good else f"the share of undefined resamples is {share:g}"


class Codes:
    """The codes of the printed rows, counted anew in the order of the ledger.

    Parameters
    ----------
    ledger : Ledger
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @cached_property
    def _methods(self) -> Mapping[str, str]:
        return _counted("", (e.method for e in self._ledger))

    @cached_property
    def _intervals(self) -> Mapping[str, str]:
        return _counted("C", (_interval(e.estimate.interval) for e in self._ledger))

    @cached_property
    def _tests(self) -> Mapping[str, str]:
        return _counted("T", (e.outcome.method for e in self._ledger if e.outcome))

    @cached_property
    def _families(self) -> Mapping[str, str]:
        return _counted("F", self._ledger.families)

    @cached_property
    def _reasons(self) -> Mapping[str, str]:
        reasons = (str(r or "") for e in self._ledger for r in (e.reason, e.estimate.no_interval))
        numbers = _counted("", reasons)
        return {reason: ascii_lowercase[int(i) - 1] for reason, i in numbers.items()}

    def paper(self, expected: Expected) -> dict[str, Wrong]:
        """Return the checks of a row in codes, by column."""
        entry = expected.entry
        word = "missing" if entry.reason else _decision(entry)
        said = {
            "survives": "yes", "does not survive": "no", "outside a family": "single",
            "missing": f"missing ({self._reasons.get(str(entry.reason), '')})",
        }.get(word, word)  # fmt: skip
        return _numbers(expected, self._ledger) | {
            "ev.": _says(entry.evidence[0]),
            "family": _says(self._families.get(entry.family, MISSING)),
            "survives": _says(said),
            "methods": self._made(entry),
        }

    def _made(self, entry: Entry) -> Wrong:
        interval, why = entry.estimate.interval, entry.estimate.no_interval
        test = self._tests[entry.outcome.method] if entry.outcome else ""
        code = self._intervals.get(_interval(interval), "")
        none = f"noCI({self._reasons[str(why)]})" if interval is None and why else ""

        def wrong(cell: str) -> str | None:
            shape = rf"{self._methods[entry.method]}{re.escape(none or code)}(?:\(u(.*?)\))?{test}"
            found = re.fullmatch(shape, plain(cell))
            if found is None:
                made = " ".join(filter(None, (self._methods[entry.method], none or code, test)))
                return f"should say {made!r}"
            if interval is None:
                return None if found[1] is None else "has a share of resamples"
            return _undefined(found[1] or "", interval)

        return wrong


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.level:g} {interval.method}"


def _counted(letter: str, names: Iterable[str]) -> dict[str, str]:
    distinct = dict.fromkeys(name for name in names if name)
    return {name: f"{letter}{i}" for i, name in enumerate(distinct, start=1)}
