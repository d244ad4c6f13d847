"""Which second path an entry takes: a few lines of plain Python that end in ``found``.

`verify` runs the lines, `explain` prints them. They are chosen by the entry's methods alone,
and call the functions of this package, none of which belongs to the code that made the number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from report.audit.finished import Finished, Plan
from report.ledger.ledger import Entry

POWER = 0.8
REFERENCE_RHO = 0.5
BINS = 10


@dataclass(frozen=True)
class Recipe:
    """Lines that recompute an entry.

    Parameters
    ----------
    lines : tuple of str
        Python; the last one leaves its results in ``found``.
    tolerance : mapping
        Largest relative and absolute difference that is no disagreement.
    note : str
        Why the tolerance is wide, or ``""``.
    """

    lines: tuple[str, ...]
    tolerance: Mapping[str, float] = field(
        default_factory=lambda: {"rel_tol": 1e-7, "abs_tol": 1e-9}
    )
    note: str = ""


@dataclass(frozen=True)
class _Estimate:
    """How an estimate is read and made, and what a bootstrap of it resamples."""

    reading: str
    found: str
    statistic: str = ""
    data: str = ""


# What is read after the first serves to leave out what has no partner there.
_ONE, _TWO = "x, *_ = aligned({sources})", "x, y = aligned({sources})"
_FOUR, _MANY = "a, b, c, d = aligned({sources})", "columns = aligned({sources})"
_LESS = _Estimate("columns = complete({sources})", "less(*columns)")
_GRID = "grid, = grids({sources})"
_RHO = _Estimate(_TWO, "spearman(x, y)", "rho", "x, y")
_GIVEN = _Estimate("columns = complete({sources})", "given(*columns)")
_MEAN = _Estimate(_ONE, "described(x, 'mean')", "mean", "x")


def _layered(what: str, statistic: str = "") -> _Estimate:
    return _Estimate(_GRID, f"profile(grid, {what!r})", statistic, "grid")


# By the beginning of the entry's method; the first that fits counts.
_ESTIMATES: tuple[tuple[str, _Estimate], ...] = (
    ("Spearman's rho of paired differences",
     _Estimate(_FOUR, "spearman_of_differences(a, b, c, d)")),
    ("Spearman", _RHO),
    ("Kendall's tau-b", _Estimate(_TWO, "kendall(x, y)")),
    ("partial Spearman", _Estimate("x, y, z = aligned({sources})", "partial(x, y, z, {level})")),
    ("Bayes factor", _Estimate(_TWO, "bayes_factor(spearman(x, y)['estimate'], len(x))")),
    ("random effects", _Estimate("r, n = aligned({sources})",
                                 "pooled(r, n, {level}, {quantity!r})")),
    ("corrected participation ratio",
     _Estimate(_MANY, "corrected_dimension(*columns, level={level})")),
    ("participation ratio", _Estimate(_MANY, "effective_dimension(*columns)", "participation",
                                      "np.column_stack(columns)")),
    ("count of axes that are constant",
     _Estimate("columns = separate({sources})", "dead_axes(*columns)")),
    ("count of axes without", _Estimate("answers = read({sources})", "lost_axes(answers)")),
    ("count of answers without",
     _Estimate("columns = complete({sources})", "lost(*columns)")),
    ("recomputed minus published", _LESS),
    ("difference of pole means", _LESS),
    ("difference of means",
     _Estimate("columns = complete({sources})", "welch(*columns, level={level})")),
    ("Hodges–Lehmann, paired differences",
     _Estimate(_FOUR, "hodges_lehmann_differences(a, b, c, d, {level})")),
    ("Hodges–Lehmann, paired", _Estimate(_TWO, "hodges_lehmann(x, y, {level})")),
    ("Hodges–Lehmann, unpaired",
     _Estimate("x, y = separate({sources})", "shift(x, y, {level})")),
    ("matched-pairs rank-biserial",
     _Estimate(_TWO, "rank_biserial_paired(x, y)", "biserial", "x - y")),
    ("rank-biserial", _Estimate("x, y = separate({sources})", "rank_biserial(x, y)")),
    ("Kendall's W", _Estimate(_MANY, "friedman(*columns)")),
    ("ratio of mean entropies", _Estimate(_MANY, "last_to_first(*columns)")),
    ("ratio of two estimates", _Estimate("columns = complete({sources})", "range_ratio(*columns)")),
    ("highest minus lowest", _Estimate("columns = complete({sources})", "range_of(*columns)")),
    ("lowest layer mean", _layered("lowest", "lowest")),
    ("highest layer mean", _layered("highest", "highest")),
    ("range of layer means", _layered("width", "width")),
    ("mean over layers and questions", _layered("level", "level_of")),
    ("sd over questions, mean over layers", _layered("spread")),
    ("lowest spectral", _Estimate("values, = complete({sources})", "extreme(values, 'lowest')")),
    ("highest spectral", _Estimate("values, = complete({sources})", "extreme(values, 'highest')")),
    ("share of answers of",
     _Estimate("columns = separate({sources})", "longest(*columns)")),
    ("number of different lengths", _Estimate(_ONE, "different(x)")),
    ("mean over tokens", _Estimate(_TWO, "weighted_mean(x, y)")),
    ("mean of the models' estimates",
     _Estimate(_TWO, "described(x, 'mean') | stouffer(x, y)")),
    ("share of models with a positive",
     _Estimate(_ONE, "described(x, 'positive') | sign_test(x)")),
    ("sd over questions", _Estimate(_ONE, "described(x, 'sd')")),
    ("median over questions", _Estimate(_ONE, "described(x, 'median')")),
    ("count", _Estimate(_ONE, "described(x, 'count')")),
    ("sum over questions", _Estimate(_ONE, "described(x, 'count')")),
    ("mean", _MEAN),
    ("bound of the full entropy", _MEAN),
)  # fmt: skip

# By the beginning of the test's method; `_Estimate.found` brings the other tests with it.
_TESTS = (
    ("Spearman, t, Bonferroni", "found |= bonferroni_test(found['estimate'], {n}, int(y[0]))"),
    ("Spearman, t approximation", "found |= t_test(found['estimate'], {n})"),
    ("Spearman, exact permutation", "found |= exact_test(x, y)"),
    ("Spearman, permutation",
     "found |= permutation_test(x, y, shuffles({seed}, {draws!r}, len(x), {size}))"),
    ("Page trend", "found |= page(*columns)"),
)  # fmt: skip


def draws_of(entry: Entry) -> str:
    """Name the set of random draws that an entry shares with others of its model or cohort."""
    alone = entry.model is not None and " " not in entry.model
    name = str(entry.model) if alone else entry.cohort
    return f"{name}.calibration" if entry.experiment == "calibration" else name


def recipe(entry: Entry, build: Finished) -> Recipe | None:
    """Choose the second path of an entry; None where there is none.

    Parameters
    ----------
    entry : Entry
        One that has an estimate.
    build : Finished
    """
    plan = build.plan(entry)
    if special := _special(entry, build, plan):
        return special
    how = _estimate(entry)
    if how is None or not entry.sources:
        return None
    interval = entry.estimate.interval
    words = {
        "sources": ", ".join(map(repr, entry.sources)), "quantity": entry.quantity,
        "level": interval.level if interval else plan.level, "n": entry.estimate.n,
        "seed": plan.seed, "draws": draws_of(entry), "size": _size(entry, plan),
    }  # fmt: skip
    reading = "x, y = beside({sources})" if _mixed(entry) else how.reading
    lines = [reading.format(**words), "found = " + how.found.format(**words)]
    lines += [line.format(**words) for line in _test_lines(entry)]
    lines += [line.format(**words) for line in _interval_lines(entry, how)]
    return Recipe(tuple(lines))


def _estimate(entry: Entry) -> _Estimate | None:
    published = all("/published/" in source for source in entry.sources)
    if entry.method.endswith("as published") or (published and len(entry.sources) == 1):
        bounded = entry.outcome is not None and "Bonferroni" in entry.outcome.method
        # Where the number of layers was not published there is a peak, and no bound for its p.
        searched = bounded and len(entry.sources) > 1
        return _Estimate("x, y = complete({sources})", "given(x)") if searched else _GIVEN
    return next((how for start, how in _ESTIMATES if entry.method.startswith(start)), None)


def _mixed(entry: Entry) -> bool:
    """Tell whether layers (by number) stand beside questions (by text) of the same model."""
    tables = {source.partition(".csv")[0].rpartition("/")[2] for source in entry.sources}
    return tables == {"layers", "questions"}


def _test_lines(entry: Entry) -> list[str]:
    if entry.p is None or entry.outcome is None:
        return []
    name = entry.outcome.method
    if name.startswith("test as published"):
        return ["found |= {{'statistic': columns[0][0], 'p': columns[1][0]}}"]
    if name.startswith("Wilcoxon"):
        four = "paired differences" in entry.method
        call = "signed_rank_differences(a, b, c, d)" if four else "signed_rank(x, y)"
        return [f"found |= {call}"]
    if name.startswith("Mann-Whitney"):
        return ["found |= rank_sum(x, y)"]
    return [line for start, line in _TESTS if name.startswith(start)][:1]


def _interval_lines(entry: Entry, how: _Estimate) -> list[str]:
    interval = entry.estimate.interval
    if interval is None:
        return []
    drawn = "resamples({seed}, {draws!r}, len(" + how.data.split(",")[0] + "), {size})"
    match interval.method:
        case "bca" if how.statistic:
            return [f"found |= bca({how.statistic}, [{how.data}], {drawn}, {{level}})"]
        case "percentile" if how.statistic:
            return [
                f"rows = {drawn}",
                f"replicates = {how.statistic}(*(column[rows] for column in [{how.data}]))",
                "found |= percentile(replicates, {level})",
            ]
        case "exact-bootstrap":
            return ["found |= exact_bootstrap(x, y, {level})"]
        case "bonett-wright" if not how.found.startswith("partial"):
            n = "{n}" if how.found.startswith("given") else "found['n']"
            return [f"found |= bonett_wright(found['estimate'], {n}, {{level}})"]
        case "t":
            column = entry.sources[0].rpartition("#")[0]
            others = [f"{column}#entropy_sd_nats", f"{column}#n_questions"]
            return [
                f"sd, n = complete({', '.join(map(repr, others))})",
                "found |= t_interval(found['estimate'], sd[0], int(n[0]), {level})",
            ]
        case _:
            return []


# --- entries whose data are not simply columns ------------------------------------------


def _special(entry: Entry, build: Finished, plan: Plan) -> Recipe | None:
    test = "" if entry.outcome is None else entry.outcome.method
    if entry.method == "power of the Spearman test":
        return _power(entry, plan)
    if entry.method.endswith("questions resampled within models"):
        return _nested(entry, build, plan)
    if entry.method == "nearest-profile classification":
        return _classification(entry, plan)
    if entry.method.startswith("Pearson correlation of signatures"):
        return _similarity(entry, plan)
    size = _size(entry, plan)
    drawn = f"{plan.seed}, {draws_of(entry)!r}, len(grid), {size}"
    reading = (f"grid, *axes = layered({', '.join(map(repr, entry.sources))})",)
    if "max-T" in test:
        return Recipe((*reading, f"found = peak(grid, *axes, orders=shuffles({drawn}))"))
    if entry.method == "relative depth of the peak":
        level = entry.estimate.interval.level if entry.estimate.interval else plan.level
        return Recipe((*reading, f"found = peak_depth(grid, axes[0], resamples({drawn}), {level})"))
    if entry.method == "bootstrap distribution of the peak":
        return Recipe((*reading, f"found = peak_share(grid, axes[0], resamples({drawn}))"))
    return None


def _size(entry: Entry, plan: Plan) -> int:
    interval, test = entry.estimate.interval, entry.outcome
    made = (test and test.n_resamples) or (interval and interval.n_resamples)
    return made or plan.n_resamples


def _power(entry: Entry, plan: Plan) -> Recipe:
    rho = "spearman(x, y)['estimate']"
    call = {
        "detectable": f"detectable(len(x), {POWER}, {plan.alpha})",
        "power": f"power_at({rho}, len(x), {plan.alpha})",
        "required-reference": f"required({REFERENCE_RHO}, {POWER}, {plan.alpha})",
        "required-observed": f"required({rho}, {POWER}, {plan.alpha})",
    }[entry.quantity]
    lines = (_TWO.format(sources=", ".join(map(repr, entry.sources))), f"found = {call}")
    counted = entry.quantity.startswith("required")
    tolerance = {"rel_tol": 0.08, "abs_tol": 1.0} if counted else {"rel_tol": 0.0, "abs_tol": 0.025}
    return Recipe(lines, tolerance, "simulated; the first path is an approximation from n = 10 on")


def _columns(plan: Plan, model: str) -> list[str]:
    return [
        f"data/{plan.study}/features/questions.csv?model={model}#{column}"
        for column in ("entropy", *plan.axes)
    ]


def _nested(entry: Entry, build: Finished, plan: Plan) -> Recipe:
    """Read the questions of the models that have both variables."""
    means, effective = (
        {e.model for e in build.ledger
         if (e.experiment, e.quantity, e.evidence, e.cohort)
         == (*variable, entry.evidence, entry.cohort) and e.value is not None}
        for variable in (("generation", "mean"), ("dimension", "effective"))
    )  # fmt: skip
    models = [key for key in plan.models if key in means & effective]
    each = len(plan.axes) + 1
    level = entry.estimate.interval.level if entry.estimate.interval else plan.level
    drawn = f"{plan.seed}, {draws_of(entry)!r}, len(columns[0]), {_size(entry, plan)}"
    return Recipe((
        _TWO.format(sources=", ".join(map(repr, entry.sources))),
        "found = spearman(x, y)",
        f"columns = aligned(*{[s for key in models for s in _columns(plan, key)]!r})",
        f"tables = [columns[i : i + {each}] for i in range(0, len(columns), {each})]",
        f"rows = resamples({drawn})",
        f"found |= nested(tables, rows, {level})",
    ))  # fmt: skip


def _classification(entry: Entry, plan: Plan) -> Recipe:
    pairs = [[s, s.replace("/layers.csv", "/questions.csv")] for s in entry.sources]
    level = entry.estimate.interval.level if entry.estimate.interval else plan.level
    return Recipe((
        f"curves = [grid for grid, _ in matched(*{pairs!r})]",
        f"found = classification(*curves, seed={plan.seed}, name={entry.id!r}, "
        f"size={_size(entry, plan)}, level={level})",
    ))  # fmt: skip


def _similarity(entry: Entry, plan: Plan) -> Recipe:
    half = len(entry.sources) // 2
    one, other = list(entry.sources[:half]), list(entry.sources[half:])
    drawn = f"shuffles({plan.seed}, {entry.cohort!r}, len(one[0]), {_size(entry, plan)})"
    return Recipe((
        f"one, other = matched({one!r}, {other!r})",
        f"found = similarity(one, other, {drawn}, {BINS})",
    ))  # fmt: skip
