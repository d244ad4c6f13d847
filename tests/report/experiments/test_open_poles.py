"""Poles whose stored candidates leave different shares of the probability out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from report.audit.finished import Finished, Plan
from report.audit.verify import verify
from report.audit.verify.numbers import recomputed
from report.capture.extract import extract
from report.capture.feature_files import write_features
from report.capture.features import POLES, Calibration
from report.document.outputs import values_of
from report.experiments import calibration
from report.experiments.base import StudyData
from report.experiments.calibration import contrasts
from report.experiments.calibration.contrasts import contrast
from report.experiments.claims.checks import AnyCheck
from report.experiments.claims.evidence import Evidence
from report.experiments.identified import HIGHEST, LOWEST
from report.ledger.ledger import settle
from report.pipeline import Options, build
from report.study.study import load_study
from report.synthetic.simulate import simulate
from stats.comparison import hodges_lehmann_paired, hodges_lehmann_shift
from stats.entropy import token_entropy
from stats.outcome import Reason

K = 20
# Mass of the stored candidates, their decay, and how many equally probable ones are not stored.
SHAPE = {"positive": (0.74, 0.16, 200), "negative": (0.97, 0.12, 300)}
STORED, TRUTH = -0.13, 0.91  # the difference of the stored candidates, and the true one


def row(pole: str, tilt: float) -> tuple[np.ndarray, float, float]:
    """Return stored probabilities, their entropy, and that of the whole distribution."""
    mass, decay, others = SHAPE[pole]
    stored = np.exp(-decay * (1.0 + tilt) * np.arange(K))
    stored *= mass / stored.sum()
    own = -(stored * np.log(stored)).sum()
    return stored, own / mass + np.log(mass), own - (1 - mass) * np.log((1 - mass) / others)


def make(folder: Path, *, in_order: bool = True, models: int = 1) -> dict[str, tuple[float, float]]:
    """Write a study; return stored and true difference of the poles' means by axis."""
    simulate(folder, models=models, questions=8, layers=3, hidden=8, seed=4)
    rng = np.random.default_rng(8)
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for listed in sorted((folder / "raw").glob("*_calibration_responses.jsonl")):
        lines = [json.loads(line) for line in listed.read_text("utf-8").splitlines()]
        scores = []
        for line in lines:
            stored, top, whole = row(line["pole"], 0.1 * rng.uniform(-1.0, 1.0))
            scores.append(np.tile(np.log(stored)[:: 1 if in_order else -1], (line["n_tokens"], 1)))
            found.setdefault(line["axis"], {}).setdefault(line["pole"], []).append((top, whole))
        path = listed.with_name(listed.name.replace("_responses.jsonl", "_hidden_states.npz"))
        np.savez(path, top_k_logprobs=np.concatenate(scores).astype(np.float32))
    return {
        axis: tuple(np.mean(of["positive"], axis=0) - np.mean(of["negative"], axis=0))
        for axis, of in found.items()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study whose candidates are out of order: they are not known to be the most probable."""
    folder = tmp_path_factory.mktemp("studies") / "poles"
    return folder, make(folder, in_order=False)


def ledger_of(folder):
    study = load_study(folder)
    analysis = calibration.analyse(StudyData(study, extract(study)))
    return study, settle(analysis.entries, analysis.families)


def test_an_open_sign_is_not_identified_and_never_the_wrong_one(made):
    folder, differences = made
    study, ledger = ledger_of(folder)
    values = values_of(ledger)
    deltas = [e for e in ledger if e.quantity == "delta" and str(e.axis) in differences]
    assert len(deltas) == len(differences) > 5
    for entry in deltas:
        stored, true = differences[str(entry.axis)]
        assert stored == pytest.approx(STORED, abs=0.03)
        assert true == pytest.approx(TRUTH, abs=0.05)
        positive, negative = (
            ledger[entry.id.replace(".delta.", f".top-k-{pole}.")].value for pole in POLES
        )
        assert positive - negative == pytest.approx(stored, abs=1e-4)
        assert entry.reason is Reason.NOT_IDENTIFIED
        assert entry.p is None
        assert entry.rejected is None
        low, high = ledger.set_of(entry)
        assert low.value < true < high.value
        assert low.estimate.interval.low < low.value < high.value < high.estimate.interval.high
        assert values[entry.id]["value"] == "not identified"
        assert values[entry.id]["set"] in values[entry.id]["apa"]
        for quantity in (*POLES, "mean-difference", "rank-biserial"):
            missing = ledger[entry.id.replace(".delta.", f".{quantity}.")]
            assert missing.reason is Reason.NOT_IDENTIFIED
    assert study.plan.open_order == 0.1


def test_the_most_probable_candidates_fix_the_sign_and_it_is_the_right_one(tmp_path):
    differences = make(tmp_path / "study")
    _, ledger = ledger_of(tmp_path / "study")
    for axis, (_, true) in differences.items():
        (entry,) = ledger.select(quantity="delta", axis=axis)
        low, high = ledger.set_of(entry)
        assert low.value < true < high.value
        assert low.value > 0.0
        assert 0.0 < entry.value < true
        assert entry.label.endswith("(the smallest that the bounds allow)")
        assert entry.rejected
    values = values_of(ledger)
    assert "smallest that the bounds allow" in values[entry.id]["apa"]


@pytest.fixture(scope="module")
def in_order(tmp_path_factory):
    """The same study in order: the bounds fix all signs."""
    folder = tmp_path_factory.mktemp("studies") / "closed"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def ledgers(made, in_order):
    return ledger_of(made[0]), ledger_of(in_order)


@pytest.mark.parametrize(
    ("claim", "open_", "closed"),
    [
        ({"kind": "sign", "sign": "positive"}, "not testable", "supported"),
        ({"kind": "sign", "sign": "negative"}, "not testable", "contradicted"),
        ({"kind": "significant", "sign": "negative"}, "not testable", "contradicted"),
        ({"kind": "between", "low": 0.8, "high": 1.0}, "not testable", "not testable"),
        ({"kind": "absent", "margin": 0.6}, "not testable", "contradicted"),
        ({"kind": "count", "condition": "above", "limit": 0.8, "at_least": 7}, "", "not testable"),
    ],
)
def test_a_claim_is_judged_by_what_the_bounds_fix(ledgers, claim, open_, closed):
    """All of the first kind were contradicted when the stored candidates stood for the whole."""
    given = claim | {"entries": ["calibration.delta.sim-01.*"]}
    check = TypeAdapter(AnyCheck).validate_python(given)
    for (study, ledger), wanted in zip(ledgers, (open_, closed), strict=True):
        found = check.judge(Evidence(study, ledger)).finding
        assert not wanted or found == wanted


OPTIONS = Options(formats=(), renderer="embedded", quick=True)


@pytest.mark.usefixtures("numbers_only")
def test_the_document_claims_no_open_sign_and_verify_agrees(made, tmp_path):
    folder = build([made[0]], tmp_path, OPTIONS, lambda _: None).folder
    assert not verify(folder).disagreements
    page = (folder / "report.qmd").read_text(encoding="utf-8")
    assert "What the captures leave open" in page
    assert "leave the sign of all seven differences open" in page
    section = page[page.index("# Entropy by pole") :]
    assert "Entropy is higher" not in section[: section.index("![")]
    stored = json.loads((folder / "values.json").read_text(encoding="utf-8"))
    assert stored["calibration.delta.sim-01.warm-cold"]["value"] == "not identified"


def _swapped(first, second):
    return first[0] - second[0], first[1] - second[1]


def disagreements(folder, build_folder):
    """Hold what the section computes now against the features, as verify does with a build."""
    study, ledger = ledger_of(folder)
    write_features(extract(study), build_folder / "data" / study.id / "features")
    made = Plan(
        study.id,
        study.plan.seed,
        study.plan.alpha,
        study.plan.ci_level,
        study.plan.n_resamples,
        tuple(axis.key for axis in study.axes),
        tuple(model.key for model in study.models),
        study.plan.open_order,
    )
    plans = {cohort.key: made for cohort in study.cohorts}
    return recomputed(Finished(build_folder, ledger, None, plans)).disagreements


def test_nothing_disagrees_where_nothing_is_broken(made, in_order, tmp_path):
    assert disagreements(made[0], tmp_path / "open") == []
    assert disagreements(in_order, tmp_path / "closed") == []


def test_verify_leaves_out_answers_without_a_partner_too(tmp_path):
    """One question differs under the negative pole: the others are still matched."""
    make(tmp_path / "study")
    (path,) = (tmp_path / "study" / "raw").glob("*_calibration_responses.jsonl")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    first = next(line for line in lines if line["pole"] == "negative")
    first["question"] = "Another one?"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert disagreements(tmp_path / "study", tmp_path / "build") == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            [
                (contrasts, "differences", _swapped),
                (contrasts.Contrast, "censored", property(lambda _: False)),
                (contrasts.Contrast, "nearest", property(lambda _: LOWEST)),
            ],
            ["delta-low", "delta-high", "tokens", "delta", "rank-biserial"],
        ),
        ([(contrasts, "is_complete", lambda *_: True)], ["delta", "positive", "mean-difference"]),
    ],
    ids=["wrong bounds and values", "missing mass ignored"],
)
def test_verify_notices_a_wrong_bound_and_a_value_that_should_not_be(
    made, tmp_path, monkeypatch, broken, said
):
    for change in broken:
        monkeypatch.setattr(*change)
    found = {one.place for one in disagreements(made[0], tmp_path)}
    assert {f"calibration.{quantity}.sim-01.warm-cold" for quantity in said} <= found


def test_verify_notices_that_other_columns_are_compared(in_order, tmp_path, monkeypatch):
    monkeypatch.setattr(contrasts, "columns_of", lambda _: HIGHEST)
    found = disagreements(in_order, tmp_path)
    said = [one.problem for one in found if one.place == "calibration.delta.sim-01.warm-cold"]
    assert any("what may be compared is" in problem for problem in said)


def cut(rng: np.random.Generator, *, paired: bool) -> tuple[Calibration, list[np.ndarray]]:
    """Draw distributions of both poles and cut them at some k; return the true entropies, too."""
    n, tokens, vocabulary = int(rng.integers(5, 9)), 3, 120
    rows, truth, texts, poles = [], [], [], []
    for pole in POLES:
        logits = rng.normal(size=(n * tokens, vocabulary)) * rng.uniform(1.0, 4.0)
        head, tail = np.exp(logits), rng.uniform(0.0, 0.5)
        scores = np.log((1.0 - tail) * head / head.sum(axis=1, keepdims=True) + tail / vocabulary)
        rows.append(-np.sort(-scores, axis=1))
        truth.append(-(np.exp(scores) * scores).sum(axis=1).reshape(n, tokens).mean(axis=1))
        texts += [f"{i} {'' if paired else pole}" for i in range(n)]
        poles += [pole] * n
    k = int(rng.integers(1, 60))
    found = token_entropy(
        np.concatenate(rows)[:, :k],
        vocabulary if rng.random() < 0.8 else None,
        most_probable=bool(rng.random() < 0.5),
    )
    low, high, mass, top_k = (
        values.reshape(2 * n, tokens).mean(axis=1)
        for values in (found.low, found.high, found.mass, found.top_k)
    )
    lengths = np.full(2 * n, tokens)
    captured = Calibration(
        "m",
        ("a",) * 2 * n,
        tuple(poles),
        tuple(texts),
        lengths,
        lengths,
        top_k,
        "counts",
        entropy_low=low,
        entropy_high=high,
        stored_mass=mass,
    )
    return captured, truth


def test_no_sign_is_claimed_that_the_truth_contradicts():
    """500 random pairs of poles, cut at k: the stored candidates would be wrong in many."""
    rng = np.random.default_rng(25)
    claimed = open_ = wrong = 0
    for i in range(500):
        paired = i % 3 > 0
        captured, (positive, negative) = cut(rng, paired=paired)
        found = contrast(captured, "a")
        assert found.paired == paired
        shift = hodges_lehmann_paired if paired else hodges_lehmann_shift
        true = positive.mean() - negative.mean()
        wrong += shift(*found.entropy.values).value * true < 0.0
        if (columns := found.nearest) is None:
            open_ += 1
            continue
        claimed += 1
        value = shift(*found.of(columns)).value
        assert value * true > 0.0
        assert value * shift(positive, negative).value > 0.0
        assert abs(value) <= abs(shift(positive, negative).value) + 1e-9
    assert min(claimed, open_) > 100
    assert wrong > 20
