"""What the document shows of experiment 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from report.capture.features import FloatArray
from report.capture.questions import Overlap
from report.document import figures, labels
from report.document.parts import Figure, Section, Table
from report.experiments.base import StudyData, Subject, entry_id, figure_file, subjects, unit_of
from report.experiments.generation.answers import answers
from report.experiments.generation.numbers import SLUG, finite, pairs_family
from report.experiments.generation.tables import (
    label_of,
    pairs_of,
    pairs_table,
    repeats_table,
    sensitivity_table,
    suffix,
    summary_table,
)
from report.ledger.ledger import Entry, Ledger
from report.study.study import Model
from stats.outcome import Reason

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

TITLE = "Generation entropy"


def present(
    studies: Sequence[StudyData], ledger: Ledger, arrays: Mapping[str, Mapping[str, Any]]
) -> Section:
    """Describe figures, tables and facts of the section."""
    parts: list[dict[str, Any]] = []
    shown: list[Figure] = []
    tables: list[Table] = []
    for data in studies:
        if members := _members(data, ledger):
            parts.append(_published_part(data, ledger))
            tables.append(summary_table(data, ledger, "published", members))
            if parts[-1]["lowest"] is not None:
                shown.append(_figure(data, ledger, "published", members, None))
        for subject in subjects(data):
            parts.append(_measured_part(data, ledger, subject))
            key, described = subject.cohort.key, subject.with_entropy
            tables.append(summary_table(data, ledger, key, subject.expected))
            if parts[-1]["lowest"] is not None:
                if parts[-1]["repeats"]:
                    tables.append(repeats_table(data, ledger, described))
                tables.append(sensitivity_table(data, ledger, described))
                if parts[-1]["family"].m or parts[-1]["unidentified"]:
                    tables.append(pairs_table(data, ledger, described))
                entropies = [baseline.entropy for baseline in described.baselines]
                shown.append(_figure(data, ledger, key, described.models, entropies))
                shown += _running(data, described)
    facts = {"parts": parts, "spreads": [s for data in studies for s in _spreads(data)]}
    return Section(
        SLUG,
        TITLE,
        facts,
        tuple(shown),
        tuple(tables),
        answers(studies, ledger),
    )


def _spreads(data: StudyData) -> list[dict[str, Any]]:
    """Count where wrong slices shrink the spread over questions, on the answers that have both."""
    found: list[dict[str, Any]] = []
    for subject in subjects(data):
        smaller: list[bool] = []
        for baseline in subject.baselines:
            right, wrong = baseline.entropy, baseline.misaligned_entropy
            if wrong is not None and (both := np.isfinite(right) & np.isfinite(wrong)).sum() > 2:
                smaller.append(bool(wrong[both].std() < right[both].std()))
        if smaller:
            found.append(
                {"study": data.study, "unit": subject.cohort.unit,
                 "compared": len(smaller), "smaller": sum(smaller)}
            )  # fmt: skip
    return found


def _members(data: StudyData, ledger: Ledger) -> tuple[Model, ...]:
    return tuple(
        m for m in data.study.models if entry_id(SLUG, "mean", m.key, "published") in ledger
    )


def _extremes(entries: Sequence[Entry]) -> tuple[Entry, Entry] | None:
    known = [e for e in entries if e.value is not None]
    return (min(known, key=_value), max(known, key=_value)) if known else None


def _value(entry: Entry) -> float:
    assert entry.value is not None
    return entry.value


def _published_part(data: StudyData, ledger: Ledger) -> dict[str, Any]:
    means = [ledger[entry_id(SLUG, "mean", m.key, "published")] for m in _members(data, ledger)]
    return _part(data, ledger, "published", means)


def _measured_part(data: StudyData, ledger: Ledger, subject: Subject) -> dict[str, Any]:
    means = [_described(ledger, m) for m in subject.expected]
    part = _part(data, ledger, subject.cohort.key, means)
    subject = subject.with_entropy
    name = entry_id(SLUG, "friedman", data.study.id, subject.cohort.key)
    return part | {
        "cohort": subject.cohort,
        "repeats": label_of("repeats", data.study.id, subject.cohort.key)
        if any(b.repeated for b in subject.baselines)
        else "",
        "same_questions": len({frozenset(b.questions) for b in subject.baselines}) < 2,
        "strangers": [
            f"{one.name} and {other.name}"
            for (one, b), (other, c) in combinations(subject.members(), 2)
            if not Overlap.of(b.questions, c.questions).shared
        ],
        "friedman": ledger.get(name),
        "filtered": all(b.filtered for b in subject.baselines),
        "complete": all(b.is_complete for b in subject.baselines),
        "bounded": [
            _bounded(ledger, m)
            for m, b in subject.members()
            if not b.is_complete and entry_id(SLUG, "entropy-low", m.key) in ledger
        ],
        "unidentified": sum(
            e.reason is Reason.NOT_IDENTIFIED for e in pairs_of(ledger, part["family"].id)
        ),
        "sensitivity": label_of("sensitivity", data.study.id, subject.cohort.key),
        "compared": label_of("pairs", data.study.id, subject.cohort.key),
        "rate": label_of("rate", data.study.id, subject.cohort.key)
        if any(b.running_entropy is not None for b in subject.baselines)
        else "",
        "unfiltered": [
            {
                q: ledger[entry_id(SLUG, f"unfiltered{q and '-' + q}", m.key)]
                for q in ("", "low", "high", "full", "mass", "inside")
            }
            | {"name": m.name, "tokens": ledger[entry_id(SLUG, "tokens", m.key)]}
            for m, b in subject.members()
            if b.unfiltered is not None
        ],
    }


def _described(ledger: Ledger, model: Model) -> Entry:
    """Return a model's mean entropy, or that of the stored candidates where mass is missing."""
    found = ledger.get(entry_id(SLUG, "top-k-mean", model.key))
    return found or ledger[entry_id(SLUG, "mean", model.key)]


def _bounded(ledger: Ledger, model: Model) -> dict[str, Any]:
    """Collect what is known of the whole distribution of a model."""
    names = {"low": "entropy-low", "high": "entropy-high", "mass": "mass", "open": "order-open"}
    found = {key: ledger[entry_id(SLUG, name, model.key)] for key, name in names.items()}
    return found | {"name": model.name}


def _part(data: StudyData, ledger: Ledger, level: str, means: Sequence[Entry]) -> dict[str, Any]:
    family = ledger.families[pairs_family(data, level).id]
    pairs = [e for e in pairs_of(ledger, family.id) if e.p is not None]
    known = _extremes(means)
    name = label_of(data.study.id, level)
    return {
        "study": data.study, "level": level, "table": name, "figure": name, "means": means,
        "lowest": known and known[0], "highest": known and known[1], "family": family,
        "absent": [(data.study.model(str(e.model)).name, e.reason) for e in means if e.reason],
        "name": {e.id: data.study.model(str(e.model)).name for e in means},
        "rejected": sum(bool(e.rejected) for e in pairs), "pairs": pairs,
        "uncompared": len(family.members) - family.m,
        "open": [e for e in pairs if e.rejected is False], "unit": unit_of(data, level),
        "spreadless": [data.study.model(str(e.model)).name for e in means
                       if e.value is not None and e.estimate.interval is None],
    }  # fmt: skip


def _figure(
    data: StudyData,
    ledger: Ledger,
    level: str,
    models: Sequence[Model],
    samples: Sequence[FloatArray] | None,
) -> Figure:
    means = [
        ledger[entry_id(SLUG, "mean", m.key, *suffix(level))] if level == "published"
        else _described(ledger, m) for m in models
    ]  # fmt: skip
    sets = [_set_of(ledger, m) if level != "published" else None for m in models]
    tones = [data.colours[m.key] for m in models]
    drawn = sum(e.estimate.interval is not None for e in means)

    def draw(canvas: Canvas) -> None:
        bounds = [e.estimate.interval and (e.estimate.interval.low, e.estimate.interval.high)
                  for e in means]  # fmt: skip
        grid = canvas.subplots(1, 1 if samples is None else 2, sharey=samples is not None)
        axes = np.atleast_1d(grid)
        figures.intervals(
            axes[0],
            [m.label for m in models],
            [e.value for e in means],
            bounds,
            tones,
            filled=None if not any(sets) else [s is None for s in sets],
        )
        for row, (found, tone) in enumerate(zip(sets[::-1], tones[::-1], strict=True)):
            if found is not None:
                axes[0].plot(found, [row - 0.22] * 2, color=tone, lw=5, alpha=0.35,
                             solid_capstyle="butt")  # fmt: skip
        axes[0].set_xlabel(f"mean entropy (nats){f', {data.ci_name}' if drawn else ''}")
        if samples is not None:
            _strips(axes[1], samples, tones)

    known = _extremes(means)
    assert known is not None
    low, high = known
    name = label_of(data.study.id, level)
    around = f" with its {data.ci_words}" if drawn else ""
    around += ", where there is one" if 0 < drawn < len(means) else ""
    beside = "" if samples is None else " Right: every question's entropy, with quartiles."
    if any(sets):
        around += (
            ". Open points are the entropy of the stored candidates alone; the broad bar under "
            "each is the set in which the mean of the whole distribution lies"
        )
    ends = [data.study.model(str(e.model)).name for e in (low, high)]
    return Figure(
        name, figure_file(data, "exp1_generation_entropy", level),
        f"Mean generation entropy of each {unit_of(data, level)}{around}.{beside}",
        f"Forest plot of mean generation entropy, from {ends[0]} (lowest) to {ends[1]} (highest)."
        if low is not high else f"Mean generation entropy of {ends[0]}, a single point.",
        (figures.WIDTH, 0.32 * len(models) + 0.9), draw,
    )  # fmt: skip


def _set_of(ledger: Ledger, model: Model) -> tuple[float, float] | None:
    """Return the bounds of the mean of a whole distribution, where there are two."""
    ends = [ledger.get(entry_id(SLUG, f"entropy-{end}", model.key)) for end in ("low", "high")]
    low, high = (None if end is None else end.value for end in ends)
    return None if low is None or high is None else (low, high)


def _running(data: StudyData, subject: Subject) -> list[Figure]:
    """Draw the entropy rate: the mean entropy of an answer's first t tokens, over t."""
    curves = [
        (model, baseline.running_entropy)
        for model, baseline in subject.members()
        if baseline.running_entropy is not None and baseline.running_entropy.size
    ]
    if not curves:
        return []

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        for model, curve in curves:
            steps = np.arange(1, curve.size + 1)
            axes.plot(steps, curve, color=data.colours[model.key])
        axes.set_xlabel("tokens of the answer")
        axes.set_ylabel("mean entropy so far (nats)")
        axes.grid(axis="y")
        labels.label_ends(
            axes, max(curve.size for _, curve in curves), [curve[-1] for _, curve in curves],
            [m.label for m, _ in curves], [data.colours[m.key] for m, _ in curves],
        )  # fmt: skip

    name = label_of("rate", data.study.id, subject.cohort.key)
    return [
        Figure(
            name, figure_file(data, "exp1_entropy_rate", subject.cohort.key),
            "Entropy rate: mean entropy of the first tokens of an answer, averaged over answers. "
            "An answer that has ended keeps its last mean.",
            f"One line for each of {len(curves)} {subject.cohort.unit}s: the running mean of "
            "token entropy along the answer.",
            (figures.WIDTH, 2.8), draw,
        )
    ]  # fmt: skip


def _strips(axes: Any, samples: Sequence[FloatArray], tones: Sequence[str]) -> None:
    for row, (values, tone) in enumerate(zip(samples[::-1], tones[::-1], strict=True)):
        known = finite(values)
        if not known.size:
            continue
        spread = row + 0.18 * np.sin(np.arange(known.size) * 2.4)  # even, without random numbers
        axes.plot(known, spread, "o", ms=2.6, color=tone, alpha=0.55, mew=0)
        low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
        axes.plot([low, high], [row, row], color=figures.INK, lw=1.2)
        axes.plot(middle, row, "|", color=figures.INK, ms=9, mew=1.8)
    axes.set_xlabel("entropy by question (nats)")
    axes.grid(axis="x")
