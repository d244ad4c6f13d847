"""Two models of whose probability the stored candidates leave a part out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from report.audit.finished import load_finished
from report.audit.verify import verify
from report.audit.verify.numbers import recomputed
from report.capture.extract import extract
from report.document.outputs import values_of
from report.document.parts import Stat
from report.experiments import behaviour, generation, integrity
from report.experiments.base import StudyData
from report.experiments.behaviour import entries as of_behaviour
from report.experiments.generation import bounded
from report.ledger.ledger import settle
from report.pipeline import Options, build
from report.study.study import load_study
from report.synthetic.simulate import simulate
from stats.outcome import Reason

K, VOCABULARY = 20, 5000
MASS = {"sim_01": 0.74, "sim_02": 0.97}
# Decay of the stored candidates, and number of equally probable ones that are not stored.
SHAPE = {"sim_01": (0.1, 3180), "sim_02": (0.12, 60)}
TRUTH = 1.815


def row(model: str, decay: float) -> tuple[np.ndarray, float]:
    """Return the stored probabilities of one token and the entropy of its whole distribution."""
    stored = np.exp(-decay * np.arange(K))
    stored *= MASS[model] / stored.sum()
    rest, others = 1.0 - MASS[model], SHAPE[model][1]
    whole = -(stored * np.log(stored)).sum() - rest * np.log(rest / others)
    return stored, float(whole)


def make(folder: Path, *, in_order: bool, spread: float = 0.1) -> dict[str, float]:
    """Make a study of two models with top-20 scores before any filter; return the true means."""
    simulate(folder, models=2, questions=12, layers=3, hidden=16, seed=4)
    text = (folder / "study.toml").read_text(encoding="utf-8")
    text = re.sub(r"vocabulary = \d+\n", "", text)
    text = re.sub(r'(\[\[models\]\]\nkey = "[^"]+"\n)', rf"\1vocabulary = {VOCABULARY}\n", text)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    truth = {}
    for model in MASS:
        path = folder / "raw" / f"{model}_baseline_hidden_states.npz"
        with np.load(path) as stored:
            held = dict(stored)
        answers = json.loads((folder / "raw" / f"{model}_baseline.json").read_text())
        counts = token_counts(answers, len(held["top_k_logprobs"]))
        scores, means = [], []
        for question, n in enumerate(counts):
            p, whole = row(model, SHAPE[model][0] * (1 + spread * np.sin(question)))
            scores += [np.log(p)] * n
            means.append(whole)
        # Out of order they are not known to be the most probable ones.
        held["top_k_logprobs"] = np.array(scores, dtype=np.float32)[:, :: 1 if in_order else -1]
        held["top_k_ids"] = held["top_k_ids"][:, :K]
        np.savez(path, **held)
        truth[model] = float(np.mean(means))
    return truth


@pytest.fixture(scope="module")
def unfiltered(tmp_path_factory):
    """A study whose candidates are out of order, and the true mean entropies."""
    folder = tmp_path_factory.mktemp("studies") / "unfiltered"
    return folder, make(folder, in_order=False)


def token_counts(document, total: int) -> list[int]:
    """Find the answers' numbers of tokens in a baseline JSON."""
    found = [int(n) for n in re.findall(r'"n_tokens": (\d+)', json.dumps(document))]
    assert sum(found) == total
    return found


@pytest.fixture(scope="module")
def results(unfiltered):
    study = load_study(unfiltered[0])
    data = StudyData(study, extract(study))
    analysis = generation.analyse(data)
    ledger = settle(analysis.entries, analysis.families)
    return data, ledger, generation.present([data], ledger, {study.id: analysis.arrays})


def test_the_set_holds_the_truth(results, unfiltered):
    _, ledger, _ = results
    truth = unfiltered[1]
    assert truth["sim_01"] - truth["sim_02"] == pytest.approx(TRUTH, abs=0.01)
    for model, whole in truth.items():
        name = model.replace("_", "-")
        low, high = (ledger[f"generation.entropy-{end}.{name}"] for end in ("low", "high"))
        assert low.value < whole < high.value
        assert low.estimate.interval.low < low.value
        assert high.value < low.estimate.interval.high
    low, high = (
        ledger[f"generation.difference-{end}.sim-01.sim-02"].value for end in ("low", "high")
    )
    assert low < truth["sim_01"] - truth["sim_02"] < high


def test_stored_entropies_are_named_and_never_the_models(results):
    _, ledger, _ = results
    for name in ("sim-01", "sim-02"):
        assert ledger[f"generation.mean.{name}"].reason is Reason.NOT_IDENTIFIED
        assert "stored candidates" in ledger[f"generation.top-k-mean.{name}"].label
    values = values_of(ledger)
    assert values["generation.mean.sim-01"]["value"] == "not identified"
    assert values["generation.mean.sim-01"].keys().isdisjoint({"ci", "p"})
    assert {"generation.entropy-low.sim-01", "generation.entropy-high.sim-01"} <= values.keys()
    low, high = (ledger[f"generation.entropy-{end}.sim-01"].value for end in ("low", "high"))
    assert values["generation.top-k-mean.sim-01"]["set"] == f"[{low:.3f}, {high:.3f}]"
    assert "whole distribution" in values["generation.top-k-mean.sim-01"]["apa"]


def test_the_sign_is_claimed_only_where_the_bounds_fix_it(results):
    _, ledger, _ = results
    entry = ledger["generation.difference.sim-01.sim-02"]
    low = ledger["generation.difference-low.sim-01.sim-02"].value
    if low > 0.0:
        assert 0.0 < entry.value <= low * 1.5
        assert "smallest" in entry.label
    else:
        assert entry.reason is Reason.NOT_IDENTIFIED
        assert entry.p is None
        assert entry.rejected is None


def test_the_most_probable_candidates_fix_the_sign(tmp_path):
    """The lower bound is sharp then: a set that held 0 does not any more."""
    truth = make(tmp_path / "study", in_order=True)
    study = load_study(tmp_path / "study")
    analysis = generation.analyse(StudyData(study, extract(study)))
    ledger = settle(analysis.entries, analysis.families)
    low, high = (ledger[f"generation.difference-{end}.sim-01.sim-02"] for end in ("low", "high"))
    assert 0.0 < low.value < truth["sim_01"] - truth["sim_02"] < high.value
    found = ledger["generation.difference.sim-01.sim-02"]
    assert low.value <= found.value < truth["sim_01"] - truth["sim_02"]
    assert found.rejected


@pytest.mark.usefixtures("numbers_only")
def test_no_sentence_table_or_value_of_the_document_claims_the_difference(unfiltered, tmp_path):
    options = Options(formats=(), renderer="embedded", quick=True)
    folder = build([unfiltered[0]], tmp_path, options, lambda _: None).folder
    ledger = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    entries = {e["id"]: e for e in ledger["entries"]}
    stored = [entries[f"generation.top-k-mean.{m}"]["estimate"] for m in ("sim-01", "sim-02")]
    claimed = f"{stored[0] - stored[1]:.3f}"
    texts = [folder / "report.qmd", folder / "values.json"]
    for path in (*texts, *folder.glob("tables/*.csv")):
        assert claimed not in path.read_text(encoding="utf-8"), path
    page = (folder / "report.qmd").read_text(encoding="utf-8")
    assert "nothing is claimed" in page
    assert "top-k entropy" in page
    assert "not supported" not in page
    assert entries["generation.difference.sim-01.sim-02"]["reason"] == "not_identified"
    assert not verify(folder).disagreements


def test_a_set_without_an_upper_end_says_why(unfiltered):
    study = load_study(unfiltered[0])
    models = tuple(m.model_copy(update={"vocabulary": None}) for m in study.models)
    data = StudyData(study, extract(study.model_copy(update={"models": models})))
    analysis = generation.analyse(data)
    ledger = settle(analysis.entries, analysis.families)
    shown = generation.present([data], ledger, {study.id: analysis.arrays})
    for name in ("generation.entropy-{}.sim-01", "generation.difference-{}.sim-01.sim-02"):
        low, high = (ledger[name.format(end)] for end in ("low", "high"))
        assert high.reason is Reason.UNKNOWN_VOCABULARY
        assert low.estimate.no_interval in (Reason.UNKNOWN_VOCABULARY, None)
    cells = [cell for table in shown.tables for row in table.rows for cell in row]
    assert Reason.UNKNOWN_VOCABULARY in cells
    assert Reason.UNBOUNDED not in cells


@pytest.mark.parametrize(("allowed", "stands"), [(0.1, False), (0.999, True)])
def test_a_correlation_stands_only_where_enough_of_the_order_is_known(tmp_path, allowed, stands):
    make(tmp_path / "study", in_order=True, spread=0.99)
    study = load_study(tmp_path / "study")
    study = study.model_copy(
        update={"plan": study.plan.model_copy(update={"open_order": allowed, "n_resamples": 199})}
    )
    data = StudyData(study, extract(study))
    analyses = [module.analyse(data) for module in (generation, behaviour, integrity)]
    ledger = settle(
        [e for a in analyses for e in a.entries], [f for a in analyses for f in a.families]
    )
    assert ledger["behaviour.dead-zones.synthetic"].estimate.n == 0  # no mean is identified
    share = ledger["generation.order-open.sim-02"]
    assert 0.2 < share.value < 0.999
    entries = [
        e
        for e in ledger
        if e.quantity in ("axis", "partial", "kendall", "axis-wrong") and e.model == "sim_02"
    ]
    open_ = [e for e in entries if e.reason is Reason.NOT_IDENTIFIED]
    assert bool(open_) != stands
    if not stands:
        assert len(open_) == len(entries)
        return
    tested = next(e for e in entries if e.p is not None)
    values = values_of(ledger)[tested.id]
    assert values["open"] in values["apa"]
    (table,) = [
        t
        for t in behaviour.present([data], ledger, {study.id: analyses[1].arrays}).tables
        if any(column.header == "Open" for column in t.columns)
    ]
    assert any(Stat(share.id, "value") in row for row in table.rows)


def test_a_model_of_open_order_takes_no_part_in_max_t(unfiltered):
    study = load_study(unfiltered[0])
    data = StudyData(study, extract(study))
    one, other = data.features.baselines.values()
    one = replace(
        one,
        entropy_low=one.entropy,
        entropy_high=one.entropy,
        stored_mass=np.ones(one.entropy.size),
    )
    samples = [
        of_behaviour.sample_of(data, m, b) for m, b in zip(study.models, (one, other), strict=True)
    ]
    alone, both = (list(of_behaviour.tested(data, some, "f")) for some in (samples[:1], samples))
    assert any(e.p_adjusted for e in alone)
    assert [e.p_adjusted for e in both[: len(alone)]] == [e.p_adjusted for e in alone]
    assert all(e.reason is Reason.NOT_IDENTIFIED for e in both[len(alone) :])


@pytest.mark.usefixtures("numbers_only")
def test_verify_notices_swapped_bounds_of_a_difference(unfiltered, tmp_path, monkeypatch):
    def swapped(first, second):
        return first[0] - second[0], first[1] - second[1]

    monkeypatch.setattr(bounded, "differences", swapped)
    options = Options(formats=(), renderer="embedded", quick=True)
    folder = build([unfiltered[0]], tmp_path, options, lambda _: None).folder
    found = {one.place for one in recomputed(load_finished(folder)).disagreements}
    assert {f"generation.difference-{end}.sim-01.sim-02" for end in ("low", "high")} <= found
