"""Experiment 5 from captures: correlations of layer entropy with the axes, peaks, likeness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from report.capture.features import Baseline, FloatArray
from report.experiments.base import StudyData, Subject, entry_id, unit_of
from report.ledger.ledger import Entry, Family
from report.study.study import Axis, Cohort, Model
from stats.checks import why_not
from stats.outcome import Estimate, Interval, Outcome, Reason
from stats.resampling import PermutationMatrix

SLUG = "signature"
N_BINS = 10

_PEAK = "Spearman, permutation, max-T over rows"
_SIMILARITY = "signature similarity"
_MATRIX = "Spearman, permutation, max-T over the matrix"


@dataclass(frozen=True)
class Signature:
    """One model's correlations of L layers with A axes.

    Parameters
    ----------
    test : PermutationMatrix
        Rows are layers, columns axes.
    p_family : ndarray, shape (L, A)
        Max-T over the matrices of all models of the cohort.
    at_peak : tuple of Estimate
        For each axis the correlation at its peak layer, with an interval that does not know of
        the search.
    depth : tuple of Interval, Reason or None
        Bootstrap interval of each peak's relative depth.
    shares : ndarray, shape (L, A)
        How often each layer is the peak over the resamples.
    """

    test: PermutationMatrix
    p_family: FloatArray
    at_peak: tuple[Estimate, ...]
    depth: tuple[Interval | Reason | None, ...]
    shares: FloatArray

    @property
    def n_layers(self) -> int:
        """Number of layers L, embeddings included."""
        return self.test.rho.shape[0]

    def survives(self, alpha: float) -> np.ndarray:
        """Mark the cells that survive the search over the model's whole matrix, (L, A)."""
        return np.where(np.isnan(self.test.p_maxt), 1.0, self.test.p_maxt) <= alpha


@dataclass(frozen=True)
class Signatures:
    """The signatures of one cohort; models without captured layers have none."""

    cohort: Cohort
    models: tuple[Model, ...]
    found: Mapping[str, Signature]

    @property
    def present(self) -> tuple[Model, ...]:
        """The models that have a signature."""
        return tuple(m for m in self.models if m.key in self.found)


def signatures(data: StudyData, subject: Subject) -> Signatures:
    """Correlate layers with axes in every model of a cohort."""
    from stats.resampling import family_maxt, permute_spearman

    models = tuple(m for m in data.study.cohort_models(subject.cohort.key) if m.in_baseline)
    tables = {
        m.key: (t[0][known], t[1][known])
        for m, b in subject.members()
        if (t := _tables(data, b)) is not None and (known := _any_layer(b)).any()
    }
    tests = {
        key: permute_spearman(x, y, data.draws.permutations(key, len(x)))
        for key, (x, y) in tables.items()
    }
    wide = family_maxt(tuple(tests.values())) if tests else ()
    found = {
        key: _signature(data, key, *tables[key], test, p_family)
        for (key, test), p_family in zip(tests.items(), wide, strict=True)
    }
    return Signatures(subject.cohort, models, found)


def _tables(data: StudyData, baseline: Baseline) -> tuple[FloatArray, FloatArray] | None:
    """Return entropies (Q, L) and projections (Q, A), or None without layers."""
    if baseline.layer_entropy is None or not np.isfinite(baseline.layer_entropy).any():
        return None
    nothing = np.full(baseline.n_questions, np.nan)
    return baseline.layer_entropy, np.column_stack(
        [baseline.projections.get(axis.key, nothing) for axis in data.study.axes]
    )


def _any_layer(baseline: Baseline) -> NDArray[np.bool_]:
    """Tell which questions have a value at any layer; where all overflowed, one has none."""
    if baseline.layer_entropy is None:
        return np.zeros(baseline.n_questions, dtype=bool)
    return np.array(np.isfinite(baseline.layer_entropy).any(axis=1), dtype=np.bool_)


def _signature(
    data: StudyData, key: str, x: FloatArray, y: FloatArray, test: PermutationMatrix,
    p_family: FloatArray,
) -> Signature:  # fmt: skip
    """Add the bootstrap: the correlation at each peak, and where the peak lies."""
    from stats.rankmatrix import first_largest
    from stats.resampling import (
        bootstrap_interval,
        bootstrap_spearman,
        peak_distribution,
        spearman_replicates,
    )

    counts, level = data.draws.counts(key, len(x)), data.plan.ci_level
    replicates = spearman_replicates(x, y, counts)
    strength = np.where(np.isnan(replicates), -1.0, np.abs(replicates))
    last = max(x.shape[1] - 1, 1)
    where = np.where(strength.max(axis=1) >= 0.0, first_largest(strength, 1) / last, np.nan)
    at_peak: list[Estimate] = []
    depth: list[Interval | Reason | None] = []
    for j, peak in enumerate(test.peak.tolist()):
        if peak < 0:
            at_peak.append(Estimate.missing(_why(x, y[:, j]), len(x)))
            depth.append(None)
            continue
        known = replicates[:, peak : peak + 1, j : j + 1]
        pair = bootstrap_spearman(x[:, [peak]], y[:, [j]], counts, level=level, replicates=known)
        at_peak.append(pair.estimate(0, 0))
        depth.append(
            bootstrap_interval(peak / last, where[:, j], level=level, method="percentile")
        )  # fmt: skip
    return Signature(test, p_family, tuple(at_peak), tuple(depth), peak_distribution(replicates))


def _why(x: FloatArray, axis: FloatArray) -> Reason:
    """Say why no layer has a correlation with this axis; the axis itself comes first."""
    of_layers = (why_not(layer, minimum=3) for layer in x.T)
    return why_not(axis, minimum=3) or next(filter(None, of_layers), Reason.CONSTANT_INPUT)


# --- entries ----------------------------------------------------------------------------


def measured(data: StudyData, group: Signatures) -> tuple[list[Entry], list[Family]]:
    """Compute all entries of one cohort, and declare their families."""
    level, unit = group.cohort.key, group.cohort.unit
    families = [
        peaks_family(data, level),
        _family(data, "strongest", level, "holm", f"Strongest correlation of each {unit}'s matrix"),
        _family(
            data, "similarities", level, "holm", f"Similarity of signatures, all pairs of {unit}s"
        ),
    ]
    peaks, strongest, similarities = (family.id for family in families)
    entries: list[Entry] = []
    for model in group.models:
        for j, axis in enumerate(data.study.axes):
            entries += _peak(data, group, model, axis, j, peaks)
        entries.append(_strongest(data, group, model, strongest))
    entries += _similarities(data, group, similarities)
    used = {e.family for e in entries}
    return entries, [family for family in families if family.id in used]


def _family(data: StudyData, what: str, level: str, method: str, title: str) -> Family:
    return Family(entry_id(SLUG, what, data.study.id, level), title, method, data.plan.alpha)


def peaks_family(data: StudyData, level: str) -> Family:
    """Declare the family of all peaks of one level."""
    title = "Largest correlation of activation entropy with an axis over the layers"
    title += f", all {unit_of(data, level)}s and axes"
    return _family(data, "peaks", level, data.plan.decision, title)


def _sources(data: StudyData, model: Model, axis: Axis, **where: object) -> tuple[str, ...]:
    return (
        data.source("features/layers", "entropy", model=model.key, **where),
        data.source("features/questions", axis.key, model=model.key),
    )


def _peak(
    data: StudyData, group: Signatures, model: Model, axis: Axis, j: int, family: str
) -> Iterator[Entry]:
    """Describe one peak: its correlation, tested with and without the search, and its place."""
    found = group.found.get(model.key)
    peak = -1 if found is None else int(found.test.peak[j])
    what = f"peak correlation of layer entropy with {axis.name} in {model.name}"
    shared: dict[str, Any] = {
        "experiment": SLUG, "evidence": data.evidence, "cohort": model.cohort,
        "model": model.key, "axis": axis.key,
    }  # fmt: skip

    def entry(quantity: str, estimate: Estimate, **fields: Any) -> Entry:
        name = entry_id(SLUG, quantity, model.key, axis.key)
        return Entry(name, quantity=quantity, estimate=estimate, **(shared | fields))

    if found is None or peak < 0:
        reason, n = _reason(data, found, model, axis, j)
        gone = Estimate.missing(reason, n)
        for quantity, method, of_family in (
            ("peak-unsearched", "Spearman, permutation", ""), ("peak", _PEAK, family),
        ):  # fmt: skip
            yield entry(quantity, gone, method="Spearman", unit="rho", family=of_family, label=what,
                        outcome=Outcome.missing(method, reason, n))  # fmt: skip
        for quantity, label, method in _PLACES:
            yield entry(quantity, gone, unit="share", method=method, label=f"{label}, {what}")
        return
    n = found.test.n
    everywhere = _sources(data, model, axis)
    yield entry(
        "peak-unsearched", found.at_peak[j], outcome=found.test.outcome(peak, j), layer=peak,
        method="Spearman", unit="rho", **data.drawn, label=f"{what}, as if no search had been made",
        sources=_sources(data, model, axis, layer=peak),
    )  # fmt: skip
    yield entry(
        "peak", Estimate(float(found.test.rho[peak, j]), n), outcome=found.test.peak_outcome(j),
        layer=peak, method="Spearman", unit="rho", **data.drawn, label=what, family=family,
        p_adjusted={"maxt": float(found.p_family[peak, j])}, sources=everywhere,
    )  # fmt: skip
    modal = int(found.shares[:, j].argmax())
    values = (
        (Estimate.within(peak / max(found.n_layers - 1, 1), n, found.depth[j]), peak),
        (Estimate(float(found.shares[modal, j]), n), modal),
    )
    for (quantity, label, method), (estimate, layer) in zip(_PLACES, values, strict=True):
        yield entry(quantity, estimate, layer=layer, unit="share", method=method, **data.drawn,
                    label=f"{label}, {what}", sources=everywhere)  # fmt: skip


_PLACES = (
    ("peak-depth", "relative depth", "relative depth of the peak"),
    ("peak-share", "share of resamples that peak at the commonest layer",
     "bootstrap distribution of the peak"),
)  # fmt: skip


def _reason(
    data: StudyData, found: Signature | None, model: Model, axis: Axis, j: int
) -> tuple[Reason, int]:
    """Say why a peak is missing: no layers, no projections, or what the values are like."""
    if found is None:
        return data.features.why_missing(model.key, "layers"), 0
    reason = found.at_peak[j].reason or Reason.CONSTANT_INPUT
    projections = data.features.baselines[model.key].projections.get(axis.key)
    if projections is None or not np.isfinite(projections).any():
        reason = data.features.why_missing(model.key, "projections", axis.key)
    return reason, found.test.n


def _why_nothing(data: StudyData, group: Signatures, model: Model) -> tuple[Reason, int] | None:
    """Say why a model has no signature at all, and on how many questions; None if it has one."""
    found = group.found.get(model.key)
    if found is None or np.isnan(found.test.rho).all():
        return _reason(data, found, model, data.study.axes[0], 0)
    return None


def _strongest(data: StudyData, group: Signatures, model: Model, family: str) -> Entry:
    """Test whether a model has any signature: its largest correlation over the whole matrix."""
    from stats.rankmatrix import first_largest

    shared: dict[str, Any] = {
        "id": entry_id(SLUG, "strongest", model.key), "experiment": SLUG, "quantity": "strongest",
        "evidence": data.evidence, "cohort": model.cohort, "model": model.key, "unit": "rho",
        "family": family, "method": "Spearman",
        "label": f"strongest correlation of any layer with any axis in {model.name}",
    }  # fmt: skip
    if nothing := _why_nothing(data, group, model):
        gone = Outcome.missing(_MATRIX, *nothing)
        return Entry(estimate=Estimate.missing(*nothing), outcome=gone, **shared)
    test = group.found[model.key].test
    strength = np.where(np.isnan(test.rho), -1.0, np.abs(test.rho)).ravel()
    i, j = np.unravel_index(first_largest(strength, 0), test.rho.shape)
    rho, size = float(test.rho[i, j]), test.n_resamples
    return Entry(
        estimate=Estimate(rho, test.n), axis=data.study.axes[int(j)].key, layer=int(i),
        outcome=Outcome(_MATRIX, test.n, rho, float(test.p_maxt[i, j]), 1 / (size + 1),
                        n_resamples=size),
        **data.drawn,
        sources=(
            data.source("features/layers", "entropy", model=model.key),
            *(data.source("features/questions", a.key, model=model.key) for a in data.study.axes),
        ),
        **shared,
    )  # fmt: skip


def _similarities(data: StudyData, group: Signatures, family: str) -> Iterator[Entry]:
    """Correlate the signatures of all pairs of models.

    Both answered the same questions, so their noise is shared: the questions are lined up by
    text and permuted together. Permuted apart, shared noise would pass for similarity.
    """
    for one, other in combinations(group.models, 2):
        nothing = next(filter(None, (_why_nothing(data, group, m) for m in (one, other))), None)
        estimate, outcome = (
            (Estimate.missing(*nothing), Outcome.missing(_SIMILARITY, *nothing))
            if nothing
            else _similarity(data, group.cohort, one, other)
        )
        yield Entry(
            id=entry_id(SLUG, "similarity", one.key, other.key), experiment=SLUG,
            quantity="similarity", evidence=data.evidence, cohort=group.cohort.key,
            model=f"{one.key} {other.key}", estimate=estimate, outcome=outcome, family=family,
            unit="r", method=f"Pearson correlation of signatures in {N_BINS} bins of depth",
            **({} if estimate.value is None else data.drawn),
            label=f"similarity of the signatures of {one.name} and {other.name}",
            sources=tuple(
                s for m in (one, other) for s in (
                    data.source("features/layers", "entropy", model=m.key),
                    *(data.source("features/questions", a.key, model=m.key)
                      for a in data.study.axes),
                )
            ),
        )  # fmt: skip


def _similarity(
    data: StudyData, cohort: Cohort, one: Model, other: Model
) -> tuple[Estimate, Outcome]:
    from stats.profiles import signature_similarity

    pair = [data.features.baselines[m.key] for m in (one, other)]
    known = [
        {q for q, there in zip(b.questions, _any_layer(b), strict=True) if there} for b in pair
    ]
    common = [q for q in pair[0].questions if q in known[0] & known[1]]
    if len(common) < 3:
        gone = Outcome.missing(_SIMILARITY, Reason.TOO_FEW, len(common))
        return Estimate.missing(Reason.TOO_FEW, len(common)), gone
    (x1, y1), (x2, y2) = (_lined_up(data, baseline, common) for baseline in pair)
    together = data.draws.permutations(cohort.key, len(common))
    return signature_similarity(x1, y1, x2, y2, together, together, N_BINS)


def _lined_up(
    data: StudyData, baseline: Baseline, questions: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    tables = _tables(data, baseline)
    assert tables is not None  # the model has a signature
    rows = [baseline.questions.index(q) for q in questions]
    return tables[0][rows], tables[1][rows]


def binned(group: Signatures) -> Sequence[tuple[Model, FloatArray]]:
    """Return every signature averaged in bins of relative depth, each (n_bins, A)."""
    from stats.profiles import bin_by_depth

    return [(m, bin_by_depth(group.found[m.key].test.rho, N_BINS)) for m in group.present]
