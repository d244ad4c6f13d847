"""Published tables of papers that nobody here has seen: the document speaks of them alone."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure as Canvas

from report.audit.finished import load_finished
from report.audit.recompute import compare
from report.document import outputs
from report.document.paper import write_source
from report.pipeline import Options, Results, build, compute, load
from report.study.errors import UsageError

Fields = dict[str, Any]
Rows = list[tuple[object, ...]]
Faults = Callable[[str], list[str]]
Write = Callable[[Path, Fields], Path]

AXES = ("kind_harsh", "calm_agitated", "bold_timid")
MODELS = ("alba", "boreal", "cirrus", "dune")
HEADERS = {
    "generation": "model entropy_mean_nats entropy_sd_nats entropy_median_nats n_tokens "
    "n_questions effective_dimension",
    "layers": "model n_layers hidden_size entropy_min_nats entropy_max_nats",
    "behaviour": "model axis rho n",
    "dead_zones": "model entropy_mean_nats dead_zones n_axes",
    "calibration": "model axis entropy_positive_nats entropy_negative_nats delta_nats p "
    "p_relation status",
    "peaks": "model axis layer rho starred",
}
# A paper that prints everything, and everything of every model.
FULL: dict[str, Rows] = {
    "generation": [
        ("alba", "0.61", "0.11", "0.60", 4000, 24, "1.9"),
        ("boreal", "0.44", "0.09", "0.43", 4100, 24, "1.5"),
        ("cirrus", "0.83", "0.20", "0.80", 3900, 24, "2.6"),
        ("dune", "0.52", "0.10", "0.51", 3800, 24, "2.1"),
    ],
    "layers": [(m, 17, 64, f"1.{i}", f"2.{2 * i}") for i, m in enumerate(MODELS)],
    "behaviour": [
        (m, a, f"{0.7 - 0.12 * (3 * i + j):.2f}", 24)
        for i, m in enumerate(MODELS) for j, a in enumerate(AXES)
    ],
    "dead_zones": [(m, "0.5", i % 3, 3) for i, m in enumerate(MODELS)],
    "calibration": [
        (m, a, "0.60", f"0.5{j}", f"{0.1 - 0.01 * j:.2f}", f"0.{i + 1}{j}", "=", "published")
        for i, m in enumerate(MODELS) for j, a in enumerate(AXES)
    ],
    "peaks": [
        (m, a, 3 * i + j, f"{0.75 - 0.1 * (i + j):.2f}", "false")
        for i, m in enumerate(MODELS) for j, a in enumerate(AXES)
    ],
}  # fmt: skip


def paper(write: Write, folder: Path, tables: dict[str, Rows], **changes: Any) -> Path:
    """Write a study folder of published tables."""
    fields: Fields = {
        "id": folder.name, "title": "Tone of four models", "date": "2031-05-06", "n_questions": 24,
        "plan": {"seed": 3},
        "axes": [dict(zip(("key", "positive", "negative"), (a, *a.split("_")), strict=True))
                 for a in AXES],
        "cohorts": [{"key": folder.name.replace("-", "_"), "title": "Four models"}],
        "models": [{"key": m, "name": m.capitalize(), "cohort": folder.name.replace("-", "_")}
                   for m in MODELS],
    }  # fmt: skip
    write(folder, fields | changes)
    (folder / "published").mkdir()
    for name, rows in tables.items():
        with (folder / "published" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([HEADERS[name].split(), *rows])
    return folder


def document(folders: Sequence[Path], out: Path) -> tuple[Results, str]:
    results = compute(load(folders, quick=True), Options(quick=True), lambda _: None)
    text = write_source(results, out, "embedded").read_text("utf-8")
    return results, text.split("\n# References")[0]


def flat(text: str) -> str:
    return " ".join(text.split())


def first(rows: int) -> dict[str, Rows]:
    return {name: table[:rows] for name, table in FULL.items()}


SHAPES: dict[str, dict[str, Rows]] = {
    "everything": FULL,
    "first rows": first(1),
    "two rows": first(2),
    **{f"{name} alone": {name: FULL[name]} for name in FULL},
    **{f"without {name}": {n: rows for n, rows in FULL.items() if n != name} for name in FULL},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_a_paper_lacks_its_document_reads_well(
    shape: str, tmp_path: Path, write_study: Write, faults: Faults
) -> None:
    results, text = document([paper(write_study, tmp_path / "tone", SHAPES[shape])], tmp_path)
    assert faults(text + "\n# References") == []
    shown, made = outputs.figures_of(results.sections), outputs.tables_of(results.sections)
    assert all(table.rows for table in made)
    assert [item.id for item in (*shown, *made) if f"-{item.id}" not in text] == []
    for figure in shown:
        figure.draw(Canvas(figsize=figure.size, layout="constrained"))
    # Of another paper nothing is said that is known of the one that ships.
    for of_the_shipped in ("misaligned", "vendor", "instruction-tuned", "small model"):
        assert of_the_shipped not in text


def test_one_row_is_not_compared_with_itself(tmp_path: Path, write_study: Write) -> None:
    _, text = document([paper(write_study, tmp_path / "tone", first(1))], tmp_path)
    said = flat(text)
    assert "The published mean of Alba is" in said
    assert "narrowest" not in said
    assert "lowest and the highest layer mean of Alba" in said
    assert "published the peaks of Alba" in said
    assert "The one contrast with a p-value does not reach significance." in said
    assert "Forest plot of one Spearman correlation;" in said
    assert "the one peak would pass" in said


def test_a_paper_that_prints_all_its_correlations_is_not_said_to_select(
    tmp_path: Path, write_study: Write
) -> None:
    _, text = document([paper(write_study, tmp_path / "tone", FULL)], tmp_path)
    assert "The study printed twelve correlations, significant or not." in flat(text)
    assert "passed a threshold" not in text
    assert "taken as not significant" not in text
    some = {"behaviour": FULL["behaviour"][:1]}
    _, text = document([paper(write_study, tmp_path / "some", some)], tmp_path)
    assert "The study printed one correlation, significant before any correction." in flat(text)
    assert "passed a threshold" in text


def test_a_difference_without_p_is_shown_and_not_tested(tmp_path: Path, write_study: Write) -> None:
    rows = [(*row[:5], "", "", "published") for row in FULL["calibration"]]
    folder = paper(write_study, tmp_path / "tone", {"calibration": rows})
    results, text = document([folder], tmp_path)
    assert "They hold no p-values either, so no difference can be tested." in flat(text)
    assert "No number was published" not in text
    shown = {t.id: t for t in outputs.tables_of(results.sections)}["calibration-tone-published"]
    assert all(not isinstance(cell, str) for cell in shown.rows[0][2:5])


@pytest.mark.usefixtures("numbers_only")
def test_peaks_without_a_number_of_layers_have_no_bound(tmp_path: Path, write_study: Write) -> None:
    tables = {"peaks": FULL["peaks"], "layers": FULL["layers"][:3]}
    results, text = document([paper(write_study, tmp_path / "tone", tables)], tmp_path)
    assert "How many layers Dune has was not published" in flat(text)
    assert "There is no peak for" not in text
    peak = results.ledger["signature.peak.dune.calm-agitated.published"]
    assert (peak.value, peak.p) == (0.35, None)
    options = Options((), "embedded", quick=True)
    made = build([tmp_path / "tone"], tmp_path / "out", options, lambda _: None)
    built = load_finished(made.folder)
    compared = compare(built.ledger[peak.id], built)
    assert compared is not None
    assert "estimate" in compared.agree
    assert not compared.differ


@pytest.mark.parametrize("decision", ["by", "maxt", "holm"])
def test_every_rule_of_a_plan_can_decide(decision: str, tmp_path: Path, write_study: Write) -> None:
    plan = {"seed": 3, "decision": decision}
    results, text = document([paper(write_study, tmp_path / "tone", FULL, plan=plan)], tmp_path)
    methods = {family.method for family in results.ledger.families.values()}
    assert methods == {"holm", "holm" if decision == "maxt" else decision}
    assert "HOLM" not in text
    assert "MAXT" not in text


def test_intervals_are_called_by_the_level_of_the_plan(tmp_path: Path, write_study: Write) -> None:
    plan = {"seed": 3, "ci_level": 0.9}
    results, text = document([paper(write_study, tmp_path / "tone", FULL, plan=plan)], tmp_path)
    assert "95% CI" not in text
    captions = [item.caption for item in outputs.figures_of(results.sections)]
    assert not any("95%" in caption for caption in captions)
    assert any("90% confidence interval" in caption for caption in captions)


def test_studies_that_share_a_key_are_refused_with_the_remedy(
    tmp_path: Path, write_study: Write
) -> None:
    folders = [paper(write_study, tmp_path / name, FULL) for name in ("one", "two")]
    with pytest.raises(UsageError, match=r"model called 'alba'.* Rename it in one study.toml"):
        compute(load(folders), Options(quick=True), lambda _: None)


def other_models(cohort: str) -> tuple[list[Fields], dict[str, Rows]]:
    """Four more models, with the same numbers as the others."""
    models = [{"key": f"other_{m}", "name": f"Other {m}", "cohort": cohort} for m in MODELS]
    return models, {n: [(f"other_{r[0]}", *r[1:]) for r in rows] for n, rows in FULL.items()}


def test_two_papers_are_told_apart_by_their_headings(tmp_path: Path, write_study: Write) -> None:
    models, rows = other_models("two")
    folders = [
        paper(write_study, tmp_path / "one", FULL),
        paper(write_study, tmp_path / "two", rows, models=models, title="Another paper"),
    ]
    _, text = document(folders, tmp_path)
    headings = [line for line in text.splitlines() if line.startswith("## Published numbers")]
    assert set(headings) == {
        "## Published numbers: Tone of four models", "## Published numbers: Another paper",
    }  # fmt: skip


def test_two_cohorts_of_a_paper_are_told_apart(tmp_path: Path, write_study: Write) -> None:
    models, rows = other_models("two")
    both = {name: FULL[name] + rows[name] for name in FULL}
    first_models = [{"key": m, "name": m.capitalize(), "cohort": "one"} for m in MODELS]
    cohorts = [{"key": "one", "title": "Four models"}, {"key": "two", "title": "Four others"}]
    folder = paper(
        write_study, tmp_path / "tone", both, models=first_models + models, cohorts=cohorts
    )
    results, text = document([folder], tmp_path)
    files = [figure.filename for figure in outputs.figures_of(results.sections)]
    assert len(set(files)) == len(files)
    for title in ("Four models", "Four others"):
        assert f"As printed ({title}), " in flat(text)
        assert f"Printed ({title}): " in flat(text)
