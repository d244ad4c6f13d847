import json
import zipfile
from pathlib import Path

from report.audit.bundle import bundle
from report.audit.verify import Check, prose, verify
from report.cli import main


def unpacked(finished, folder):
    path = bundle(finished, folder / "supplement.zip")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "elsewhere")
    return folder / "elsewhere" / finished.name


def test_an_unpacked_bundle_verifies_without_the_captures(finished, tmp_path, monkeypatch):
    """Its document is that of the build to the last byte, which `test_verify` reads back."""
    place = unpacked(finished, tmp_path)
    for path in place.rglob("*"):
        if path.is_file() and path.name != "README.md":
            assert path.read_bytes() == (finished / path.relative_to(place)).read_bytes()
    read: list[Path] = []
    monkeypatch.setattr(prose, "printed", lambda b: read.append(b.folder) or Check("not read here"))
    result = verify(place)
    assert read == [place]
    assert result.disagreements == []
    assert any("not re-read" in note for note in result.checks[0].notes)
    assert "verify ." in (place / "README.md").read_text(encoding="utf-8")


def test_the_bundle_holds_what_the_manifest_lists_and_no_captures(finished, tmp_path):
    place = unpacked(finished, tmp_path)
    listed = json.loads((place / "manifest.json").read_text(encoding="utf-8"))["outputs"]
    there = {p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file()}
    assert there == {*listed, "manifest.json", "README.md"}
    assert not any(name.endswith((".npz", ".jsonl")) for name in there)
    assert {"report.html", "report.typ", "ledger.json"} <= there


def test_the_same_build_gives_the_same_bytes(finished, tmp_path):
    one, other = bundle(finished, tmp_path / "one.zip"), bundle(finished, tmp_path / "other.zip")
    assert one.read_bytes() == other.read_bytes()


def test_the_command_prints_the_archive(finished, tmp_path, capsys):
    assert main(["bundle", str(finished), "--out", str(tmp_path / "b.zip")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "b.zip")
    assert main(["bundle", str(tmp_path)]) == 3
