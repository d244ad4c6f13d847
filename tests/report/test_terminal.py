"""Text from data reaches the terminal as text: no escape sequence, no markup."""

import json
import re
import shutil

import pytest

from report.cli import main

# Blue letters, a new title of the window, a line that overwrites itself, and markup of rich.
ODD = "\x1b[34mblue\x1b]0;title\x07\rgone\x9b2J[/red]"
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def is_plain(text):
    assert "blue" in text
    assert not CONTROLS.search(text)


@pytest.fixture
def study(tmp_path, write_study, shipped_fields):
    """Odd in every text of study.toml, claims.toml and the results that it quotes."""
    fields = shipped_fields() | {"title": ODD, "summary": ODD}
    for model in fields["models"]:
        model["name"] = f"{model['key']} {ODD}"
    folder = write_study(tmp_path / "study", fields)
    claim = {"id": f"a-{ODD}", "sentence": ODD, "where": ODD, "checks": [ODD]}
    (folder / "claims.toml").write_text(
        "[[claims]]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in claim.items()), "utf-8"
    )
    (folder / "published").mkdir()
    (folder / "published" / "generation.csv").write_text(f'model,"{ODD}"\n{ODD},1\n', "utf-8")
    return folder


@pytest.mark.parametrize("command", ["check", "claims"])
def test_a_study(command, study, capsys):
    extra = ["--quick", "--no-cache"] if command == "claims" else []
    assert main([command, str(study), *extra]) == 1
    said = capsys.readouterr()
    is_plain(said.out + said.err)


@pytest.mark.parametrize("command", ["verify", "explain", "diff"])
def test_a_build_of_a_stranger(command, small_build, tmp_path, capsys):
    old = shutil.copytree(small_build, tmp_path / "old")
    document = json.loads((small_build / "ledger.json").read_text("utf-8"))
    first = document["entries"][0]
    first["label"] = first["method"] = ODD
    (small_build / "ledger.json").write_text(json.dumps(document), "utf-8")
    manifest = json.loads((small_build / "manifest.json").read_text("utf-8"))
    manifest["outputs"][f"tables/{ODD.replace('/', '')}.csv"] = "0" * 64
    (small_build / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    (small_build / "report.qmd").write_text(ODD, "utf-8")
    arguments = {
        "verify": [str(small_build)],
        "explain": [first["id"], "--build", str(small_build)],
        "diff": [str(old), str(small_build)],
    }[command]
    main([command, *arguments])
    said = capsys.readouterr()
    is_plain(said.out + said.err)


def test_the_step_at_hand(monkeypatch, capsys):
    """On a terminal: what rich itself writes there is taken away first."""
    import rich.console

    from report.cli.terminal import steps

    monkeypatch.setattr(rich.console.Console, "is_terminal", True)
    with steps() as progress:
        progress(f"extract {ODD}")
    is_plain(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", capsys.readouterr().err))
