import contextlib
import io
import json
import math
import runpy
import subprocess
import sys

import pytest

from report.audit.explain import explanation, find, snippet, to_text
from report.audit.finished import load_finished
from report.audit.recompute import COMPARED, recipe
from report.cli import main
from report.study.errors import UsageError


def one_of_each_method(ledger):
    seen = {}
    for entry in ledger:
        if entry.value is not None:
            interval, test = entry.estimate.interval, entry.outcome
            how = (entry.method, test and test.method, interval and interval.method)
            seen.setdefault(how, entry)
    return list(seen.values())


def printed_by(code, path):
    path.write_text(code, encoding="utf-8")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(str(path), run_name="__main__")
    return dict(line.split(" = ", 1) for line in out.getvalue().splitlines() if " = " in line)


def test_the_snippet_of_every_method_gives_the_ledgers_numbers(finished, monkeypatch, tmp_path):
    build = load_finished(finished)
    monkeypatch.chdir(finished)
    entries = one_of_each_method(build.ledger)
    assert len(entries) > 50
    for entry in entries:
        steps = recipe(entry, build)
        assert steps is not None, entry.id
        got, row = printed_by(snippet(steps), tmp_path / "snippet.py"), entry.row()
        compared = [name for name in COMPARED if name in got and row[name] is not None]
        assert "estimate" in compared, entry.id
        assert "p" in compared or row["p"] is None, entry.id
        assert "ci_low" in compared or row["ci_low"] is None, entry.id
        for name in compared:
            assert math.isclose(float(got[name]), row[name], **steps.tolerance), (entry.id, name)


def test_a_snippet_runs_alone_without_this_program(finished):
    build = load_finished(finished)
    code = explanation(build, build.ledger["dimension.rho.seven-models.published"])["snippet"]
    assert "report" not in [
        word.split(".")[0]
        for line in code.splitlines()
        if line.startswith(("import", "from"))
        for word in line.split()
    ]
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=finished, capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert "estimate = 0.3714285714" in done.stdout
    assert "p = 0.4972222222" in done.stdout


def test_an_explanation_shows_data_and_what_lies_between(finished):
    build = load_finished(finished)
    told = explanation(build, build.ledger["dimension.rho.seven-models.published"])
    assert told["recomputed"]["n"] == 6
    assert told["intermediate"]["sum of squared rank differences"] == 22
    assert told["intermediate"]["orders"] == 720
    assert [len(values) for values in told["data"].values()] == [7, 7]
    text = to_text(told)
    assert "ρ = .37" in text
    assert "ranks of x" in text


def test_what_is_missing_is_explained_by_its_reason(finished):
    build = load_finished(finished)
    entry = next(e for e in build.ledger if e.value is None)
    told = explanation(build, entry)
    assert told["snippet"] is None
    assert told["sentence"] == entry.reason.sentence
    assert entry.reason.sentence in to_text(told)


def test_an_anchor_is_as_good_as_an_id(finished):
    build = load_finished(finished)
    entry = build.ledger["dimension.rho.seven-models.published"]
    assert find(build, f"#{entry.anchor}") is entry


def test_an_unknown_id_names_its_neighbours(finished):
    with pytest.raises(UsageError, match=r"dimension\.rho\.seven-models\.published"):
        find(load_finished(finished), "dimension.rho.seven-models")


def test_the_command_prints_text_or_json(finished, capsys):
    name = "dimension.rho.seven-models.published"
    assert main(["explain", name, "--build", str(finished)]) == 0
    assert "found |= exact_permutation(case, found)" in capsys.readouterr().out
    assert main(["explain", name, "--build", str(finished), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entry"]["id"] == name
    assert main(["explain", "nothing", "--build", str(finished)]) == 2
