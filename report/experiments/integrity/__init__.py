"""Data integrity: what is wrong with the published numbers, and what the captures show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from report.document import figures
from report.document.parts import Figure, Section, Table
from report.experiments.base import Analysis, StudyData, Subject, entry_id, subjects
from report.experiments.behaviour.tables import family_of, in_words, pairs_of
from report.experiments.integrity import plots, tables
from report.experiments.integrity.answers import answers
from report.experiments.integrity.entries import SLUG, evidence_axes, recovered, slicing, wrong_axes
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Family, Ledger
from report.study.study import Model

TITLE = "Data integrity"
_TITLES = {
    "axis-evidence-n": "Entropy and behavioural axes, at the number of questions that the "
    "evidence supports",
    "axis-wrong": "Entropy and behavioural axes, with answers cut at the wrong rows",
}


def integrity_family(data: StudyData, quantity: str, level: str) -> Family:
    """Declare a family that stands beside one of experiment 3a, under the same rule."""
    beside = family_of(data, "axis", level)
    name = entry_id(SLUG, quantity, data.study.id, level)
    return Family(name, _TITLES[quantity], beside.method, beside.alpha)


def analyse(data: StudyData) -> Analysis:
    """Test at the number of questions that the evidence supports, and slice wrongly on purpose."""
    entries: list[Entry] = []
    families: list[Family] = []
    if data.published("integrity_models"):
        entries += recovered(data)
        if data.published("behaviour"):
            families.append(integrity_family(data, "axis-evidence-n", "published"))
            entries += evidence_axes(data, families[-1].id)
    for subject in subjects(data):
        if any(b.misaligned_entropy is not None for b in subject.baselines):
            families.append(integrity_family(data, "axis-wrong", subject.cohort.key))
            entries += wrong_axes(data, subject, families[-1].id)
    entries += slicing(data)
    return Analysis(entries, families)


# --- the section ------------------------------------------------------------------------


def present(
    studies: Sequence[StudyData], ledger: Ledger, arrays: Mapping[str, Mapping[str, Any]]
) -> Section:
    """Describe figures, tables and facts of the section."""
    del arrays
    published: list[dict[str, Any]] = []
    measured: list[dict[str, Any]] = []
    shown: list[Figure] = []
    made: list[Table] = []
    for data in studies:
        if data.published("integrity_models"):
            published.append(_published_part(data, ledger))
            made += tables.published_tables(data, ledger, _evidence_pairs(data, ledger))
        features = data.features
        faults = any(not problem.note for problem in data.problems)
        if features.baselines or features.calibrations or faults:
            part = _measured_part(data, ledger)
            measured.append(part)
            made += tables.measured_tables(data, ledger, part)
            if part["drawn"]:
                shown.append(_figure(data, part["wrong"]))
    facts = {
        "published": published, "measured": measured,
        "any_synthetic": any(data.study.synthetic for data in studies),
    }  # fmt: skip
    return Section(
        SLUG, TITLE, facts, tuple(shown), tuple(made), answers(studies, ledger), demonstration=True
    )


def _evidence_pairs(data: StudyData, ledger: Ledger) -> list[tuple[Entry, Entry]]:
    """Match each published correlation with itself at the other number of questions."""
    if not data.published("behaviour"):
        return []
    found = pairs_of(ledger, family_of(data, "axis", "published").id)
    other = [
        ledger[entry_id(SLUG, "axis-evidence-n", str(e.model), str(e.axis), "published")]
        for e in found
    ]
    return list(zip(found, other, strict=True))


def _published_part(data: StudyData, ledger: Ledger) -> dict[str, Any]:
    pairs = _evidence_pairs(data, ledger)
    alpha = data.plan.alpha
    rules = [rule for rule in fmt.RULES if rule != "maxt"]
    changed = {
        rule: [
            a for a, b in pairs if (a.p_adjusted[rule] <= alpha) != (b.p_adjusted[rule] <= alpha)
        ]
        for rule in rules
    }
    nominal = [a for a, b in pairs if ((a.p or 1.0) <= alpha) != ((b.p or 1.0) <= alpha)]
    sums = tables.token_sums(data, ledger)
    compared = tables.recovered_pairs(data, ledger)
    recovered_model = next((e.model for e, _ in compared), None)
    return {
        "study": data.study, "pairs": pairs, "changed": changed, "rules": fmt.RULES,
        "nominal": nominal, "name": in_words(data, [a for a, _ in pairs]),
        "supported": _supported(data, ledger), "sums": sums,
        "sums_agree": sum(a.value == b.value for a, b in sums),
        "compared": compared,
        "compared_agree": sum(tables.same_text(a, b) for a, b in compared),
        "recovered_model": data.study.model(recovered_model) if recovered_model else None,
        "lost": _lost_published(data, ledger), "axes": _axis_order(data),
        "table": tables.name_of(data, "evidence"),
        "recovered_table": tables.name_of(data, "recovered"),
        "rules_table": tables.name_of(data, "rules"),
    }  # fmt: skip


def _supported(data: StudyData, ledger: Ledger) -> list[dict[str, Any]]:
    """Group the models by the number of questions that the evidence supports."""
    groups: dict[tuple[float, str], list[Entry]] = {}
    for row in data.published("integrity_models"):
        entry = ledger[entry_id(SLUG, "supported", row["model"], "published")]
        groups.setdefault((entry.value or 0.0, row["basis"]), []).append(entry)
    return [
        {
            "entry": members[0], "basis": basis,
            "models": [data.study.model(str(e.model)).name for e in members],
        }
        for (_, basis), members in groups.items()
    ]  # fmt: skip


def _lost_published(data: StudyData, ledger: Ledger) -> dict[str, Any] | None:
    for row in data.published("integrity_models"):
        found = {
            quantity.replace("-", "_"): entry
            for quantity in tables.CALIBRATION_FACTS
            if (entry := ledger.get(entry_id(SLUG, quantity, row["model"], "published")))
            and entry.value is not None
        }
        if len(found) == len(tables.CALIBRATION_FACTS):
            axis = 2 * data.study.n_questions  # answers: both poles
            return found | {
                "name": data.study.model(row["model"]).name,
                "axes_lost": int(row["answers_without_rows"]) // axis,
                "rest_lost": int(row["answers_without_rows"]) % axis,
            }
    return None


def _axis_order(data: StudyData) -> dict[str, Any] | None:
    """Say where the axes that came out as NaN stand in each order of axes."""
    calibration = data.published("calibration")
    missing = {row["axis"] for row in calibration if row["status"] == "nan"}
    peaks = data.published("peaks")
    if not missing or not peaks:
        return None
    figure = [row["axis"] for row in peaks if row["model"] == peaks[0]["model"]]
    own = [axis.key for axis in data.study.axes]
    return {
        "missing": [a.name for a in data.study.axes if a.key in missing],
        "own": [a.name for a in data.study.axes],
        "last_in_figure": set(figure[-len(missing):]) == missing,
        "last_in_own": set(own[-len(missing):]) == missing,
        "found_after_all": [
            (data.study.model(key).name, names)
            for key in dict.fromkeys(row["model"] for row in calibration)
            if (names := [
                data.study.axis(row["axis"]).name for row in calibration
                if row["model"] == key and row["axis"] in missing and row["status"] != "nan"
            ])
        ],
    }  # fmt: skip


def _measured_part(data: StudyData, ledger: Ledger) -> dict[str, Any]:
    wrong = [
        model for model in data.study.models
        if (b := data.features.baselines.get(model.key)) is not None
        and b.misaligned_entropy is not None
    ]  # fmt: skip
    drawn = any(
        (np.isfinite(b.entropy) & np.isfinite(b.misaligned_entropy)).any()
        for model in wrong
        if (b := data.features.baselines[model.key]).misaligned_entropy is not None
    )
    captures = [*data.features.baselines.values(), *data.features.calibrations.values()]
    open_problems = [p for p in data.problems if not p.note]
    return {
        "study": data.study, "wrong": wrong, "drawn": drawn,
        "by_counts": sum(c.boundaries == "counts" for c in captures),
        "by_offsets": sum(c.boundaries == "offsets" for c in captures),
        "by_none": sum(not c.boundaries for c in captures), "captures": len(captures),
        "misaligned": sum(c.misaligned_entropy is not None for c in captures),
        "lost": _extremes([ledger[entry_id(SLUG, "lost", m.key)] for m in wrong]),
        "agreement": _extremes([ledger[entry_id(SLUG, "right-wrong", m.key)] for m in wrong]),
        "calibrations": _calibrations(data, ledger),
        "changes": [
            _changes(data, ledger, s)
            for s in subjects(data) if any(model in wrong for model in s.models)
        ],
        "problems": open_problems, "notes": len(data.problems) - len(open_problems),
        "figure": tables.name_of(data, "slicing"),
        "table": tables.name_of(data, "slicing"),
        "problems_table": tables.name_of(data, "problems"),
    }  # fmt: skip


def _extremes(entries: Sequence[Entry]) -> tuple[Entry, Entry] | None:
    known = [e for e in entries if e.value is not None]
    if not known:
        return None
    return min(known, key=_size), max(known, key=_size)


def _size(entry: Entry) -> float:
    return entry.value or 0.0


def _calibrations(data: StudyData, ledger: Ledger) -> list[dict[str, Any]]:
    return [
        {
            "name": data.study.model(key).name,
            "lost": ledger[entry_id(SLUG, "lost-calibration", key)],
            "axes": ledger[entry_id(SLUG, "axes-lost", key)],
            "agreement": ledger[entry_id(SLUG, "right-wrong-calibration", key)],
        }
        for key, calibration in data.features.calibrations.items()
        if calibration.misaligned_entropy is not None
    ]


def _changes(data: StudyData, ledger: Ledger, subject: Subject) -> dict[str, Any]:
    """Compare the decisions of experiment 3a with those from wrongly cut answers."""
    key = subject.cohort.key
    right = pairs_of(ledger, family_of(data, "axis", key).id)
    wrong = pairs_of(ledger, integrity_family(data, "axis-wrong", key).id)
    rule = ledger.families[family_of(data, "axis", key).id]
    kept, instead = ({(e.model, e.axis) for e in found if e.rejected} for found in (right, wrong))
    alpha = rule.alpha
    nominal = [
        {(e.model, e.axis) for e in found if (e.p or 1.0) <= alpha} for found in (right, wrong)
    ]
    either = kept ^ instead | (nominal[0] ^ nominal[1])
    matched = {(e.model, e.axis): e for e in wrong}
    return {
        "cohort": subject.cohort, "rule": fmt.RULES[rule.method], "kept": len(kept),
        "instead": len(instead), "both": len(kept & instead),
        "nominal": len(nominal[0]), "nominal_instead": len(nominal[1]),
        "nominal_both": len(nominal[0] & nominal[1]),
        "changed": [(e, matched[e.model, e.axis]) for e in right
                    if (e.model, e.axis) in either and (e.model, e.axis) in matched],
        "table": tables.name_of(data, "changes", key),
    }  # fmt: skip


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _figure(data: StudyData, models: Sequence[Model]) -> Figure:
    pairs = [(m, data.features.baselines[m.key]) for m in models]
    lost = [int(np.isnan(b.misaligned_entropy).sum()) for _, b in pairs
            if b.misaligned_entropy is not None]  # fmt: skip
    return Figure(
        tables.name_of(data, "slicing"), f"{data.study.id}/integrity_slicing",
        "Entropy of each answer, cut at the right rows and at the wrong ones. Were the wrong rows "
        "harmless, all points would lie on the line. Ticks at the bottom are answers for which the "
        "wrong rows hold nothing.",
        f"Scatter plots of {fmt.count(len(models), 'capture')}: one point an answer, and the "
        "diagonal on which right and wrong entropy would be equal. In each capture "
        f"{_range(lost)} answers have no wrong value.",
        (figures.WIDTH, plots.height(len(models))),
        lambda canvas: plots.right_against_wrong(canvas, data, pairs),
    )  # fmt: skip
