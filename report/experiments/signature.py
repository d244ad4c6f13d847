"""Experiment 5: the layers at which activation entropy goes with the behavioural axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from report.document import Cell, Figure, Section, Stat, Table
from report.experiments import signature_plots as plots
from report.experiments.base import Analysis, StudyData, entry_id
from report.ledger import Entry, Family, Ledger
from report.study import Axis, Model
from report.tables import left, right
from stats.outcome import Estimate, Outcome, Reason

SLUG = "signature"
TITLE = "Layer signatures"

_BOUND = "Spearman, t, Bonferroni over layers, upper bound"


def analyse(data: StudyData) -> Analysis:
    """Find the peak layer of every model and axis, and allow for having searched for it."""
    entries: list[Entry] = []
    families: list[Family] = []
    if data.published("peaks"):
        family = _peaks_family(data, "published")
        families.append(family)
        entries += _published(data, family.id)
    return Analysis(entries, families)


def _peaks_family(data: StudyData, level: str) -> Family:
    return Family(
        entry_id(SLUG, "peaks", data.study.id, level),
        "Largest correlation of activation entropy with an axis over the layers, all models and "
        "axes",
        data.plan.decision, data.plan.alpha,
    )  # fmt: skip


def _entry(
    data: StudyData, quantity: str, model: Model, axis: Axis, estimate: Estimate, **fields: Any
) -> Entry:
    published = fields.get("evidence") == "published"
    name = entry_id(SLUG, quantity, model.key, axis.key, *(("published",) if published else ()))
    given: dict[str, Any] = {"evidence": data.evidence, "unit": "rho"}
    return Entry(
        id=name, experiment=SLUG, quantity=quantity, cohort=model.cohort, model=model.key,
        axis=axis.key, estimate=estimate, **(given | fields),
    )  # fmt: skip


# --- published numbers ------------------------------------------------------------------


def _published(data: StudyData, family: str) -> Iterator[Entry]:
    """Take every published peak twice: on its own, and with a bound for the search over layers."""
    n_layers = {row["model"]: int(row["n_layers"]) for row in data.published("layers")}
    questions = {row["model"]: int(row["n_questions"]) for row in data.published("generation")}
    rows = {(row["model"], row["axis"]): row for row in data.published("peaks")}
    for key in dict.fromkeys(model for model, _ in rows):
        for axis in data.study.axes:
            row = rows.get((key, axis.key))
            n = questions.get(key, data.study.n_questions)
            yield from _published_peak(data, data.study.model(key), axis, row, n,
                                       n_layers.get(key), family)  # fmt: skip


def _published_peak(
    data: StudyData, model: Model, axis: Axis, row: Mapping[str, str] | None, n: int,
    n_layers: int | None, family: str,
) -> Iterator[Entry]:  # fmt: skip
    from stats.correlation import bonett_wright, spearman_t

    peak = (data.source("published/peaks", "rho", model=model.key, axis=axis.key),)
    searched = (*peak, data.source("published/layers", "n_layers", model=model.key))
    shared: dict[str, Any] = {"evidence": "published", "method": "Spearman, as published"}
    what = f"peak correlation of layer entropy with {axis.name} in {model.name}"
    # The largest of many correlations is exactly zero only where none of them is defined.
    rho = float(row["rho"]) if row else 0.0
    if rho == 0.0:
        reason = Reason.CONSTANT_INPUT if row else Reason.NOT_PUBLISHED
        for quantity, label, method, of_family in (
            ("peak-unsearched", f"{what}, as if no search had been made", "Spearman, t", ""),
            ("peak", what, _BOUND, family),
        ):
            yield _entry(
                data, quantity, model, axis, Estimate.missing(reason, n), label=label,
                outcome=Outcome.missing(method, reason, n), family=of_family, sources=peak,
                **shared,
            )  # fmt: skip
        return
    layer = int(row["layer"]) if row else None
    alone = spearman_t(rho, n)
    yield _entry(
        data, "peak-unsearched", model, axis,
        Estimate(rho, n, bonett_wright(rho, n, data.plan.ci_level)), outcome=alone, layer=layer,
        label=f"{what}, as if no search had been made", sources=peak, **shared,
    )  # fmt: skip
    yield _entry(
        data, "peak", model, axis, Estimate(rho, n), outcome=_bonferroni(alone, n_layers),
        layer=layer, label=what, family=family, sources=searched, **shared,
    )  # fmt: skip


def _bonferroni(alone: Outcome, n_layers: int | None) -> Outcome:
    """Bound the p of a peak: no more than the number of layers times the p of one layer."""
    if n_layers is None or alone.p is None:
        return Outcome.missing(_BOUND, alone.reason or Reason.NOT_PUBLISHED, alone.n)
    floor = None if alone.p_floor is None else min(1.0, n_layers * alone.p_floor)
    return Outcome(_BOUND, alone.n, alone.statistic, min(1.0, n_layers * alone.p), floor)


# --- the section ------------------------------------------------------------------------


def present(
    studies: Sequence[StudyData], ledger: Ledger, arrays: Mapping[str, Mapping[str, Any]]
) -> Section:
    """Describe figures, tables and facts of the section."""
    parts: list[dict[str, Any]] = []
    shown: list[Figure] = []
    tables: list[Table] = []
    for data in studies:
        if members := _members(data, ledger):
            parts.append(_published_part(data, ledger, members))
            tables.append(_peak_table(data, ledger, "published", members))
            shown.append(_published_positions(data, ledger, members))
    return Section(SLUG, TITLE, {"parts": parts}, tuple(shown), tuple(tables))


def _part_id(data: StudyData, level: str, *what: str) -> str:
    return entry_id(SLUG, *what, data.study.id, level).replace(".", "-")


def _members(data: StudyData, ledger: Ledger) -> tuple[Model, ...]:
    axis = data.study.axes[0].key
    return tuple(
        m for m in data.study.models if entry_id(SLUG, "peak", m.key, axis, "published") in ledger
    )


def _peaks(
    data: StudyData, ledger: Ledger, quantity: str, level: str, models: Sequence[Model]
) -> list[list[Entry]]:
    """Return the entries of one quantity, a row a model and a column an axis."""
    ending = ("published",) if level == "published" else ()
    return [
        [ledger[entry_id(SLUG, quantity, m.key, a.key, *ending)] for a in data.study.axes]
        for m in models
    ]


def _published_part(data: StudyData, ledger: Ledger, members: Sequence[Model]) -> dict[str, Any]:
    part = _part(data, ledger, "published", members)
    absent = [m.name for m in data.study.models if m.in_baseline and m not in members]
    return part | {"absent": absent}


def _part(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> dict[str, Any]:
    """Gather what the peaks of one level say, for the template."""
    family = ledger.families[_peaks_family(data, level).id]
    alone = [e for row in _peaks(data, ledger, "peak-unsearched", level, models) for e in row]
    peaks = [e for row in _peaks(data, ledger, "peak", level, models) for e in row]
    kept = [e for e in peaks if e.rejected]
    return {
        "study": data.study, "level": level, "family": family, "models": models,
        "table": _part_id(data, level, "peaks"), "positions": _part_id(data, level, "positions"),
        "tested": [e for e in peaks if e.p is not None],
        "nominal": [e for e in alone if e.p is not None and e.p <= family.alpha],
        "kept": kept,
        "strongest": max(kept, key=lambda e: abs(e.value or 0.0), default=None),
        "lost": _weakest_nominal(alone, peaks, family.alpha),
        "missing": [e for e in peaks if e.reason is not None],
        "holm": sum(e.p_adjusted.get("holm", 1.0) <= family.alpha for e in peaks),
        "by": sum(e.p_adjusted.get("by", 1.0) <= family.alpha for e in peaks),
        "model": {m.key: m.name for m in data.study.models},
        "axis": {a.key: a.name for a in data.study.axes},
        "with_kept": [m.name for m in models if any(e.model == m.key for e in kept)],
        "without_kept": [m.name for m in models if all(e.model != m.key for e in kept)],
    }  # fmt: skip


def _weakest_nominal(
    alone: Sequence[Entry], peaks: Sequence[Entry], alpha: float
) -> tuple[Entry, Entry] | None:
    """Find the peak that looks significant by itself and is the farthest from being so."""
    pairs = [(a, p) for a, p in zip(alone, peaks, strict=True)
             if a.p is not None and a.p <= alpha and p.rejected is False]  # fmt: skip
    return max(pairs, key=lambda pair: pair[0].p or 0.0, default=None)


def _peak_table(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> Table:
    alone = _peaks(data, ledger, "peak-unsearched", level, models)
    peaks = _peaks(data, ledger, "peak", level, models)
    rule = data.plan.decision
    rows: list[tuple[Cell, ...]] = []
    for model, singles, searched in zip(models, alone, peaks, strict=True):
        for axis, single, peak in zip(data.study.axes, singles, searched, strict=True):

            def cell(entry: Entry, kind: str) -> Cell:
                missing = entry.reason or (entry.outcome and entry.outcome.reason)
                return missing or Stat(entry.id, kind)

            rows.append(
                (model.label, axis.name, cell(peak, "layer"), cell(peak, "value"),
                 cell(single, "p"), cell(peak, "p"), cell(peak, f"adjusted:{rule}"))
            )  # fmt: skip
    how = "bounded by Bonferroni" if level == "published" else "max-T"
    return Table(
        _part_id(data, level, "peaks"),
        "The layer at which activation entropy correlates most strongly with each axis (layers "
        "count from the embeddings, the first): Spearman's ρ, its *p* as if this layer alone had "
        f"been looked at, its *p* after the search over layers ({how}), and this *p* adjusted for "
        f"all models and axes ({rule.upper()}).",
        (left("Model"), left("Axis"), right("Layer"), right("ρ"), right("*p*, one layer"),
         right("*p*, search"), right("*p*, adjusted")),
        tuple(rows),
    )  # fmt: skip


def _published_positions(data: StudyData, ledger: Ledger, members: Sequence[Model]) -> Figure:
    n_layers = {row["model"]: int(row["n_layers"]) for row in data.published("layers")}
    grid = _peaks(data, ledger, "peak", "published", members)
    spots = [
        [
            plots.Spot.of(e, None if e.layer is None else e.layer / (n_layers[m.key] - 1))
            for e in row
        ]
        for m, row in zip(members, grid, strict=True)
    ]
    return plots.positions(
        data, members, spots, _part_id(data, "published", "positions"), "published"
    )
