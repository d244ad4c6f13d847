"""Experiment 2: entropy of the hidden activations, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from report.document.parts import Cell, Figure, Section, Stat, Table
from report.document.tables import left, right
from report.experiments.base import Analysis, StudyData, entry_id, subjects, unit_of
from report.experiments.layers import plots
from report.experiments.layers.answers import answers
from report.experiments.layers.measured import ESTIMATORS, SLUG, Profiles, measured
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger
from report.study.study import Model
from stats.outcome import Estimate, Reason

TITLE = "Activation entropy by layer"


def analyse(data: StudyData) -> Analysis:
    """Describe how each model's activation entropy runs through its layers."""
    entries = list(_published(data))
    arrays: dict[str, Any] = {}
    for subject in subjects(data):
        group = Profiles.of(data, subject)
        entries += measured(data, group)
        arrays[subject.cohort.key] = group
    return Analysis(entries, arrays=arrays)


# --- published numbers ------------------------------------------------------------------


def _published(data: StudyData) -> Iterator[Entry]:
    rows = data.published("layers")
    lengths = {row["model"]: int(row["n_layers"]) for row in rows}
    widths: dict[str, float] = {}
    for row in rows:
        model = data.study.model(row["model"])
        ends = ("entropy_min_nats", "entropy_max_nats")
        low, high = (float(row[end]) if row[end] else None for end in ends)
        if low is not None and high is not None:
            # Printed to hundredths, so is their difference: no trace of binary subtraction.
            widths[model.key] = round(high - low, 6)
        described = (
            ("min", low, "nats", "lowest layer mean, as published", ends[:1]),
            ("max", high, "nats", "highest layer mean, as published", ends[1:]),
            ("width", widths.get(model.key), "nats", "highest minus lowest layer mean", ends),
            ("count", lengths[model.key] or None, "count", "count, as published", ("n_layers",)),
        )
        for quantity, value, unit, method, columns in described:
            yield Entry(
                id=entry_id(SLUG, quantity, model.key, "published"), experiment=SLUG,
                quantity=quantity, evidence="published", cohort=model.cohort, model=model.key,
                estimate=Estimate.missing(Reason.DAMAGED_FILE, lengths[model.key]) if value is None
                else Estimate(float(value), lengths[model.key]), unit=unit, method=method,
                label=f"{_LABELS[quantity]} of {model.name}",
                sources=tuple(data.source("published/layers", c, model=model.key) for c in columns),
            )  # fmt: skip
    if len(widths) > 1 and min(widths.values()) > 0:
        yield _width_ratio(data, widths)


_LABELS = {
    "min": "lowest layer mean of activation entropy",
    "max": "highest layer mean of activation entropy",
    "width": "range of activation entropy over the layers",
    "count": "number of layers, embeddings included,",
}


def _width_ratio(data: StudyData, widths: Mapping[str, float]) -> Entry:
    narrowest, widest = min(widths, key=widths.__getitem__), max(widths, key=widths.__getitem__)
    return Entry(
        id=entry_id(SLUG, "width-ratio", data.study.id, "published"), experiment=SLUG,
        quantity="width-ratio", evidence="published", cohort=data.study.model(widest).cohort,
        estimate=Estimate(widths[widest] / widths[narrowest], len(widths)), unit="ratio",
        method="ratio of two estimates", label="widest range of layer means over the narrowest",
        sources=tuple(
            data.source("published/layers", column, model=key)
            for key in (widest, narrowest) for column in ("entropy_min_nats", "entropy_max_nats")
        ),
    )  # fmt: skip


# --- the section ------------------------------------------------------------------------


def present(
    studies: Sequence[StudyData], ledger: Ledger, arrays: Mapping[str, Mapping[str, Any]]
) -> Section:
    """Describe figures, tables and facts of the section."""
    parts: list[dict[str, Any]] = []
    shown: list[Figure] = []
    tables: list[Table] = []
    for data in studies:
        members = _members(data, ledger)
        known = [m for m in members if _width(ledger, m) is not None]
        if known:
            parts.append(_published_part(data, ledger, known))
            tables.append(_range_table(data, members))
            shown.append(plots.ranges(data, ledger, known, _part_id(data, "published")))
        for key, group in arrays.get(data.study.id, {}).items():
            parts.append(_measured_part(data, ledger, group))
            tables.append(_profile_table(data, ledger, group))
            if group.present:
                tables.append(_sensitivity_table(data, ledger, group))
                several = len(arrays[data.study.id])
                shown += plots.profiles(data, group, _part_id(data, key), several)
    return Section(
        SLUG, TITLE, {"parts": parts}, tuple(shown), tuple(tables), answers(studies, ledger)
    )


def _part_id(data: StudyData, level: str, *what: str) -> str:
    return entry_id(SLUG, *what, data.study.id, level).replace(".", "-")


def _members(data: StudyData, ledger: Ledger) -> tuple[Model, ...]:
    return tuple(
        m for m in data.study.models if entry_id(SLUG, "width", m.key, "published") in ledger
    )


def _width(ledger: Ledger, model: Model) -> float | None:
    return ledger[entry_id(SLUG, "width", model.key, "published")].value


def _published_part(data: StudyData, ledger: Ledger, members: Sequence[Model]) -> dict[str, Any]:
    def entry(quantity: str, model: Model) -> Entry:
        return ledger[entry_id(SLUG, quantity, model.key, "published")]

    by_width = sorted(members, key=lambda m: entry("width", m).value or 0.0)
    lowest = min(members, key=lambda m: entry("min", m).value or 0.0)
    ends = [entry("width", by_width[i]) for i in (0, -1)]
    unit = unit_of(data, "published")
    expected = sum(m.in_baseline for m in data.study.models)
    ratio = entry_id(SLUG, "width-ratio", data.study.id, "published")
    name = _part_id(data, "published")
    return {
        "study": data.study, "level": "published", "table": name, "figure": name,
        "narrowest": (by_width[0], ends[0]), "widest": (by_width[-1], ends[1]),
        "unit": unit, "n": len(members),
        "alike": ends[0].value == ends[1].value,
        "whose": f"each {unit}" if 1 < expected == len(members)
        else fmt.few([m.name for m in members], unit),
        "lowest": (lowest, entry("min", lowest)),
        "ratio": ratio in ledger and ledger[ratio],
    }  # fmt: skip


def _measured_part(data: StudyData, ledger: Ledger, group: Profiles) -> dict[str, Any]:
    key, models = group.cohort.key, group.present

    def entries(quantity: str) -> list[Entry]:
        return [ledger[entry_id(SLUG, quantity, m.key)] for m in models]

    widths = sorted(entries("width"), key=lambda e: e.value or 0.0)
    spectral = [*entries("spectral-min"), *entries("spectral-max")]
    known = sorted((e for e in spectral if e.value is not None), key=lambda e: e.value or 0.0)
    found = ledger[entry_id(SLUG, "classification", data.study.id, key)]
    name = _part_id(data, key)
    return {
        "study": data.study, "level": key, "cohort": group.cohort, "models": models,
        "table": name, "figure": name, "sensitivity": _part_id(data, key, "sensitivity"),
        "name": {m.key: m.name for m in group.models},
        "narrowest": widths[0] if models else None, "widest": widths[-1] if models else None,
        "absent": [m.name for m in group.models if m not in models],
        "classification": found,
        "recognised": found.p is not None and found.p <= data.plan.alpha,
        "rankings": [_ranking(data, ledger, group, q) for q in ("level", "width")],
        "spectral": (known[0], known[-1]) if known else None,
        "spectra": f"{name}-spectra",
    }  # fmt: skip


def _ranking(data: StudyData, ledger: Ledger, group: Profiles, quantity: str) -> dict[str, Any]:
    """Say for one quantity how many models another estimator moves to another place."""

    def order(suffix: str) -> list[str]:
        name = f"{quantity}-{suffix}" if suffix else quantity
        known = [ledger[entry_id(SLUG, name, m.key)] for m in group.present]
        return [str(e.model) for e in sorted(known, key=lambda e: e.value or 0.0)]

    def moved(suffix: str) -> int:
        return sum(a != b for a, b in zip(order(""), order(suffix), strict=True))

    return {
        "quantity": quantity,
        "estimators": [
            (how, moved(suffix),
             ledger[entry_id(SLUG, "ranking", data.study.id, group.cohort.key,
                             f"{quantity}-{suffix}")])
            for suffix, _, _, how in ESTIMATORS[1:]
        ],
    }  # fmt: skip


def _cell(ledger: Ledger, quantity: str, model: Model, kind: str = "value") -> Cell:
    entry = ledger[entry_id(SLUG, quantity, model.key)]
    return entry.why_no(kind) or Stat(entry.id, kind)


def _profile_table(data: StudyData, ledger: Ledger, group: Profiles) -> Table:
    shown = (
        ("min", "value"), ("min", "layer"), ("max", "value"), ("max", "layer"),
        ("width", "value"), ("width", "ci"),
    )  # fmt: skip
    return Table(
        _part_id(data, group.cohort.key),
        "Range of activation entropy over the layers (nats): the lowest and the highest layer mean "
        "over questions, the layers where they lie (counted from the embeddings, the first), and "
        "the width between them with its bootstrap interval.",
        (left(group.cohort.unit.capitalize()), right("Lowest"), right("at layer"),
         right("Highest"), right("at layer"), right("Width"), right(data.ci_name)),
        tuple((m.name, *(_cell(ledger, q, m, kind) for q, kind in shown)) for m in group.models),
    )  # fmt: skip


def _sensitivity_table(data: StudyData, ledger: Ledger, group: Profiles) -> Table:
    def cells(model: Model) -> Iterator[Cell]:
        for quantity in ("level", "width"):
            for suffix, *_ in ESTIMATORS:
                yield _cell(ledger, f"{quantity}-{suffix}" if suffix else quantity, model)

    heads = ("FD", "64", "M–M")
    return Table(
        _part_id(data, group.cohort.key, "sensitivity"),
        "Does the way of estimating matter? Mean over layers and questions, and width of the range "
        "(nats), from Freedman–Diaconis bins (FD), from 64 bins (64), and with the Miller–Madow "
        "correction (M–M).",
        (left(group.cohort.unit.capitalize()), *(right(f"Mean {h}") for h in heads),
         *(right(f"Width {h}") for h in heads)),
        tuple((m.name, *cells(m)) for m in group.models),
    )  # fmt: skip


def _range_table(data: StudyData, members: Sequence[Model]) -> Table:
    def cells(model: Model) -> Iterator[Stat]:
        for quantity in ("count", "min", "max", "width"):
            yield Stat(entry_id(SLUG, quantity, model.key, "published"),
                       "value" if quantity == "count" else "value:2")  # fmt: skip

    return Table(
        _part_id(data, "published"),
        "Range of activation entropy over the layers (nats), as published: the lowest and the "
        "highest layer mean and the width between them. The embeddings count as a layer.",
        (left("Model"), right("Layers"), right("Lowest"), right("Highest"), right("Width")),
        tuple((m.name, *cells(m)) for m in members),
    )
