"""Experiment 2 from captures: profiles, their sensitivity, and whether they identify a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from report.capture.features import Baseline, FloatArray, IntArray
from report.experiments.base import StudyData, Subject, entry_id
from report.ledger.ledger import Entry
from report.ledger.lineage import selector
from report.study.study import Cohort, Model
from stats.outcome import Estimate, Interval, Outcome, Reason

SLUG = "layers"
_DECIMALS = 10  # layer means that agree so far are tied

# Suffix of the quantity, field of the baseline, column of features/layers.csv, in words.
ESTIMATORS = (
    ("", "layer_entropy", "entropy", "Freedman–Diaconis bins"),
    ("fixed", "layer_entropy_fixed", "entropy_fixed", "64 bins"),
    ("corrected", "layer_entropy_corrected", "entropy_corrected", "the Miller–Madow correction"),
)


@dataclass(frozen=True)
class Profile:
    """One model's activation entropies under one estimator, shape (Q, L)."""

    values: FloatArray

    @cached_property
    def known(self) -> IntArray:
        """Number of questions that each layer has, shape (L,)."""
        return np.isfinite(self.values).sum(axis=0)

    @cached_property
    def mean(self) -> FloatArray:
        """Mean over the questions of each layer, shape (L,); NaN with fewer than two."""
        total = np.nansum(self.values, axis=0)
        return np.divide(total, self.known, out=np.full(total.shape, np.nan), where=self.known > 1)

    @cached_property
    def sd(self) -> FloatArray:
        """Standard deviation over the questions of each layer, shape (L,)."""
        squares = np.nansum(np.square(self.values - self.mean), axis=0)
        out = np.full(squares.shape, np.nan)
        return np.sqrt(np.divide(squares, self.known - 1, out=out, where=self.known > 1))

    @property
    def complete(self) -> bool:
        """True if no question lacks a value at any layer."""
        return bool(np.isfinite(self.values).all())


@dataclass(frozen=True)
class Profiles:
    """The models of one cohort, those without captured layers included."""

    cohort: Cohort
    models: tuple[Model, ...]
    baselines: Mapping[str, Baseline]

    @classmethod
    def of(cls, data: StudyData, subject: Subject) -> Profiles:
        """Gather the models of a cohort of which at least one has a capture."""
        models = tuple(m for m in data.study.cohort_models(subject.cohort.key) if m.in_baseline)
        layered = {
            m.key: b for m, b in subject.members()
            if b.layer_entropy is not None and np.isfinite(b.layer_entropy).any()
        }  # fmt: skip
        return cls(subject.cohort, models, layered)

    @property
    def present(self) -> tuple[Model, ...]:
        """The models whose layers were captured."""
        return tuple(m for m in self.models if m.key in self.baselines)

    def profile(self, model: Model, field: str = "layer_entropy") -> Profile | None:
        """Return a model's profile under one estimator, of questions with any layer."""
        baseline = self.baselines.get(model.key)
        values = None if baseline is None else getattr(baseline, field)
        return None if values is None else Profile(values[np.isfinite(values).any(axis=1)])


def measured(data: StudyData, group: Profiles) -> list[Entry]:
    """Compute all entries of one cohort."""
    entries: list[Entry] = []
    for model in group.models:
        entries += _described(data, group, model)
        entries += _layer_means(data, group, model)
        entries += _spectra(data, group, model)
    entries += _rankings(data, group, entries)
    return [*entries, *_classified(data, group)]


def _entry(
    data: StudyData, quantity: str, model: Model, estimate: Estimate, **fields: Any
) -> Entry:
    name = entry_id(SLUG, quantity, model.key, *fields.pop("ending", ()))
    given: dict[str, Any] = {"evidence": data.evidence, "unit": "nats"}
    return Entry(
        id=name, experiment=SLUG, quantity=quantity, cohort=model.cohort, model=model.key,
        estimate=estimate, **(given | fields),
    )  # fmt: skip


def _described(data: StudyData, group: Profiles, model: Model) -> Iterator[Entry]:
    """Give each estimator's range and level, and for the main one where its ends lie."""
    for suffix, field, column, how in ESTIMATORS:
        profile = group.profile(model, field)
        source = (data.source("features/layers", column, model=model.key),)
        summaries = _summaries(data, model, profile)
        for quantity, in_words in _IN_WORDS.items():
            if suffix and quantity not in ("width", "level"):
                continue
            estimate = summaries.get(quantity) or _missing(data, model, profile)
            layer = None
            if profile is not None and summaries and quantity in ("min", "max"):
                find = np.nanargmin if quantity == "min" else np.nanargmax
                layer = int(find(profile.mean.round(_DECIMALS)))
            yield _entry(
                data, f"{quantity}-{suffix}" if suffix else quantity, model, estimate,
                method=f"{in_words}, {how}", layer=layer, sources=source,
                **(data.drawn if profile and profile.complete and quantity != "spread" else {}),
                label=f"{in_words} of activation entropy in {model.name} ({how})",
            )  # fmt: skip


def _missing(data: StudyData, model: Model, profile: Profile | None) -> Estimate:
    """Say why a model has no summary: no layers, or at none of them two questions."""
    if profile is None:
        return Estimate.missing(data.features.why_missing(model.key, "layers"), 0)
    return Estimate.missing(Reason.TOO_FEW, int(profile.known.max()))


_IN_WORDS = {
    "min": "lowest layer mean",
    "max": "highest layer mean",
    "width": "range of layer means",
    "level": "mean over layers and questions",
    "spread": "sd over questions, mean over layers",
}


_INTERVALS = ("min", "max", "width", "level")


def _summaries(data: StudyData, model: Model, profile: Profile | None) -> dict[str, Estimate]:
    """Summarise a profile; the intervals resample questions and search the extremes anew."""
    if profile is None or not np.isfinite(profile.mean).any():
        return {}
    n = profile.values.shape[0]
    lowest, highest = np.nanmin(profile.mean), np.nanmax(profile.mean)
    found = {
        "min": lowest, "max": highest, "width": highest - lowest,
        "level": np.nanmean(profile.mean), "spread": np.nanmean(profile.sd),
    }  # fmt: skip
    intervals: Mapping[str, Interval | Reason] = dict.fromkeys(_INTERVALS, Reason.NON_FINITE)
    if profile.complete:
        intervals = _summary_intervals(data, model, profile)
    return {name: Estimate.within(float(v), n, intervals.get(name)) for name, v in found.items()}


def _summary_intervals(
    data: StudyData, model: Model, profile: Profile
) -> dict[str, Interval | Reason]:
    from stats.draws import Drawn, over_blocks
    from stats.resampling import bootstrap_interval, bootstrap_mean

    n = profile.values.shape[0]
    counts, plan_level = data.draws.counts(model.key, n), data.plan.ci_level
    resampled = over_blocks(counts, lambda block: block @ profile.values / n)
    left_out = Drawn.leaving_one_out(n).compact() @ profile.values / (n - 1)
    summaries: tuple[Callable[[FloatArray], FloatArray], ...] = (
        lambda means: means.min(axis=1),
        lambda means: means.max(axis=1),
        lambda means: np.ptp(means, axis=1),
    )
    found = {
        name: bootstrap_interval(
            float(of(profile.mean[None])[0]), of(resampled), of(left_out), level=plan_level
        )
        for name, of in zip(_INTERVALS[:-1], summaries, strict=True)
    }
    return found | {"level": bootstrap_mean(profile.values.mean(axis=1), counts, level=plan_level)}


def _layer_means(data: StudyData, group: Profiles, model: Model) -> Iterator[Entry]:
    """Give every layer's mean with its interval."""
    from stats.resampling import bootstrap_mean, bootstrap_means

    profile = group.profile(model)
    if profile is None:
        return
    level = data.plan.ci_level
    if profile.complete:
        counts = data.draws.counts(model.key, profile.values.shape[0])
        intervals = bootstrap_means(profile.values, counts, level=level)
    else:
        whole = [column[np.isfinite(column)] for column in profile.values.T]
        intervals = tuple(
            bootstrap_mean(v, data.draws.counts(model.key, v.size), level=level)
            if v.size > 1 else Reason.TOO_FEW for v in whole
        )  # fmt: skip
    for layer, (value, n) in enumerate(zip(profile.mean, profile.known, strict=True)):
        known = bool(np.isfinite(value))
        reason = Reason.NON_FINITE if n == 0 else Reason.TOO_FEW
        yield _entry(
            data, "mean", model,
            Estimate.within(float(value), int(n), intervals[layer]) if known
            else Estimate.missing(reason, int(n)),
            ending=(f"layer-{layer:02d}",), layer=layer, method="mean over questions",
            **(data.drawn if n > 1 and known else {}),
            label=f"mean activation entropy of layer {layer} of {model.name}",
            sources=(data.source("features/layers", "entropy", model=model.key, layer=layer),),
        )  # fmt: skip


def _spectra(data: StudyData, group: Profiles, model: Model) -> Iterator[Entry]:
    """Give the ends of the spectral entropy over the layers."""
    baseline = group.baselines.get(model.key)
    values = None if baseline is None else baseline.spectral_entropy
    for end, find in (("min", np.nanargmin), ("max", np.nanargmax)):
        layer = None
        if baseline is None or values is None:
            estimate = Estimate.missing(data.features.why_missing(model.key, "layers"), 0)
        elif not np.isfinite(values).any():
            estimate = _missing(data, model, group.profile(model))
        else:
            layer = int(find(values))
            estimate = Estimate(float(values[layer]), baseline.n_questions)
        which = "lowest" if end == "min" else "highest"
        yield _entry(
            data, f"spectral-{end}", model, estimate, layer=layer,
            method=f"{which} spectral entropy over the layers",
            label=f"{which} spectral entropy of the activations of {model.name}",
            sources=(data.source("features/spectra", "spectral_entropy", model=model.key),),
        )  # fmt: skip


# --- over the models of a cohort --------------------------------------------------------


def _rankings(data: StudyData, group: Profiles, entries: Sequence[Entry]) -> Iterator[Entry]:
    """Ask whether another estimator puts the models into another order."""
    from stats.correlation import spearman

    by_name = {e.id: e for e in entries}
    cohort = group.cohort.key

    def values(*quantities: str) -> FloatArray:
        """Return a row a quantity, over the models that have all of them."""
        found = [[by_name[entry_id(SLUG, q, m.key)].value for q in quantities]
                 for m in group.present]  # fmt: skip
        known = [row for row in found if None not in row]
        return np.array(known, dtype=np.float64).reshape(-1, len(quantities)).T

    for quantity in ("level", "width"):
        for suffix, _, _, how in ESTIMATORS[1:]:
            other = f"{quantity}-{suffix}"
            yield Entry(
                id=entry_id(SLUG, "ranking", data.study.id, cohort, other), experiment=SLUG,
                quantity="ranking", evidence=data.evidence, cohort=cohort, unit="rho",
                estimate=spearman(*values(quantity, other)),
                method="Spearman, description",
                label=f"agreement on the order of the {group.cohort.unit}s by {quantity}: "
                f"Freedman–Diaconis bins and {how}",
                sources=tuple(
                    selector("", "ledger", "estimate", experiment=SLUG, quantity=q, cohort=cohort,
                             evidence=data.evidence)
                    for q in (quantity, other)
                ),
            )  # fmt: skip


def _classified(data: StudyData, group: Profiles) -> Iterator[Entry]:
    """Test whether a single answer's profile tells which model it is from."""
    from stats.profiles import nearest_profile

    cohort = group.cohort
    name = entry_id(SLUG, "classification", data.study.id, cohort.key)
    method, reason = "nearest-profile classification", None
    curves = _curves(group)
    if curves is None:
        reason = Reason.TOO_FEW
        estimate, outcome = Estimate.missing(reason, 0), Outcome.missing(method, reason, 0)
    else:
        found = nearest_profile(
            curves, data.rng(name), data.plan.n_resamples, data.plan.ci_level
        )  # fmt: skip
        estimate, outcome = found.accuracy, found.outcome
    yield Entry(
        id=name, experiment=SLUG, quantity="classification", evidence=data.evidence,
        cohort=cohort.key, estimate=estimate, outcome=outcome, unit="share", method=method,
        **({} if curves is None else data.drawn),
        label=f"share of answers whose profile is nearest to that of their own {cohort.unit}",
        sources=tuple(
            data.source("features/layers", "entropy", model=m.key) for m in group.present
        ),
    )  # fmt: skip


def _curves(group: Profiles) -> FloatArray | None:
    """Line up the models' curves: questions by text, layers by relative depth.

    Returns
    -------
    ndarray, shape (M, Q, P), or None
        As many points as the deepest model has layers. Points that a model lacks in every
        question are left out, then questions that lack a point.
    """
    from stats.profiles import to_relative_depth

    baselines = [group.baselines[m.key] for m in group.present]
    if len(baselines) < 2:
        return None
    rows = [{q: i for i, q in enumerate(b.questions)} for b in baselines]
    common = [q for q in baselines[0].questions if all(q in row for row in rows)]
    if not common:
        return None
    values = [b.layer_entropy for b in baselines if b.layer_entropy is not None]
    points = max(2, *(v.shape[1] for v in values))
    curves = np.array([
        to_relative_depth(v[[row[q] for q in common]], points)
        for v, row in zip(values, rows, strict=True)
    ])  # fmt: skip
    curves = curves[:, :, np.isfinite(curves).any(axis=1).all(axis=0)]
    curves = curves[:, np.isfinite(curves).all(axis=(0, 2))]
    return curves if curves.size else None
