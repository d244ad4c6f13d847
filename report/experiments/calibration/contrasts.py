"""The pole contrasts of experiment 4, computed from calibration captures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from report.capture.features import POLES, Calibration, FloatArray, is_complete
from report.capture.questions import Overlap
from report.experiments.base import StudyData, entry_id
from report.experiments.identified import (
    WHOLE,
    WORDS,
    Bounds,
    Pair,
    columns_of,
    differences,
    ends_of_mean,
    ends_of_shift,
    own_first,
    upper,
)
from report.ledger.ledger import Entry
from report.ledger.lineage import selector
from report.study.study import Axis, Cohort, Model
from stats.identified import identified_shift_sign, identified_sign, open_order
from stats.outcome import Estimate, Outcome, Reason

SLUG = "calibration"
SMALLEST = " (the smallest that the bounds allow)"


@dataclass(frozen=True)
class Poles:
    """One variable of a model's answers under the two poles of an axis, positive first.

    Where both poles were asked the same questions, the arrays are matched question by
    question and ``questions`` holds the texts; otherwise ``questions`` is None.
    """

    values: tuple[FloatArray, FloatArray]
    questions: tuple[str, ...] | None


@dataclass(frozen=True)
class Contrast:
    """One model's answers under the two poles of one axis.

    ``entropy`` is that of the stored candidates, ``low`` and ``high`` bound that of the whole
    distribution, and ``complete`` says that they are the same.
    ``longest`` is the share of the answers to a question that are as long as the longest,
    ``limit`` is the number of tokens at which the capture's answers were cut off, if any were.
    """

    entropy: Poles
    low: Poles
    high: Poles
    complete: bool
    tokens: Poles
    longest: Poles
    limit: int | None = None

    @property
    def paired(self) -> bool:
        """True where the same questions stand under both poles."""
        return self.entropy.questions is not None

    @property
    def bounds(self) -> tuple[Bounds, Bounds]:
        """Bounds of the entropies under either pole, positive first."""
        positive, negative = zip(self.low.values, self.high.values, strict=True)
        return positive, negative

    @cached_property
    def nearest(self) -> Pair | None:
        """What to compare: entropies, or the bounds that lie nearest each other, if any do."""
        if self.complete:
            return WHOLE
        if self.paired:
            return columns_of(identified_sign(*differences(*self.bounds)))
        return columns_of(identified_shift_sign(*self.bounds))

    def differences(self, columns: Pair) -> dict[str, float]:
        """Positive minus negative pole by question; empty where nothing is matched."""
        questions = self.entropy.questions
        pairs = zip(questions or (), *self.of(columns), strict=questions is not None)
        return {question: float(x - y) for question, x, y in pairs}

    def of(self, columns: Pair) -> tuple[FloatArray, FloatArray]:
        """Return the entropies, or the bounds, of either pole."""
        poles = {"entropy": self.entropy, "entropy_low": self.low, "entropy_high": self.high}
        return poles[columns[0]].values[0], poles[columns[1]].values[1]

    @property
    def censored(self) -> bool:
        """True where most answers under a pole end at the limit of generation."""
        return self.limit is not None and any(
            2.0 * values.mean() > 1.0 for values in self.longest.values if values.size
        )


def contrast(calibration: Calibration, axis: str) -> Contrast | None:
    """Line up the answers of one axis; None where a pole has fewer than two entropies.

    Answers are matched if more than half of the questions stand under both poles, each once:
    a few that were lost do not make another design of it. What has no partner is then left out.
    """
    rows = [
        [i for i, label in enumerate(zip(calibration.axis, calibration.pole, strict=True))
         if label == (axis, pole)]
        for pole in POLES
    ]  # fmt: skip
    asked = [[calibration.question[i] for i in chosen] for chosen in rows]
    once = all(len(set(questions)) == len(questions) for questions in asked)
    paired = once and Overlap.of(*asked).paired

    def lined_up(values: FloatArray, *others: FloatArray) -> list[Poles]:
        """Take what has a value, and the same answers of other variables."""
        known = [[i for i in chosen if np.isfinite(values[i])] for chosen in rows]
        questions: tuple[str, ...] | None = None
        if paired:
            found = [{calibration.question[i]: i for i in chosen} for chosen in known]
            questions = tuple(q for q in found[0] if q in found[1])
            known = [[places[q] for q in questions] for places in found]
        return [Poles((v[known[0]], v[known[1]]), questions) for v in (values, *others)]

    entropy, low, high = lined_up(
        calibration.entropy,
        calibration.entropy_low,
        upper(calibration.entropy, calibration.entropy_high),
    )
    if min(values.size for values in entropy.values) < 2:
        return None
    either = rows[0] + rows[1]
    complete = is_complete(
        calibration.entropy_low[either],
        calibration.entropy_high[either],
        calibration.stored_mass[either],
    )
    (lengths,) = lined_up(calibration.n_tokens.astype(np.float64))
    (longest,) = lined_up(calibration.n_longest / calibration.n_answers)
    return Contrast(entropy, low, high, complete, lengths, longest, calibration.limit)


@dataclass(frozen=True)
class Calibrated:
    """A cohort of which at least one model was calibrated, or should have been.

    Parameters
    ----------
    cohort : Cohort
    models : tuple of Model
        All of the cohort.
    shown : tuple of Model
        Those with a calibration, and those whose calibration is lost.
    contrasts : dict
        By model and axis key; pairs that can't be computed are absent.
    """

    cohort: Cohort
    models: tuple[Model, ...]
    shown: tuple[Model, ...]
    contrasts: dict[tuple[str, str], Contrast]


def calibrated(data: StudyData) -> tuple[Calibrated, ...]:
    """Return the cohorts with calibrations, in the study's order."""
    about = [p for p in data.features.problems if p.part == "calibration" and p.costs]
    lost = {problem.model for problem in about if not problem.note}
    captures = data.features.calibrations
    result: list[Calibrated] = []
    for cohort in data.study.cohorts:
        models = data.study.cohort_models(cohort.key)
        shown = tuple(m for m in models if m.key in captures or m.key in lost)
        found = {
            (m.key, axis.key): made
            for m in models if m.key in captures
            for axis in data.study.axes
            if (made := contrast(captures[m.key], axis.key)) is not None
        }  # fmt: skip
        if shown:
            result.append(Calibrated(cohort, models, shown, found))
    return tuple(result)


def contrast_entries(
    data: StudyData, group: Calibrated, poles: str, lengths: str
) -> Iterator[Entry]:
    """Describe every model × axis pair; ``poles`` and ``lengths`` are the ids of the families."""
    for model in group.models:
        for axis in data.study.axes:
            found = group.contrasts.get((model.key, axis.key))
            if found is None:
                yield from _missing(data, group, model, axis, poles, lengths)
            else:
                yield from _pole_means(data, model, axis, found)
                yield from _differences(data, model, axis, found, poles, lengths)


def _entry(data: StudyData, quantity: str, model: Model, axis: Axis, **fields: Any) -> Entry:
    given: dict[str, Any] = {"unit": "nats", "evidence": data.evidence}
    return Entry(
        id=entry_id(SLUG, quantity, model.key, axis.key), experiment=SLUG, quantity=quantity,
        cohort=model.cohort, model=model.key, axis=axis.key, **(given | fields),
    )  # fmt: skip


def pole_sources(data: StudyData, column: str, model: Model, axis: Axis) -> tuple[str, str]:
    """Name a column of the answers under either pole, positive first."""
    first, second = (
        data.source("features/calibration", column, model=model.key, axis=axis.key, pole=pole)
        for pole in POLES
    )
    return first, second


def _missing(
    data: StudyData, group: Calibrated, model: Model, axis: Axis, poles: str, lengths: str
) -> Iterator[Entry]:
    """Say why a pair is missing; the pole means only of models that the tables show."""
    held = data.features.calibrations.get(model.key)
    reason = (
        Reason.TOO_FEW
        if held is not None and axis.key in held.axis
        else data.features.why_missing(model.key, "calibration", axis.key)
    )
    for quantity, family, what in (
        ("delta", poles, "entropy"), ("tokens", lengths, "answer length"),
    ):  # fmt: skip
        yield _entry(
            data, quantity, model, axis, estimate=Estimate.missing(reason, 0), family=family,
            method="Hodges–Lehmann, paired", label=f"{what}, {axis.name}, {model.name}",
            unit="nats" if family == poles else "tokens",
        )  # fmt: skip
    if model in group.shown:
        shares = tuple(f"longest-{pole}" for pole in POLES)
        for quantity in (*POLES, "mean-difference", "rank-biserial", *shares, "length-rho"):
            yield _entry(
                data, quantity, model, axis, estimate=Estimate.missing(reason, 0),
                method="not computed", label=f"{quantity}, {axis.name}, {model.name}",
            )  # fmt: skip


def _pole_means(data: StudyData, model: Model, axis: Axis, found: Contrast) -> Iterator[Entry]:
    """Describe both poles; of whole distributions, if the stored candidates are that."""
    from stats.resampling import bootstrap_mean

    sources = pole_sources(data, "entropy", model, axis)
    # What is matched leaves out answers without a partner, so their other half is read as well.
    read = (sources, sources[::-1]) if found.paired else (sources[:1], sources[1:])
    top = "" if found.complete else "top-k-"
    for i, (pole, of) in enumerate(zip(POLES, read, strict=True)):
        where, values = f"under “{getattr(axis, pole)}”, {model.name}", found.entropy.values[i]
        counts = data.draws.counts(f"{model.key}.calibration", values.size)
        interval = bootstrap_mean(values, counts, level=data.plan.ci_level)
        yield _entry(
            data,
            f"{top}{pole}",
            model,
            axis,
            sources=of,
            estimate=Estimate.within(float(values.mean()), values.size, interval),
            method="mean over answers of the token mean",
            label=f"mean {top and 'top-k '}entropy {where}",
            **data.drawn,
        )
        if not found.complete:
            yield _entry(
                data,
                pole,
                model,
                axis,
                sources=of,
                estimate=Estimate.missing(Reason.NOT_IDENTIFIED, values.size),
                method="mean over answers of the token mean",
                label=f"mean entropy {where}",
            )
            yield from _pole_ends(data, model, axis, found, i, where)
    first, second = found.entropy.values
    n = first.size + second.size
    yield _entry(
        data, "mean-difference", model, axis, method="difference of pole means",
        estimate=Estimate(float(first.mean() - second.mean()), n) if found.complete
        else Estimate.missing(Reason.NOT_IDENTIFIED, n),
        label=f"difference of mean entropies, {axis.positive} minus {axis.negative}, {model.name}",
        sources=tuple(
            selector("", "ledger", "estimate", id=entry_id(SLUG, pole, model.key, axis.key))
            for pole in POLES
        ),
    )  # fmt: skip


def _pole_ends(
    data: StudyData, model: Model, axis: Axis, found: Contrast, place: int, where: str
) -> Iterator[Entry]:
    """Bound the mean of the whole distributions under one pole."""
    # What is matched leaves out answers without a partner, so their other half is read as well.
    beside = pole_sources(data, "entropy", model, axis)[1 - place : 2 - place]
    low, high = (
        (pole_sources(data, f"entropy_{end}", model, axis)[place],) for end in ("low", "high")
    )
    for end, estimate in ends_of_mean(found.bounds[place], data.plan.ci_level).items():
        yield _entry(
            data,
            f"{POLES[place]}-{end}",
            model,
            axis,
            estimate=estimate,
            sources=own_first(end, estimate, low, high) + beside * found.paired,
            method=f"{WORDS[end]} bound, mean over answers" + ", paired" * found.paired,
            label=f"{WORDS[end]} bound of the mean entropy of the whole distribution {where}",
        )


def _ends(
    data: StudyData, model: Model, axis: Axis, found: Contrast, between: str
) -> Iterator[Entry]:
    """Bound the difference between the poles' mean entropies of whole distributions."""
    how, ends = "paired", ends_of_mean(differences(*found.bounds), data.plan.ci_level)
    if not found.paired:
        how, ends = "unpaired", ends_of_shift(*found.bounds, data.plan.ci_level)
    low, high = (pole_sources(data, f"entropy_{end}", model, axis) for end in ("low", "high"))
    for end, estimate in ends.items():
        yield _entry(
            data,
            f"delta-{end}",
            model,
            axis,
            estimate=estimate,
            sources=own_first(end, estimate, (low[0], high[1]), (high[0], low[1])),
            method=f"{WORDS[end]} bound of the difference of pole means, {how}",
            label=f"{WORDS[end]} bound of the difference in mean entropy of the whole "
            f"distribution, {between}",
        )


def _differences(
    data: StudyData, model: Model, axis: Axis, found: Contrast, poles: str, lengths: str
) -> Iterator[Entry]:
    """Entropy and length, positive minus negative pole, and how the two differences go together."""
    from stats import comparison

    shift, test, how = (
        comparison.hodges_lehmann_shift, comparison.mann_whitney, "Hodges–Lehmann, unpaired"
    )  # fmt: skip
    if found.paired:
        shift, test = comparison.hodges_lehmann_paired, comparison.wilcoxon_signed_rank
        how = "Hodges–Lehmann, paired"
    between = f"{axis.positive} minus {axis.negative}, {model.name}"
    level, columns = data.plan.ci_level, found.nearest
    x, y = found.of(columns or WHOLE)
    estimate, outcome = shift(x, y, level), test(x, y)
    if columns is None:
        estimate = Estimate.missing(Reason.NOT_IDENTIFIED, estimate.n)
        outcome = Outcome.missing(outcome.method, Reason.NOT_IDENTIFIED, outcome.n)
    smallest = "" if columns in (None, WHOLE) else SMALLEST
    first, second = (
        pole_sources(data, column, model, axis)[i] for i, column in enumerate(columns or WHOLE)
    )
    yield _entry(
        data, "delta", model, axis, estimate=estimate, outcome=outcome, family=poles, method=how,
        label=f"entropy, {between}{smallest}", sources=(first, second),
    )  # fmt: skip
    yield _rank_biserial(data, model, axis, found, between)
    if not found.complete:
        yield from _ends(data, model, axis, found, between)
    for pole in POLES:
        yield _longest(data, model, axis, pole)
    longer, tested = shift(*found.tokens.values, level), test(*found.tokens.values)
    if found.censored:
        longer = Estimate.missing(Reason.CENSORED, longer.n)
        tested = Outcome.missing(tested.method, Reason.CENSORED, tested.n)
    yield _entry(
        data, "tokens", model, axis, unit="tokens", method=how, family=lengths,
        estimate=longer, outcome=tested,
        label=f"answer length, {between}", sources=pole_sources(data, "n_tokens", model, axis),
    )  # fmt: skip
    yield _length_rho(data, model, axis, found, between)


def _longest(data: StudyData, model: Model, axis: Axis, pole: str) -> Entry:
    """Count the answers under a pole that are as long as the longest of the capture."""
    calibration = data.features.calibrations[model.key]
    chosen = np.array([
        label == (axis.key, pole) for label in zip(calibration.axis, calibration.pole, strict=True)
    ])  # fmt: skip
    longest, every = calibration.n_longest[chosen].sum(), calibration.n_answers[chosen].sum()
    return _entry(
        data, f"longest-{pole}", model, axis, unit="share",
        estimate=Estimate(float(longest / every), int(every)),
        method="share of answers of the capture's largest length",
        label=f"answers of {model.name} under “{getattr(axis, pole)}” that are as long as its "
        "longest",
        sources=tuple(
            data.source("features/calibration", column, model=model.key, axis=axis.key, pole=pole)
            for column in ("n_longest", "n_answers")
        ),
    )  # fmt: skip


def _rank_biserial(
    data: StudyData, model: Model, axis: Axis, found: Contrast, between: str
) -> Entry:
    from stats.comparison import rank_biserial, rank_biserial_paired

    columns = found.nearest
    x, y = found.of(columns or WHOLE)
    if found.paired:
        counts = data.draws.counts(f"{model.key}.calibration", x.size)
        estimate = rank_biserial_paired(x, y, counts, data.plan.ci_level)
    else:
        estimate = rank_biserial(x, y)
    if columns is None:
        estimate = Estimate.missing(Reason.NOT_IDENTIFIED, estimate.n)
    return _entry(
        data, "rank-biserial", model, axis, estimate=estimate, unit="rho",
        method=("matched-pairs " if found.paired else "") + "rank-biserial correlation",
        label=f"rank-biserial, {between}",
        sources=tuple(
            pole_sources(data, column, model, axis)[i] for i, column in enumerate(columns or WHOLE)
        ),
        **(data.drawn if found.paired and estimate.value is not None else {}),
    )  # fmt: skip


def _length_rho(data: StudyData, model: Model, axis: Axis, found: Contrast, between: str) -> Entry:
    """Correlate the difference in entropy with the difference in length, over questions."""
    from stats.correlation import bonett_wright, spearman

    estimate = Estimate.missing(Reason.TOO_FEW, 0)
    if (
        found.paired
        and not found.complete
        and (open_order(*differences(*found.bounds)) > data.plan.open_order)
    ):
        estimate = Estimate.missing(Reason.NOT_IDENTIFIED, found.entropy.values[0].size)
    elif found.paired:
        entropy = found.differences(WHOLE)
        tokens = dict(
            zip(
                found.tokens.questions or (),
                found.tokens.values[0] - found.tokens.values[1],
                strict=True,
            )
        )
        pairs = [(entropy[question], tokens[question]) for question in entropy]
        estimate = spearman(*np.transpose(pairs))
        if estimate.value is not None:
            interval = bonett_wright(estimate.value, estimate.n, data.plan.ci_level)
            estimate = Estimate.within(estimate.value, estimate.n, interval)
    return _entry(
        data, "length-rho", model, axis, estimate=estimate, unit="rho",
        method="Spearman's rho of paired differences",
        label=f"correlation of the differences in entropy and in length, {between}",
        sources=(*pole_sources(data, "entropy", model, axis),
                 *pole_sources(data, "n_tokens", model, axis)),
    )  # fmt: skip
