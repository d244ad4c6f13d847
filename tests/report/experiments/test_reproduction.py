"""Published values beside those that the captures give, in all experiments."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from report.audit.finished import load_finished
from report.audit.recompute import compare
from report.capture.features import Features
from report.cli import main
from report.document import outputs
from report.document.paper import write_source
from report.document.parts import Stat
from report.experiments import reproduction
from report.experiments.reproduction import KINDS, Verdict, pairs
from report.pipeline import Options, Results, build, compute, load
from report.study.study import Study
from stats.outcome import Estimate, Reason

Fields = dict[str, Any]
Row = tuple[object, ...]

# As the README of the captures prints them; no median is printed.
PRINTED = {
    "t03": ("0.2133", "0.0488", "4356", "3.498"),
    "t05": ("0.4196", "0.0803", "4439", "3.574"),
    "t07": ("0.7222", "0.1051", "4488", "3.616"),
    "t10": ("1.3810", "0.2155", "4534", "3.449"),
    "t13": ("2.1506", "0.2076", "4062", "3.238"),
    "t16": ("2.7951", "0.1994", "4096", "3.403"),
}
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


def key(short: str) -> str:
    return f"smollm2_135m_{short}"


def publish(folder: Path, tables: dict[str, Iterable[Row]]) -> None:
    (folder / "published").mkdir()
    for name, rows in tables.items():
        path = folder / "published" / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*HEADERS[name].split(), "source"])
            writer.writerows((*row, "a paper") for row in rows)


def generation(printed: dict[str, tuple[str, ...]] = PRINTED) -> list[Row]:
    return [
        (key(short), mean, sd, "", tokens, 30, dimension)
        for short, (mean, sd, tokens, dimension) in printed.items()
    ]


def spearman(x: Any, y: Any) -> float:
    kept = np.isfinite(x) & np.isfinite(y)
    return float(stats.spearmanr(x[kept], y[kept]).statistic)


def behaviour(features: Features, axes: list[str]) -> list[Row]:
    """T = 0.7 from the right rows, T = 1.0 from the wrong ones."""
    right, wrong = (features.baselines[key(short)] for short in ("t07", "t10"))
    entropies = ((right, right.entropy), (wrong, wrong.misaligned_entropy))
    return [
        (b.model, axis, f"{spearman(entropy, b.projections[axis]):.2f}", 30)
        for b, entropy in entropies for axis in axes
    ]  # fmt: skip


def layers(features: Features) -> list[Row]:
    found: list[Row] = []
    for name, b in features.baselines.items():
        assert b.layer_entropy is not None
        means = b.layer_entropy.mean(axis=0)
        found.append((name, means.size, 576, f"{means.min():.2f}", f"{means.max():.2f}"))
    return found


def calibration(features: Features, axes: list[str]) -> list[Row]:
    """All but the last axis from the right rows, the last from the wrong ones."""
    of = features.calibrations[key("t07")]
    assert of.misaligned_entropy is not None
    found: list[Row] = []
    for axis in axes:
        values = of.misaligned_entropy if axis == axes[0] else of.entropy
        means = [
            np.nanmean(values[(np.array(of.axis) == axis) & (np.array(of.pole) == pole)])
            for pole in ("positive", "negative")
        ]
        cells = (f"{m:.3f}" for m in (*means, means[0] - means[1]))
        found.append((of.model, axis, *cells, "0.5", "=", "published"))
    return found


def peaks(features: Features, axes: list[str]) -> list[Row]:
    b = features.baselines[key("t03")]
    assert b.layer_entropy is not None
    found: list[Row] = []
    for axis in axes:
        rhos = [spearman(b.projections[axis], column) for column in b.layer_entropy.T]
        peak = int(np.argmax(np.abs(rhos)))
        found.append((b.model, axis, peak, f"{rhos[peak]:.2f}", "false"))
    return found


@pytest.fixture(scope="module")
def study(
    tmp_path_factory: pytest.TempPathFactory,
    shipped_fields: Callable[[], Fields],
    write_study: Callable[[Path, Fields], Path],
    copy_captures: Callable[..., None],
    shipped_features: Features,
) -> Study:
    """The shipped captures with a paper on them, in which one number of each table was changed."""
    folder = tmp_path_factory.mktemp("both") / "study"
    fields = shipped_fields()
    copy_captures(folder, *(model["key"] for model in fields["models"]))
    write_study(folder, fields)
    features = shipped_features
    axes = [axis["key"] for axis in fields["axes"]]
    mean, *rest = PRINTED["t16"]
    tables = {
        "generation": generation(PRINTED | {"t16": ("2.7851", *rest)}),
        "layers": layers(features),
        "behaviour": behaviour(features, axes),
        "dead_zones": [(key(s), PRINTED[s][0], n, 7) for s, n in (("t03", 0), ("t05", 3))],
        "calibration": calibration(features, axes),
        "peaks": peaks(features, axes),
    }
    assert mean != "2.7851"
    changed = list(tables["peaks"][0])
    changed[2:4] = [int(str(changed[2])) + 1, "0.99"]
    tables["peaks"][0] = tuple(changed)
    low = list(tables["layers"][0])
    low[3] = "0.01"
    tables["layers"][0] = tuple(low)
    publish(folder, tables)
    return load([folder], quick=True)[0]


@pytest.fixture(scope="module")
def both_levels(
    study: Study, tmp_path_factory: pytest.TempPathFactory, features_cache: Path
) -> tuple[Results, str]:
    results = compute([study], Options(cache=features_cache, quick=True), lambda _: None)
    source = write_source(results, tmp_path_factory.mktemp("paper"), "embedded")
    return results, source.read_text("utf-8")


@pytest.mark.slow
def test_every_kind_of_number_is_compared_to_the_last_printed_digit(
    both_levels: tuple[Results, str],
) -> None:
    results, _ = both_levels
    found = list(pairs(results.studies[0], results.ledger.entries))
    kinds = {(pair.published.experiment, pair.published.quantity) for pair in found}
    assert kinds == KINDS.keys() - {("generation", "median")}
    verdicts = {pair.id.removeprefix("reproduction."): pair.verdict for pair in found}
    # 6 × (mean, sd, tokens, dimension), 2 × 6 layer means, 2 × 7 axes, 2 dead zones, 7 × 3 poles,
    # 7 peaks with their layers
    assert len(verdicts) == 24 + 12 + 14 + 2 + 21 + 14
    differing = {name for name, verdict in verdicts.items() if verdict is Verdict.DIFFERS}
    assert differing == {
        "generation.mean.smollm2-135m-t16", "layers.min.smollm2-135m-t03",
        "behaviour.zones.smollm2-135m-t05", "signature.peak.smollm2-135m-t03.warm-cold",
        "signature.peak.smollm2-135m-t03.warm-cold.layer",
    }  # fmt: skip
    misaligned = {name for name, verdict in verdicts.items() if verdict is Verdict.WRONG_ROWS}
    assert {name.split(".")[0] for name in misaligned} == {"behaviour", "calibration"}
    assert {name for name in misaligned if name.startswith("calibration")} == {
        f"calibration.{what}.smollm2-135m-t07.warm-cold"
        for what in ("positive", "negative", "mean-difference")
    }
    assert all("t10" in name for name in misaligned if name.startswith("behaviour"))


@pytest.mark.slow
def test_the_section_counts_and_lists_what_was_compared(both_levels: tuple[Results, str]) -> None:
    results, text = both_levels
    tables = {table.id: table for table in outputs.tables_of(results.sections)}
    rows = {str(row[0]): row for row in tables["reproduction-smollm2"].rows}
    assert rows["ρ at the peak"][1:4] == ("7", "6", "0")
    listed = tables["reproduction-signature-smollm2"].rows
    assert [row[-1] for row in listed][:2] == ["differs", "differs"]
    assert {row[-1] for row in listed[2:]} == {"reproduced"}
    assert "# Published and recomputed values {#sec-reproduction}" in text
    assert "87 published values were therefore computed again" in " ".join(text.split())
    assert "differ for another reason" in text
    assert "[2.7851]" in text
    assert "[2.7951]" in text


@pytest.mark.slow
def test_no_published_number_with_a_counterpart_is_left_out(
    both_levels: tuple[Results, str],
) -> None:
    """Whatever is read from one printed cell and is computed under the same name is compared."""
    ledger = both_levels[0].ledger
    compared = {pair.published.id for pair in pairs(both_levels[0].studies[0], ledger.entries)}
    twins = {
        e.id for e in ledger
        if e.evidence == "published" and e.value is not None and e.method.endswith("as published")
        and e.id.removesuffix(".published") in ledger and e.quantity != "peak-unsearched"
    }  # fmt: skip
    assert twins == compared


@pytest.mark.slow
def test_both_levels_stand_side_by_side_and_are_never_pooled(
    both_levels: tuple[Results, str], faults: Callable[[str], list[str]]
) -> None:
    results, text = both_levels
    assert faults(text) == []
    for entry in results.ledger:
        levels = {"/published/" in source for source in entry.sources}
        assert len(levels) < 2 or entry.experiment == reproduction.SLUG, entry.id
    published = results.ledger["dimension.rho.ladder.published"]
    measured = results.ledger["dimension.rho.ladder"]
    assert (published.evidence, measured.evidence) == ("published", "raw")
    assert published.value == pytest.approx(measured.value) == pytest.approx(-0.714286, abs=5e-7)
    # What is known of another study's slices is not said of this one.
    assert "rest on wrongly cut rows" not in text


@pytest.mark.slow
@pytest.mark.usefixtures("numbers_only")
def test_differences_are_recomputed_by_the_second_path(
    study: Study, tmp_path: Path, features_cache: Path
) -> None:
    options = Options((), "embedded", cache=features_cache, quick=True)
    folder = build([study.folder], tmp_path, options, lambda _: None).folder
    finished = load_finished(folder)
    entries = [e for e in finished.ledger if e.experiment == reproduction.SLUG]
    entries += [e for e in finished.ledger if e.quantity.startswith("wrong-")]
    assert len(entries) > 87
    for entry in entries:
        compared = compare(entry, finished)
        assert compared is not None, entry.id
        assert "estimate" in compared.agree, entry.id
        assert not compared.differ, entry.id


@pytest.mark.slow
def test_what_could_not_be_computed_again_says_why(both_levels: tuple[Results, str]) -> None:
    results, _ = both_levels
    data, entries = results.studies[0], dict(results.ledger.entries)
    gone = entries["layers.max.smollm2-135m-t05"]
    entries[gone.id] = replace(gone, estimate=Estimate.missing(Reason.DAMAGED_FILE, 0))
    (difference,) = (
        e for e in reproduction.analyse(data, entries).entries if e.id.endswith(gone.id)
    )
    assert (difference.value, difference.reason) == (None, Reason.DAMAGED_FILE)
    ledger = replace(results.ledger, entries=entries | {difference.id: difference})
    section = reproduction.present([data], ledger)
    assert section is not None
    assert section.facts["parts"][0]["tally"]["missing"] == 1
    table = next(t for t in section.tables if t.id == "reproduction-models-smollm2")
    assert [row[1:] for row in table.rows if Reason.DAMAGED_FILE in row] == [
        (
            "highest layer mean",
            Stat(f"{gone.id}.published", "value:2"),
            Reason.DAMAGED_FILE,
            "",
            "not recomputed",
        )
    ]


def test_a_study_at_one_level_has_no_such_section(root: Path) -> None:
    results = compute(
        load([root / "data" / "entropy-2026-02"], quick=True), Options(quick=True), lambda _: None
    )
    assert [s.slug for s in results.sections if s.slug == reproduction.SLUG] == []
    assert results.ledger.select(experiment=reproduction.SLUG) == ()


def test_a_published_cell_that_can_not_be_used_costs_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
    shipped_fields: Callable[[], Fields], write_study: Callable[[Path, Fields], Path],
) -> None:  # fmt: skip
    study = write_study(tmp_path / "study", shipped_fields())
    changed = generation(PRINTED | {"t16": ("2,7951", *PRINTED["t16"][1:])})
    publish(study, {"generation": changed})
    assert (
        main(["build", str(study), "--out", str(tmp_path / "out"), "--quick", "--to", "html"]) == 0
    )
    said = capsys.readouterr().err
    assert "generation.csv: entropy_mean_nats: line 7 holds '2,7951'" in said
    assert "Missing because of it: entropy_mean_nats of smollm2_135m_t16" in said
