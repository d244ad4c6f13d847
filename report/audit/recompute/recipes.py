"""Which second path an entry takes: functions of this package, and the values they are called with.

They are chosen by the entry's methods alone, and none of them belongs to the code that made the
number. `verify` calls them, `explain` prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from report.audit.finished import Finished, Plan
from report.audit.recompute import steps
from report.audit.recompute.openness import sides_of
from report.audit.recompute.reading import Case
from report.audit.recompute.steps import Found
from report.ledger.ledger import Entry

POWER = 0.8
REFERENCE_RHO = 0.5
BINS = 10

Step = Callable[[Case, Found], Found]


@dataclass(frozen=True)
class Recipe:
    """What recomputes an entry.

    Parameters
    ----------
    case : Case
        The values.
    steps : tuple of function
        Called one after the other with the case and with what was found so far.
    tolerance : mapping
        Largest relative and absolute difference that is no disagreement.
    note : str
        Why the tolerance is wide, or ``""``.
    """

    case: Case
    steps: tuple[Step, ...]
    tolerance: Mapping[str, float] = field(
        default_factory=lambda: {"rel_tol": 1e-7, "abs_tol": 1e-9}
    )
    note: str = ""


# By the beginning of the entry's method; the first that fits counts.
_ESTIMATES: tuple[tuple[str, Step], ...] = (
    ("Spearman's rho of paired differences", steps.rho_of_differences),
    ("Spearman", steps.rho_of_pairs),
    ("Kendall's tau-b", steps.tau),
    ("partial Spearman", steps.partial_rho),
    ("Bayes factor", steps.bayes),
    ("random effects", steps.random_effects),
    ("corrected participation ratio", steps.corrected_ratio),
    ("participation ratio", steps.participation_ratio),
    ("count of axes that are constant", steps.count_dead_axes),
    ("count of axes without", steps.count_lost_axes),
    ("count of answers without", steps.count_lost_answers),
    ("count of claims", steps.count_of_claims),
    ("count of tests with p", steps.count_up_to_alpha),
    ("recomputed minus published", steps.difference_of_two),
    ("difference of pole means", steps.difference_of_two),
    ("difference of means", steps.difference_of_means),
    ("Hodges–Lehmann, paired differences", steps.shift_of_differences),
    ("Hodges–Lehmann, paired", steps.shift_of_pairs),
    ("Hodges–Lehmann, unpaired", steps.shift_of_samples),
    ("matched-pairs rank-biserial", steps.biserial_of_pairs),
    ("rank-biserial", steps.biserial_of_samples),
    ("Kendall's W", steps.concordance),
    ("ratio of mean entropies", steps.ratio_of_ends),
    ("ratio of two estimates", steps.ratio_of_ranges),
    ("highest minus lowest", steps.published_range),
    ("lowest layer mean", steps.lowest_layer),
    ("highest layer mean", steps.highest_layer),
    ("range of layer means", steps.range_of_layers),
    ("mean over layers and questions", steps.mean_over_layers),
    ("sd over questions, mean over layers", steps.spread_over_layers),
    ("lowest spectral", steps.lowest_of_spectra),
    ("highest spectral", steps.highest_of_spectra),
    ("share of answers of", steps.share_of_longest),
    ("count over answers", steps.total_of_answers),
    ("intraclass", steps.correlation_in_classes),
    ("number of different lengths", steps.different_lengths),
    ("mean over tokens", steps.mean_over_tokens),
    ("mean of the models' estimates", steps.mean_of_models),
    ("share of models with a positive", steps.share_of_positive),
    ("sd over questions", steps.standard_deviation),
    ("median over questions", steps.median),
    ("count", steps.total),
    ("sum over questions", steps.total),
    ("mean", steps.mean_of_one),
    ("share of pairs of questions", steps.open_pairs),
)

# By the beginning of the test's method; an estimate may bring its test with it.
_TESTS: tuple[tuple[str, Step], ...] = (
    ("test as published", steps.published_test),
    ("Mann-Whitney", steps.rank_sum_test),
    ("Spearman, t, Bonferroni", steps.bounded_test),
    ("Spearman, t approximation", steps.t_approximation),
    ("Spearman, exact permutation", steps.exact_permutation),
    ("Spearman, permutation", steps.random_permutation),
    ("Page trend", steps.page_trend),
)

# By the interval's method: those that resample what the estimate was made of, and the others.
_RESAMPLED: dict[str, Step] = {
    "studentised": steps.studentised_interval,
    "bca": steps.bca_interval,
    "percentile": steps.percentile_interval,
}
_RESAMPLABLE = frozenset({
    steps.rho_of_pairs, steps.participation_ratio, steps.biserial_of_pairs, steps.lowest_layer,
    steps.highest_layer, steps.range_of_layers, steps.mean_over_layers, steps.mean_of_one,
})  # fmt: skip
_CLOSED: dict[str, Step] = {
    "exact-bootstrap": steps.exact_bootstrap_interval,
    "bonett-wright": steps.closed_form_interval,
    "t": steps.student_interval,
}


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
    if entry.method == "power of the Spearman test":
        counted = entry.quantity.startswith("required")
        return Recipe(
            _case(entry, build),
            (steps.power_of_test,),
            {"rel_tol": 0.08, "abs_tol": 1.0} if counted else {"rel_tol": 0.0, "abs_tol": 0.025},
            "simulated; the first path is an approximation from n = 10 on",
        )
    if special := _special(entry):
        step, groups = special
        return Recipe(_case(entry, build, groups(entry, build, plan)), (step,))
    estimate = _estimate(entry)
    if estimate is None or not entry.sources:
        return None
    found = (estimate, _test(entry), _interval(entry, estimate))
    return Recipe(_case(entry, build), tuple(step for step in found if step is not None))


def _case(entry: Entry, build: Finished, groups: tuple[tuple[str, ...], ...] = ()) -> Case:
    plan, interval = build.plan(entry), entry.estimate.interval
    tables = {source.partition(".csv")[0].rpartition("/")[2] for source in entry.sources}
    return Case(
        name=entry.id,
        quantity=entry.quantity,
        sources=entry.sources,
        mixed=tables == {"layers", "questions"},
        n=entry.estimate.n,
        level=interval.level if interval else plan.level,
        alpha=plan.alpha,
        seed=plan.seed,
        draws=draws_of(entry),
        size=_size(entry, plan),
        power=POWER,
        reference_rho=REFERENCE_RHO,
        bins=BINS,
        groups=groups,
        root=str(build.folder),
    )


def _estimate(entry: Entry) -> Step | None:
    published = all("/published/" in source for source in entry.sources)
    if entry.method.endswith("as published") or (published and len(entry.sources) == 1):
        return steps.as_published
    return next((step for start, step in _ESTIMATES if entry.method.startswith(start)), None)


def _test(entry: Entry) -> Step | None:
    if entry.p is None or entry.outcome is None:
        return None
    name = entry.outcome.method
    if name.startswith("Wilcoxon"):
        four = "paired differences" in entry.method
        return steps.signed_rank_test_of_differences if four else steps.signed_rank_test
    return next((step for start, step in _TESTS if name.startswith(start)), None)


def _interval(entry: Entry, estimate: Step) -> Step | None:
    interval = entry.estimate.interval
    if interval is None:
        return None
    if interval.method in _RESAMPLED:
        return _RESAMPLED[interval.method] if estimate in _RESAMPLABLE else None
    if interval.method == "t" and estimate in (steps.mean_of_one, steps.mean_over_layers):
        return steps.student_interval_of_sample
    if interval.method == "bonett-wright" and estimate is steps.partial_rho:
        return None  # it brings its own
    return _CLOSED.get(interval.method)


def _size(entry: Entry, plan: Plan) -> int:
    interval, test = entry.estimate.interval, entry.outcome
    made = (test and test.n_resamples) or (interval and interval.n_resamples)
    return made or plan.n_resamples


# --- entries whose data are not simply columns ------------------------------------------

_Groups = Callable[[Entry, Finished, Plan], tuple[tuple[str, ...], ...]]


def _special(entry: Entry) -> tuple[Step, _Groups] | None:
    if entry.method.startswith(("lower bound", "upper bound")):
        unpaired = entry.method.endswith("unpaired")
        return steps.end_of_identified_shift if unpaired else steps.end_of_identified_set, _bounds
    if entry.method.endswith("questions resampled within models"):
        return steps.rho_of_uncertain_points, _by_model
    if entry.method == "nearest-profile classification":
        return steps.nearest_profile, _layers_and_questions
    if entry.method.startswith("Pearson correlation of signatures"):
        return steps.similarity_of_signatures, _halves
    if entry.outcome is not None and "max-T" in entry.outcome.method:
        return steps.searched_peak, _none
    if entry.method == "relative depth of the peak":
        return steps.depth_of_peak, _none
    if entry.method == "bootstrap distribution of the peak":
        return steps.share_of_peak, _none
    return None


def _none(_entry: Entry, _build: Finished, _plan: Plan) -> tuple[tuple[str, ...], ...]:
    return ()


def _bounds(entry: Entry, build: Finished, _plan: Plan) -> tuple[tuple[str, ...], ...]:
    """Name the bounds that an end of a set takes, and those of the other end for its interval.

    Last come columns that must have a value for a question to count: of both poles, if matched.
    """
    ends = ["low", "high"] if entry.quantity.endswith("-low") else ["high", "low"]
    columns = [tuple(side.bound(end) for side in sides_of(entry, build)) for end in ends]
    sides = sides_of(entry, build, both=True) if entry.method.endswith(", paired") else ()
    matched = tuple(side.column("entropy") for side in sides)
    return columns[0], columns[1] if entry.estimate.interval else (), matched


def _by_model(entry: Entry, build: Finished, plan: Plan) -> tuple[tuple[str, ...], ...]:
    """Name entropy and projections of the models that have both variables."""
    means, effective = (
        {e.model for e in build.ledger
         if (e.experiment, e.quantity, e.evidence, e.cohort)
         == (*variable, entry.evidence, entry.cohort) and e.value is not None}
        for variable in (("generation", "mean"), ("dimension", "effective"))
    )  # fmt: skip
    return tuple(
        tuple(
            f"data/{plan.study}/features/questions.csv?model={model}#{column}"
            for column in ("entropy", *plan.axes)
        )
        for model in plan.models
        if model in means & effective
    )


def _layers_and_questions(
    entry: Entry, _build: Finished, _plan: Plan
) -> tuple[tuple[str, ...], ...]:
    return tuple((s, s.replace("/layers.csv", "/questions.csv")) for s in entry.sources)


def _halves(entry: Entry, _build: Finished, _plan: Plan) -> tuple[tuple[str, ...], ...]:
    half = len(entry.sources) // 2
    return entry.sources[:half], entry.sources[half:]
