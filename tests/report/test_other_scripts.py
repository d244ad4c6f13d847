"""A name in a script that the PDF's fonts lack costs the PDF, and nothing else."""

from __future__ import annotations

import json

import pytest

from report.cli import main
from report.synthetic.simulate import simulate


@pytest.mark.filterwarnings("ignore:Glyph")  # figures fall back on boxes
def test_a_name_that_the_pdf_can_not_show_is_named_and_the_page_is_kept(
    tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "study"
    simulate(folder, models=2, questions=12, layers=3, hidden=8, seed=4)
    for path in folder.glob("raw/*calibration*"):
        path.unlink()
    settings = folder / "study.toml"
    text = settings.read_text("utf-8")
    first = next(line for line in text.splitlines() if line.startswith("name = "))
    settings.write_text(text.replace(first, 'name = "通义千问"', 1), "utf-8")
    command = ["build", str(folder), "--quick", "--no-cache", "--renderer", "embedded"]
    code = main([*command, "--out", str(tmp_path / "out")])
    printed = capsys.readouterr()
    assert code == 1
    assert "no PDF" in printed.err
    assert 'study.toml: models.0.name = "通义千问"' in printed.err
    (build,) = [path for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")]
    assert not build.name.endswith(".failed")
    assert "通义千问" in (build / "report.html").read_text("utf-8")
    assert not (build / "report.pdf").exists()
    assert "report.html" in printed.out
    assert "report.pdf" not in printed.out
    manifest = json.loads((build / "manifest.json").read_text("utf-8"))
    assert '"pdf"' not in json.dumps(manifest)
    assert main(["verify", str(build)]) == 0, capsys.readouterr().out
