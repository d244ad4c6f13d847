"""Experiment 5: the layers at which activation entropy goes with the behavioural axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report.document.parts import Cell, Figure, Section, Stat, Table
from report.document.tables import left, right
from report.experiments.base import Analysis, StudyData, entry_id, subjects
from report.experiments.signature import maps, plots
from report.experiments.signature.answers import answers
from report.experiments.signature.measured import (
    SLUG,
    Signatures,
    measured,
    peaks_family,
    signatures,
)
from report.experiments.signature.published import published
from report.ledger import format as fmt
from report.ledger.format import few
from report.ledger.ledger import Entry, Family, Ledger
from report.study.study import Model

TITLE = "Layer signatures"


def analyse(data: StudyData) -> Analysis:
    """Find the peak layer of every model and axis, and allow for having searched for it."""
    entries: list[Entry] = []
    families: list[Family] = []
    if data.published("peaks"):
        family = peaks_family(data, "published")
        families.append(family)
        entries += published(data, family.id)
    arrays: dict[str, Any] = {}
    for subject in subjects(data):
        group = signatures(data, subject)
        made, declared = measured(data, group)
        entries += made
        families += declared
        arrays[subject.cohort.key] = group
    return Analysis(entries, families, arrays)


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
        for key, group in arrays.get(data.study.id, {}).items():
            parts.append(_measured_part(data, ledger, group))
            tables.append(_peak_table(data, ledger, key, group.models))
            if len(group.present) > 1:
                tables.append(_similarity_table(data, ledger, group))
            if group.present:
                shown += _measured_figures(data, ledger, group, len(arrays[data.study.id]))
    return Section(
        SLUG, TITLE, {"parts": parts}, tuple(shown), tuple(tables), answers(studies, ledger)
    )


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
    starred = {
        (row["model"], row["axis"]) for row in data.published("peaks") if row["starred"] == "true"
    }
    stars_agree = {(e.model, e.axis) for e in part["nominal"]} == starred != set()
    peaks = [e for row in _peaks(data, ledger, "peak", "published", members) for e in row]
    unbounded = {str(e.model): None for e in peaks if e.value is not None and e.p is None}
    return part | {
        "absent": absent, "stars_agree": stars_agree,
        "whose": few([m.name for m in members], part["unit"]),
        "unbounded": [data.study.model(key).name for key in unbounded],
    }  # fmt: skip


def _measured_part(data: StudyData, ledger: Ledger, group: Signatures) -> dict[str, Any]:
    key, alpha = group.cohort.key, data.plan.alpha
    strongest = [ledger[entry_id(SLUG, "strongest", m.key)] for m in group.models]
    similarities = _similar(ledger, group)
    shares = _peaks(data, ledger, "peak-share", key, group.present)
    steady = sorted((e for row in shares for e in row if e.value is not None), key=_value)
    return _part(data, ledger, key, group.models) | {
        "cohort": group.cohort, "present": group.present,
        "absent": [m.name for m in group.models if m not in group.present],
        "cells": sum(int(s.survives(alpha).sum()) for s in group.found.values()),
        "matrices": [e for e in strongest if e.p is not None],
        "with_signature": [e for e in strongest if e.rejected],
        "similarities": [e for e in similarities if e.value is not None],
        "uncompared": sum(e.value is None for e in similarities),
        "alike": [e for e in similarities if e.rejected and _value(e) > 0],
        "unlike": [e for e in similarities if e.rejected and _value(e) < 0],
        "steady": (steady[0], steady[-1]) if steady else None,
        "similarity_table": _part_id(data, key, "similarity"),
        "heat_maps": _part_id(data, key, "heat-maps"), "panels": _part_id(data, key, "panels"),
        "bins": _part_id(data, key, "bins"),
        "pair": {
            e.id: " and ".join(data.study.model(k).name for k in str(e.model).split())
            for e in similarities
        },
    }  # fmt: skip


def _similar(ledger: Ledger, group: Signatures) -> tuple[Entry, ...]:
    return ledger.select(experiment=SLUG, quantity="similarity", cohort=group.cohort.key)


def _value(entry: Entry) -> float:
    assert entry.value is not None
    return entry.value


def _part(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> dict[str, Any]:
    """Gather what the peaks of one level say, for the template."""
    family = ledger.families[peaks_family(data, level).id]
    alone = [e for row in _peaks(data, ledger, "peak-unsearched", level, models) for e in row]
    peaks = [e for row in _peaks(data, ledger, "peak", level, models) for e in row]
    kept = [e for e in peaks if e.rejected]
    absent = {m.key for m in models if all(e.reason for e in peaks if e.model == m.key)}
    return {
        "study": data.study, "level": level, "family": family, "models": models,
        "table": _part_id(data, level, "peaks"), "positions": _part_id(data, level, "positions"),
        "tested": [e for e in peaks if e.p is not None],
        "single": [e for e in alone if e.p is not None],
        "nominal": [e for e in alone if e.p is not None and e.p <= family.alpha],
        "kept": kept, "at_embeddings": sum(e.layer == 0 for e in kept),
        "strongest": max(kept, key=lambda e: abs(e.value or 0.0), default=None),
        "lost": _undone(alone, peaks, family.alpha),
        "missing": _missing(data, [e for e in peaks if e.model not in absent]),
        "others": [
            (rule, sum(e.p_adjusted.get(rule, 1.0) <= family.alpha for e in peaks))
            for rule in ("bh", "holm", "by") if rule != family.method
        ], "unit": plots.unit_of(data, models),
        "model": {m.key: m.name for m in data.study.models},
        "axis": {a.key: a.name for a in data.study.axes},
        "with_kept": [m.name for m in models if any(e.model == m.key for e in kept)],
        "without_kept": [m.name for m in models if all(e.model != m.key for e in kept)],
    }  # fmt: skip


def _undone(
    alone: Sequence[Entry], peaks: Sequence[Entry], alpha: float
) -> tuple[Entry, Entry] | None:
    """Find the peak that looks best by itself among those that the search makes insignificant."""
    pairs = [
        (a, p) for a, p in zip(alone, peaks, strict=True)
        if a.p is not None and a.p <= alpha and p.p is not None and p.p > alpha
    ]  # fmt: skip
    return min(pairs, key=lambda pair: pair[0].p or 0.0, default=None)


def _missing(data: StudyData, peaks: Sequence[Entry]) -> list[tuple[list[str], str]]:
    """Group what has no peak by the reason why."""
    groups: dict[str, list[str]] = {}
    for entry in peaks:
        if entry.estimate.reason is not None:
            axis, model = data.study.axis(str(entry.axis)), data.study.model(str(entry.model))
            groups.setdefault(entry.estimate.reason.sentence, []).append(
                f"{axis.name} in {model.name}"
            )
    return [(names, sentence) for sentence, names in groups.items()]


def _peak_table(data: StudyData, ledger: Ledger, level: str, models: Sequence[Model]) -> Table:
    alone = _peaks(data, ledger, "peak-unsearched", level, models)
    peaks = _peaks(data, ledger, "peak", level, models)
    rule = ledger.families[peaks_family(data, level).id].method
    rows: list[tuple[Cell, ...]] = []
    for model, singles, searched in zip(models, alone, peaks, strict=True):
        for axis, single, peak in zip(data.study.axes, singles, searched, strict=True):

            def cell(entry: Entry, kind: str) -> Cell:
                described = kind in ("layer", "value")
                missing = entry.estimate.reason if described else entry.reason
                return missing or Stat(entry.id, kind)

            rows.append(
                (model.label, axis.name, cell(peak, "layer"), cell(peak, "value"),
                 cell(single, "p"), cell(peak, "p"), cell(peak, f"adjusted:{rule}"))
            )  # fmt: skip
    unit = plots.unit_of(data, models)
    how = "bounded by Bonferroni" if level == "published" else "max-T"
    return Table(
        _part_id(data, level, "peaks"),
        "The layer at which activation entropy correlates most strongly with each axis (layers "
        "count from the embeddings, the first): Spearman's ρ, its *p* as if this layer alone had "
        f"been looked at, its *p* after the search over layers ({how}), and this *p* adjusted for "
        f"all {unit}s and axes ({fmt.RULES[rule]}).",
        (left(unit.capitalize()), left("Axis"), right("Layer"), right("ρ"),
         right("*p*, one layer"), right("*p*, search"), right("*p*, adjusted")),
        tuple(rows),
        "A peak is the largest of many correlations, so its ρ is too large by selection.",
    )  # fmt: skip


def _published_positions(data: StudyData, ledger: Ledger, members: Sequence[Model]) -> Figure:
    last = {row["model"]: int(row["n_layers"]) - 1 for row in data.published("layers")}
    grid = _peaks(data, ledger, "peak", "published", members)
    spots = [
        [
            plots.Spot.of(
                e, e.layer / last[m.key] if e.layer is not None and last.get(m.key) else None
            )
            for e in row
        ]
        for m, row in zip(members, grid, strict=True)
    ]
    return plots.positions(
        data, members, spots, _part_id(data, "published", "positions"), "_published"
    )


def _similarity_table(data: StudyData, ledger: Ledger, group: Signatures) -> Table:
    def row(entry: Entry) -> tuple[Cell, ...]:
        names = [data.study.model(key).name for key in str(entry.model).split()]
        kinds = ("value", "p", "adjusted:holm")
        return (*names, *(entry.reason or Stat(entry.id, kind) for kind in kinds))

    unit = group.cohort.unit.capitalize()
    return Table(
        _part_id(data, group.cohort.key, "similarity"),
        f"Similarity of the signatures of all pairs of {group.cohort.unit}s: Pearson's *r* of "
        "their binned correlation matrices, its permutation *p*, and this *p* after Holm's "
        "correction.",
        (left(unit), left(unit), right("*r*"), right("*p*"), right("*p*, adjusted")),
        tuple(row(entry) for entry in _similar(ledger, group)),
    )


def _measured_figures(
    data: StudyData, ledger: Ledger, group: Signatures, n_cohorts: int
) -> tuple[Figure, ...]:
    key, models = group.cohort.key, group.models
    peaks = _peaks(data, ledger, "peak", key, models)
    places = _peaks(data, ledger, "peak-depth", key, models)
    spots = [
        [plots.Spot.of(e, place.value, place.estimate.interval)
         for e, place in zip(row, where, strict=True)]
        for row, where in zip(peaks, places, strict=True)
    ]  # fmt: skip
    ending = f"_{key}" if n_cohorts > 1 else ""
    kept = {m.key: [bool(e.rejected) for e in row] for m, row in zip(models, peaks, strict=True)}
    return (
        maps.heat_maps(data, group, kept, _part_id(data, key, "heat-maps"), ending),
        maps.panels(data, group, kept, _part_id(data, key, "panels"), ending),
        maps.bins(data, group, kept, _part_id(data, key, "bins"), ending),
        plots.positions(data, models, spots, _part_id(data, key, "positions"), ending),
    )
