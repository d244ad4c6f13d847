"""Checks of the ledger itself: a second path for every statistic, and p against what gives it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from report.audit.finished import Finished
from report.audit.recompute import compare, matrix, max_t, reading
from report.audit.recompute.openness import left_open
from report.audit.verify.findings import Check
from report.ledger.ledger import Entry, Family, was_tested
from report.study.errors import InputError
from stats.outcome import Reason

_UNREADABLE = (OSError, ValueError, KeyError, IndexError, TypeError, ArithmeticError)


def recomputed(build: Finished) -> Check:
    """Recompute every statistic, and the adjusted p-values of every family."""
    check = Check("Every statistic, recomputed by a second path")
    without, partly, missing = Counter[str](), Counter[str](), Counter[str]()
    for entry in build.ledger:
        _open(check, build, entry)
        if entry.value is None:
            missing[str(entry.reason)] += 1
            continue
        try:
            result = compare(entry, build)
        except _UNREADABLE as error:
            check.disagree(entry.id, f"can't be recomputed: {type(error).__name__}: {error}")
            continue
        if result is None:
            without[entry.method] += 1
            continue
        check.count("statistics")
        check.count("numbers", len(result.agree) + len(result.differ))
        for name, (recorded, again) in result.differ.items():
            check.disagree(entry.id, f"{name} is {recorded!r} in the ledger, {again!r} recomputed")
        if result.missing:
            partly[f"{', '.join(result.missing)} of {entry.method}"] += 1
    for family in build.ledger.families.values():
        _adjusted(check, build, family)
    for path in sorted((build.folder / "figures").glob("*/layer_axis_heatmaps*.csv")):
        _matrices(check, build, path)
    for method, n in without.items():
        check.notes.append(f"{n} without a second path: {method}")
    for what, n in partly.items():
        check.notes.append(f"{n} only in part, without {what}")
    for reason, n in missing.items():
        check.notes.append(f"{n} have no value ({Reason(reason).sentence})")
    return check


def _open(check: Check, build: Finished, entry: Entry) -> None:
    """Compare what an entry says to be open, or compares, with what the features leave open."""
    decided = (Reason.NOT_IDENTIFIED, Reason.CENSORED)
    if entry.value is None and entry.reason not in decided:
        return
    try:
        found = left_open(entry, build)
    except (*_UNREADABLE, AttributeError, InputError) as error:
        check.disagree(entry.id, f"can't be recomputed: {type(error).__name__}: {error}")
        return
    if found is None:
        return
    check.count("decisions on what is open")
    if entry.value is not None and found.reason is not None:
        check.disagree(entry.id, f"has a value, but the features leave it open: {found.reason}")
    elif entry.value is None and entry.reason is not found.reason:
        check.disagree(entry.id, f"is called {entry.reason}, but the features don't leave it open")
    elif entry.value is not None and found.columns and found.columns != entry.sources:
        named = ", ".join(entry.sources)
        check.disagree(
            entry.id, f"is made of {named}; what may be compared is {', '.join(found.columns)}"
        )


def _matrices(check: Check, build: Finished, path: Path) -> None:
    """Recompute every model's correlations of layers with axes, and p after the search."""
    place = path.relative_to(build.folder).as_posix()
    by_model: dict[str, list[dict[str, str]]] = {}
    try:
        for row in reading.table(str(path)):
            by_model.setdefault(row["model"], []).append(row)
        for model, rows in by_model.items():
            again = matrix(build, model)
            found = {(row["axis"], int(row["layer"])): row for row in rows}
            if found.keys() != again.keys():
                check.disagree(f"{place}, {model}", "is not one row an axis and layer")
            for (axis, layer), values in again.items():
                row = found.get((axis, layer), {})
                for name, value in zip(("rho", "p_maxt"), values, strict=True):
                    check.count("cells of matrices")
                    if not _same(float(row.get(name) or "nan"), value):
                        check.disagree(
                            f"{place}, {model}, {axis}, layer {layer}",
                            f"{name} is {row.get(name)!r} in the file, {value!r} recomputed",
                        )
    except _UNREADABLE as error:
        check.disagree(place, f"can't be recomputed: {type(error).__name__}: {error}")


def _same(one: float, other: float) -> bool:
    both_missing = math.isnan(one) and math.isnan(other)
    return both_missing or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def holm(p: Sequence[float]) -> list[float]:
    """Adjust by Holm: the k-th smallest of m times m - k + 1, never falling."""
    order, worst, adjusted = sorted(range(len(p)), key=p.__getitem__), 0.0, [0.0] * len(p)
    for k, i in enumerate(order):
        worst = max(worst, (len(p) - k) * p[i])
        adjusted[i] = min(1.0, worst)
    return adjusted


def step_up(p: Sequence[float], factor: float = 1.0) -> list[float]:
    """Adjust by Benjamini and Hochberg: m / k times the k-th smallest, never rising from above."""
    order, best, adjusted = sorted(range(len(p)), key=p.__getitem__), 1.0, [0.0] * len(p)
    for k in range(len(p), 0, -1):
        best = min(best, factor * len(p) / k * p[order[k - 1]])
        adjusted[order[k - 1]] = best
    return adjusted


def _counted(build: Finished, family: Family) -> list[Entry]:
    members = [e for e in build.ledger if e.family == family.id]
    return [e for e in members if e.p is not None or was_tested(e)]


def _adjusted(check: Check, build: Finished, family: Family) -> None:
    counted = _counted(build, family)
    p = [1.0 if e.p is None else e.p for e in counted]
    harmonic = sum(1 / k for k in range(1, len(p) + 1))
    rules = {"holm": holm(p), "bh": step_up(p), "by": step_up(p, harmonic)}
    again: dict[str, dict[str, float]] = {
        rule: {e.id: value for e, value in zip(counted, values, strict=True)}
        for rule, values in rules.items()
    }
    searched = [e for e in counted if "maxt" in e.p_adjusted]
    if searched:
        try:
            again["maxt"] = max_t(searched, build)
        except _UNREADABLE as error:
            check.disagree(family.id, f"max-T can't be recomputed: {error}")
    for entry in counted:
        for rule, value in entry.p_adjusted.items():
            if entry.id not in again.get(rule, {}):
                continue
            check.count("adjusted p-values")
            if not math.isclose(value, again[rule][entry.id], rel_tol=1e-9, abs_tol=1e-12):
                check.disagree(
                    entry.id,
                    f"p adjusted by {rule} is {value!r} in the ledger, "
                    f"{again[rule][entry.id]!r} recomputed",
                )  # fmt: skip


# --- consistency ------------------------------------------------------------------------


def consistent(build: Finished) -> Check:
    """Check p against statistic and n, decisions against p, families against their members."""
    check = Check("p, statistic and n agree with each other")
    for entry in build.ledger:
        if entry.p is None or entry.outcome is None:
            continue
        check.count("tests")
        try:
            problems = _problems(entry, entry.p)
        except (ValueError, ArithmeticError) as error:
            problems = [f"statistic and n allow no test at all: {error}"]
        for problem in problems:
            check.disagree(entry.id, problem)
        for problem in _decision(entry, build):
            check.disagree(entry.id, problem)
    for family in build.ledger.families.values():
        check.count("families")
        members = tuple(e.id for e in build.ledger if e.family == family.id)
        if members != family.members:
            check.disagree(family.id, "its members are not the entries that name it")
        if family.m != len(_counted(build, family)):
            check.disagree(
                family.id, f"m is {family.m}, but {len(_counted(build, family))} of its tests count"
            )
    return check


def _problems(entry: Entry, p: float) -> list[str]:
    """Say what is impossible about a p-value."""
    outcome = entry.outcome
    assert outcome is not None
    found: list[str] = []
    if outcome.p_floor is not None and p < outcome.p_floor * (1 - 1e-9):
        found.append(f"p = {p!r} is below what the test can reach, {outcome.p_floor!r}")
    expected = _implied(entry)
    if expected is not None and not math.isclose(p, expected, rel_tol=1e-7, abs_tol=1e-300):
        found.append(
            f"p = {p!r} does not follow from {outcome.statistic!r} and n = {entry.estimate.n} "
            f"({outcome.method} gives {expected!r})"
        )
    steps = _steps(entry)
    if steps is not None and abs(p * steps - round(p * steps)) > 1e-6 * max(1.0, p * steps):
        found.append(f"p = {p!r} is no multiple of 1/{steps}, as {outcome.method} gives")
    same = outcome.method.startswith(("Spearman", "Kendall tau", "Partial")) and entry.unit == "rho"
    value, statistic = entry.value, outcome.statistic
    if same and None not in (value, statistic) and not math.isclose(
        value or 0.0, statistic or 0.0, rel_tol=1e-9, abs_tol=1e-12
    ):  # fmt: skip
        found.append(f"statistic {outcome.statistic!r} is not the estimate {entry.value!r}")
    return found


def _implied(entry: Entry) -> float | None:
    """Return the p that statistic and n give, where nothing else is needed."""
    from scipy import stats

    outcome, n = entry.outcome, entry.estimate.n
    if outcome is None or outcome.statistic is None:
        return None
    value, method = outcome.statistic, outcome.method
    if method.endswith("t approximation"):
        df = n - 2 - method.startswith("Partial")
        t = math.inf if abs(value) == 1 else abs(value) * math.sqrt(df / (1 - value**2))
        return min(1.0, max(float(2 * stats.t.sf(t, df)), 2 / math.factorial(min(n, 170))))
    if method.startswith("Stouffer"):
        return float(2 * stats.norm.sf(abs(value)))
    if "Hartung-Knapp" in method:
        return float(2 * stats.t.sf(abs(value), n - 1))
    if method.startswith("Friedman"):
        return float(stats.chi2.sf(value, len(entry.sources) - 1))
    return None


def _steps(entry: Entry) -> int | None:
    """Return the number that p times which is whole."""
    assert entry.outcome is not None
    method, made = entry.outcome.method, entry.outcome.n_resamples
    if method.endswith("exact permutation"):
        return math.factorial(entry.estimate.n)
    drawn = "permut" in method
    return made + 1 if drawn and made else None


def _decision(entry: Entry, build: Finished) -> list[str]:
    found = [
        f"p adjusted by {rule} is {value!r}, below p = {entry.p!r}"
        for rule, value in entry.p_adjusted.items()
        if entry.p is not None and value < entry.p * (1 - 1e-9)
    ]
    family = build.ledger.families.get(entry.family)
    if family is not None and (adjusted := entry.p_adjusted.get(family.method)) is not None:
        should = adjusted <= family.alpha
        if entry.rejected is not should:
            found.append(
                f"rejected is {entry.rejected}, but p adjusted by {family.method} is {adjusted!r} "
                f"at α = {family.alpha}"
            )
    return found
