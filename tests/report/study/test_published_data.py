"""The transcribed study: its own structure, and every cell against the seed's Markdown."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from scipy import stats

from report.study.paths import DATA
from report.study.study import Study, load_study

AXES = {  # the seed's headings in experiment 5
    "warm/cold": "warm_cold",
    "formal/casual": "formal_casual",
    "verbose/concise": "verbose_concise",
    "empath/analyt": "empathetic_analytical",
    "confid/cautious": "confident_cautious",
    "patient/irrit": "patient_irritated",
    "proactive/reluct": "proactive_reluctant",
}


class SeedTable(NamedTuple):
    """A Markdown table with the nearest headings above it."""

    experiment: str
    heading: str
    header: list[str]
    rows: list[list[str]]


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(DATA / "entropy-2026-02")


@pytest.fixture
def seed_tables(seed: str) -> list[SeedTable]:
    found: list[SeedTable] = []
    experiment = heading = ""
    block: list[list[str]] = []
    for line in [*seed.splitlines(), ""]:
        if line.startswith("|"):
            block.append([cell.strip() for cell in line.strip().strip("|").split("|")])
            continue
        if block:
            found.append(SeedTable(experiment, heading, block[0], block[2:]))
            block = []
        if line.startswith("## "):
            experiment, heading = line.removeprefix("## ").split(":")[0], ""
        elif line.startswith("### "):
            heading = line.removeprefix("### ")
    return found


def plain(cell: str) -> str:
    """Take the marks from a cell of numbers: bold, (min), the sign plus, the true minus."""
    text = re.sub(r"\*\*|\((?:min|max)\)", "", cell).replace("−", "-").strip()
    return "" if text == "N/A" else text.removeprefix("+")


def keys_by_name(study: Study) -> dict[str, str]:
    """Every way in which the seed calls a model."""
    names = {m.name: m.key for m in study.models} | {m.short: m.key for m in study.models}
    return names | {"Mistral 7B": "mistral_7b"}


def columns(study: Study, table: str, *names: str) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in names) for row in study.published[table]]


# --- against the seed -------------------------------------------------------------------


def test_no_table_of_the_seed_is_left_out(seed_tables: list[SeedTable], study: Study) -> None:
    places = [(t.experiment, t.heading[:2]) for t in seed_tables]
    assert places == [
        ("Experiment 1", ""),
        ("Experiment 2", ""),
        ("Experiment 3", "3a"),
        ("Experiment 3", "3c"),
        ("Experiment 4", "Yi"),
        ("Experiment 4", "Ge"),
        ("Experiment 5", "Pe"),
    ]
    transcribed = [t for name, t in study.published.items() if not name.startswith("integrity_")]
    sources = {row["source"] for table in transcribed for row in table}
    assert sources == {
        "Experiment 1, table 1",
        "Experiment 2, table 1",
        "Experiment 3a, table 1",
        "Experiment 3b, text",
        "Experiment 3c, table 1",
        "Experiment 4, table 1",
        "Experiment 4, table 2",
        "Experiment 4, note",
        "Experiment 5, table 1",
    }


def test_generation_is_the_seed(seed: str, seed_tables: list[SeedTable], study: Study) -> None:
    keys = keys_by_name(study)
    expected = [(keys[row[0]], *(plain(c) for c in row[1:])) for row in seed_tables[0].rows]
    assert expected == columns(
        study,
        "generation",
        "model",
        "entropy_mean_nats",
        "entropy_sd_nats",
        "entropy_median_nats",
        "n_tokens",
        "effective_dimension",
    )
    assert "Mean entropy (nats)" in seed_tables[0].header
    assert "(30 neutral questions, no system prompt)" in seed
    assert {row["n_questions"] for row in study.published["generation"]} == {"30"}


def test_marks_of_the_first_table_follow_from_its_numbers(seed_tables: list[SeedTable]) -> None:
    marks = 0
    for column in (1, 5):
        cells = [row[column] for row in seed_tables[0].rows]
        numbers = [float(plain(c)) for c in cells if plain(c)]
        for cell in cells:
            for mark, extreme in (("(min)", min(numbers)), ("(max)", max(numbers))):
                assert (mark in cell) == (plain(cell) == f"{extreme:.{3 if column == 1 else 2}f}")
                marks += mark in cell
    assert marks == 4


def test_layers_are_the_seed(seed_tables: list[SeedTable], study: Study) -> None:
    keys = keys_by_name(study)
    expected: list[tuple[str, ...]] = []
    for name, layers, hidden, span in seed_tables[1].rows:
        low, high = re.fullmatch(r"\[(\S+), (\S+)\]", span).groups()
        expected.append((keys[name], layers, hidden, low, high))
    assert expected == columns(
        study, "layers", "model", "n_layers", "hidden_size", "entropy_min_nats", "entropy_max_nats"
    )


def test_behaviour_is_the_seed(seed_tables: list[SeedTable], study: Study) -> None:
    keys = keys_by_name(study)
    correlations: list[tuple[str, ...]] = []
    patterns: list[tuple[str, ...]] = []
    for axis, pattern, cell in seed_tables[2].rows:
        for name, rho in re.findall(r"(\w+) \(r=([−+]\d\.\d\d)", cell):
            correlations.append((keys[name], axis, plain(rho)))
        listed, _, remark = cell.partition("). ")
        assert re.fullmatch(r"(\w+ \(r=[−+]\d\.\d\d\)?(, )?)+", listed)
        patterns.append((axis, pattern, remark))
    assert correlations == columns(study, "behaviour", "model", "axis", "rho")
    assert patterns == columns(study, "behaviour_patterns", "axis", "pattern", "remark")
    assert "(Spearman, n=30 per model)" in seed_tables[2].heading
    assert {row["n"] for row in study.published["behaviour"]} == {"30"}


def test_dead_zones_are_the_seed(seed_tables: list[SeedTable], study: Study) -> None:
    keys = keys_by_name(study)
    expected = [
        (keys[name], plain(mean), *zones.split("/")) for name, mean, zones in seed_tables[3].rows
    ]
    assert expected == columns(
        study, "dead_zones", "model", "entropy_mean_nats", "dead_zones", "n_axes"
    )


def test_calibration_is_the_seed(seed: str, seed_tables: list[SeedTable], study: Study) -> None:
    keys = keys_by_name(study)
    expected: list[tuple[str, ...]] = []
    for table in seed_tables[4:6]:
        assert table.header[-2:] == ["Delta", "p"]
        for axis, positive, negative, delta, p in table.rows:
            relation = "<" if "<" in p else "="
            assert ("**" in p) == ("**" in delta) == (relation == "<")
            numbers = (plain(positive), plain(negative), plain(delta))
            expected.append((keys[table.heading], axis, *numbers, plain(p).lstrip("<"), relation))
    published = [r for r in study.published["calibration"] if r["status"] == "published"]
    names = (
        "model",
        "axis",
        "entropy_positive_nats",
        "entropy_negative_nats",
        "delta_nats",
        "p",
        "p_relation",
    )
    assert expected == [tuple(row[name] for name in names) for row in published]

    note = re.search(r"\*\*Note:\*\* (\w+) and (\w+) returned NaN for both models", seed)
    assert note is not None
    said = {(m, axis) for m in ("yi_9b", "gemma_9b_base") for axis in note.groups()}
    in_tables = {(row["model"], row["axis"]) for row in published}
    nan = {(r["model"], r["axis"]) for r in study.published["calibration"] if r["status"] == "nan"}
    assert nan == said - in_tables
    # The one place where the note and the table contradict each other.
    assert said & in_tables == {("gemma_9b_base", "patient_irritated")}


def test_peaks_are_the_seed(seed_tables: list[SeedTable], study: Study) -> None:
    keys = keys_by_name(study)
    table = seed_tables[6]
    expected: list[tuple[str, ...]] = []
    for name, *cells in table.rows:
        for heading, cell in zip(table.header[1:], cells, strict=True):
            parts = re.fullmatch(r"L(\d\d) ([−+]\d\.\d\d)(\*?)", cell)
            assert parts is not None, cell
            layer, rho, star = parts.groups()
            starred = "true" if star else "false"
            expected.append((keys[name], AXES[heading], str(int(layer)), plain(rho), starred))
    assert expected == columns(study, "peaks", "model", "axis", "layer", "rho", "starred")


# --- on its own -------------------------------------------------------------------------


def test_rows_name_models_and_axes_of_the_study(study: Study) -> None:
    models, axes = {m.key for m in study.models}, {a.key for a in study.axes}
    for table in study.published.values():
        for row in table:
            assert row.get("model", "qwen_7b") in models
            assert row.get("axis", "warm_cold") in axes
            assert row["source"]
    assert {table: len(rows) for table, rows in study.published.items()} == {
        "generation": 7,
        "layers": 7,
        "behaviour": 9,
        "behaviour_patterns": 5,
        "dead_zones": 6,
        "calibration": 14,
        "peaks": 42,
        "constant_axes": 1,
        "integrity_models": 6,
        "integrity_axes": 3,
    }


def test_no_row_stands_twice(study: Study) -> None:
    for table in study.published.values():
        places = [(row.get("model"), row.get("axis")) for row in table]
        assert len(set(places)) == len(places)


def test_the_base_model_has_a_calibration_and_nothing_else(study: Study) -> None:
    assert [m.key for m in study.models if not m.in_baseline] == ["gemma_9b_base"]
    for name, table in study.published.items():
        if name != "calibration":
            assert "gemma_9b_base" not in {row.get("model") for row in table}


def test_differences_agree_with_the_poles_within_rounding(study: Study) -> None:
    inexact: set[tuple[str, str]] = set()
    for row in study.published["calibration"]:
        if row["status"] == "nan":
            numbers = ("entropy_positive_nats", "entropy_negative_nats", "delta_nats")
            assert not any(row[name] for name in (*numbers, "p", "p_relation"))
            continue
        # In thousandths of a nat the printed numbers are whole, each off by at most a half.
        positive, negative, delta = (
            round(1000 * float(row[name]))
            for name in ("entropy_positive_nats", "entropy_negative_nats", "delta_nats")
        )
        assert abs(positive - negative - delta) <= 1
        if positive - negative != delta:
            inexact.add((row["model"], row["axis"]))
    assert inexact == {  # the study rounded after subtracting: 0.535 − 0.380 is printed as 0.156
        ("gemma_9b_base", "formal_casual"),
        ("gemma_9b_base", "warm_cold"),
        ("gemma_9b_base", "empathetic_analytical"),
    }


def test_the_two_tables_of_mean_entropy_agree(study: Study) -> None:
    means = dict(columns(study, "generation", "model", "entropy_mean_nats"))
    for model, mean in columns(study, "dead_zones", "model", "entropy_mean_nats"):
        assert mean == means[model]


def test_peaks_lie_inside_their_model(study: Study) -> None:
    layers = {model: int(n) for model, n in columns(study, "layers", "model", "n_layers")}
    for model, layer, rho in columns(study, "peaks", "model", "layer", "rho"):
        assert 0 <= int(layer) < layers[model]
        assert abs(float(rho)) < 1


def test_the_star_means_an_uncorrected_p_below_five_percent(study: Study) -> None:
    for row in study.published["peaks"]:
        rho, df = float(row["rho"]), 28
        p = 2 * stats.t.sf(abs(rho) * (df / (1 - rho**2)) ** 0.5, df)
        assert (row["starred"] == "true") == (p < 0.05)


def test_names_for_figures_are_short(study: Study) -> None:
    ladder = load_study(DATA / "smollm2")
    for model in (*study.models, *ladder.models):
        assert 0 < len(model.short) <= 10


def test_the_ladder_names_the_captures_that_are_shipped() -> None:
    ladder = load_study(DATA / "smollm2")
    assert [m.level for m in ladder.models] == [0.3, 0.5, 0.7, 1.0, 1.3, 1.6]
    for model in ladder.models:
        assert model.key.endswith(f"t{round(10 * (model.level or 0)):02d}")
        assert (ladder.raw_folder / f"{model.key}_baseline.json").is_file()
    assert [a.key for a in ladder.axes] == [
        a.key for a in load_study(DATA / "entropy-2026-02").axes
    ]
