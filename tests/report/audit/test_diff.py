"""What changed between two builds, all of it and nothing else."""

import json
import shutil

import pytest

from report.audit.diff import against_last, compare
from report.audit.diff.show import as_page
from report.audit.finished import load_finished
from report.cli import main
from report.document import figures
from report.document.place import last_of
from report.pipeline import Options, build

OPTIONS = Options(formats=(), renderer="embedded", quick=True)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    from report.synthetic.simulate import simulate

    folder = tmp_path_factory.mktemp("studies") / "trial"
    simulate(folder, models=2, questions=12, layers=3, hidden=16, seed=3)
    (folder / "claims.toml").write_text(
        """
        [[claims]]
        id = "warm"
        sentence = "The first model is the less predictable one."
        where = "abstract"
        [[claims.checks]]
        kind = "extreme"
        which = "highest"
        of = ["generation.mean.*"]
        members = ["generation.mean.sim-01"]
        """
    )
    return folder


@pytest.fixture(scope="module")
def pair(study, tmp_path_factory):
    """A build, the build after a projection of the captures changed, and what it said."""
    out = tmp_path_factory.mktemp("builds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "FORMATS", ())  # a difference is one of numbers and words
        first = build([study], out, OPTIONS, lambda _: None)
        old = shutil.copytree(first.folder, out / "old")
        change_a_capture(study)
        return old, build([study], out, OPTIONS, lambda _: None)


def change_a_capture(study):
    path = study / "raw" / "sim_01_baseline.json"
    capture = json.loads(path.read_text())
    axes = capture.get("axes") or capture["baseline"]
    values = axes["warm_cold"]["values"]
    values[3], values[7] = values[7], values[3]
    path.write_text(json.dumps(capture))


@pytest.fixture(scope="module")
def difference(pair):
    return compare(load_finished(pair[0]), load_finished(pair[1].folder))


def test_a_build_differs_in_nothing_from_itself(pair):
    build_ = load_finished(pair[0])
    same = compare(build_, build_)
    assert same.nothing
    assert not same.causes
    assert not same.decided
    assert same.line().startswith("0 of ")


def test_a_changed_capture_value_moves_what_rests_on_it_and_nothing_else(difference):
    assert difference.moved
    axes = {change.id for change in difference.moved}
    assert any("warm-cold" in name for name in axes)
    # No rank moved in another axis, and no entropy.
    assert not any(name.startswith(("generation.mean", "layers.")) for name in axes)
    assert not any("verbose-concise" in name and name.startswith("behaviour.axis") for name in axes)
    assert [(c.kind, c.where) for c in difference.causes] == [
        ("input", "trial/sim_01_baseline.json")
    ]
    assert not difference.appeared
    assert not difference.vanished


def test_every_cell_and_sentence_that_moved_is_named(pair, difference):
    old, new = pair[0], pair[1].folder
    for path in sorted((old / "tables").glob("*.csv")):
        before, after = (
            (folder / "tables" / path.name).read_text().splitlines() for folder in (old, new)
        )
        rows = sum(a != b for a, b in zip(before, after, strict=True))
        told = {c.row for c in difference.cells if c.table == path.stem}
        assert len(told) <= rows
        assert bool(told) == bool(rows), path.name
    for cell in difference.cells:
        assert cell.old != cell.new
    source = (new / "report.qmd").read_text()
    assert difference.sentences or (old / "report.qmd").read_text() == source


def test_the_build_ends_with_one_line_and_keeps_the_last(pair, difference):
    said = pair[1].changes
    assert said == f"against the last build: {difference.line()} (not the same: inputs)"
    kept = last_of(pair[1].folder)
    found = compare(load_finished(kept), load_finished(pair[1].folder), whole=False)
    assert found.line() == difference.line()


def test_the_command_prints_text_json_and_a_page(pair, difference, tmp_path, capsys):
    old, new = str(pair[0]), str(pair[1].folder)
    page = tmp_path / "page.html"
    code = main(["diff", old, new, "--html", str(page)])
    assert code == int(difference.decided)
    assert capsys.readouterr().out.startswith(difference.line())
    assert difference.line() in page.read_text()
    assert main(["diff", new, "--json"]) == code  # against the build before
    said = json.loads(capsys.readouterr().out)
    assert said["summary"] == difference.line()
    assert said["causes"][0]["where"] == "trial/sim_01_baseline.json"


def changed_ledger(source, folder, **fields):
    """Copy a build and change its first decided entry, as a new build would have it."""
    shutil.copytree(source, folder)
    document = json.loads((folder / "ledger.json").read_text())
    row = next(row for row in document["entries"] if row["rejected"] is not None)
    row |= {"rejected": not row["rejected"]} | fields
    (folder / "ledger.json").write_text(json.dumps(document))
    return row["id"]


def test_a_changed_decision_is_exit_code_1(pair, tmp_path, capsys):
    name = changed_ledger(pair[0], tmp_path / "new")
    assert main(["diff", str(pair[0]), str(tmp_path / "new")]) == 1
    said = capsys.readouterr().out
    assert "1 decision" in said.splitlines()[0]
    assert name in said
    assert main(["diff", str(pair[0]), str(pair[0])]) == 0


def test_a_lost_decision_counts_and_a_new_one_does_not(pair, tmp_path):
    shutil.copytree(pair[0], tmp_path / "less")
    path = tmp_path / "less" / "ledger.json"
    document = json.loads(path.read_text())
    gone = next(row for row in document["entries"] if row["rejected"] is not None)
    document["entries"].remove(gone)
    for family in document["families"]:
        family["members"] = [name for name in family["members"] if name != gone["id"]]
    path.write_text(json.dumps(document))
    whole, less = load_finished(pair[0]), load_finished(tmp_path / "less")
    lost = compare(whole, less, whole=False)
    assert list(lost.vanished) == [gone["id"]] == [d.id for d in lost.decisions]
    assert lost.decided
    won = compare(less, whole, whole=False)
    assert list(won.appeared) == [gone["id"]]
    assert not won.decided


def test_a_verdict_that_turned_counts_as_a_decision(pair, tmp_path):
    shutil.copytree(pair[0], tmp_path / "new")
    path = tmp_path / "new" / "claims.json"
    document = json.loads(path.read_text())
    assert document["claims"][0]["id"] == "warm"
    old = document["claims"][0]["verdict"]
    document["claims"][0]["verdict"] = "contradicted" if old != "contradicted" else "supported"
    path.write_text(json.dumps(document))
    found = compare(load_finished(pair[0]), load_finished(tmp_path / "new"), whole=False)
    assert [(v.id, v.old) for v in found.claims] == [("warm", old)]
    assert found.decided
    assert found.line().endswith("no decision, 1 claim")


def test_what_a_page_shows_of_a_stranger_is_text(pair, tmp_path):
    changed_ledger(pair[0], tmp_path / "new", label="<script>alert(1)</script>")
    found = compare(load_finished(pair[0]), load_finished(tmp_path / "new"), whole=False)
    shutil.rmtree(tmp_path / "new")
    assert "<script>" not in as_page(found)


def test_a_last_build_that_is_broken_is_said_and_stops_nothing(pair, tmp_path):
    shutil.copytree(pair[0], tmp_path / "broken")
    (tmp_path / "broken" / "ledger.json").write_text("{")
    assert "can't be compared: ledger.json: not JSON" in against_last(
        tmp_path / "broken", pair[1].folder
    )


def test_a_folder_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["diff", str(tmp_path / "a"), str(tmp_path / "b")]) == 3
    assert "there is no such folder" in capsys.readouterr().err
