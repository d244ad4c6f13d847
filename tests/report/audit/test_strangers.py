"""A build from a stranger: nothing in it runs, and no path of it leaves its folder."""

import ast
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from report.audit.explain import explanation
from report.audit.finished import inside, load_finished
from report.audit.verify import verify
from report.cli import main
from report.study.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
ENTRY = "dimension.rho.seven-models.published"
BANNED = {"exec", "eval", "compile", "__import__", "import_module"}


@pytest.mark.parametrize(
    "path", [p for room in ("report", "stats") for p in sorted((ROOT / room).rglob("*.py"))],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)  # fmt: skip
def test_no_code_is_made_from_text(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                assert called.id not in BANNED, f"line {node.lineno}"
            elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                ours = called.value.id in {"builtins", "importlib"}
                assert not (ours and called.attr in BANNED), f"line {node.lineno}"


def leaves(value, where=()):
    """Every field of a document, with the way to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*where, key))
    elif isinstance(value, list):
        if value:
            yield from leaves(value[0], (*where, 0))
    else:
        yield where


def put(document, where, value):
    *way, last = where
    for step in way:
        document = document[step]
    document[last] = value


def code(mark: Path) -> str:
    return f"__import__('pathlib').Path({str(mark)!r}).touch()"


def spoiled(mark):
    yield from (code(mark), f"0.05); {code(mark)}; (1", [], -1, 1e308, float("nan"), True)


@pytest.fixture(scope="module")
def small(finished, tmp_path_factory):
    """The finished build with a ledger of one entry, and what is not read left out."""
    folder = tmp_path_factory.mktemp("stranger") / "build"
    folder.mkdir()
    shutil.copytree(finished / "data", folder / "data")
    document = json.loads((finished / "ledger.json").read_text("utf-8"))
    document["entries"] = [e for e in document["entries"] if e["id"] == ENTRY]
    document["families"] = document["families"][:1]
    manifest = json.loads((finished / "manifest.json").read_text("utf-8"))
    manifest["outputs"] = dict(list(manifest["outputs"].items())[:1])
    shutil.copyfile(finished / "ledger.csv", folder / "ledger.csv")
    (folder / "ledger.json").write_text(json.dumps(document), "utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert load_finished(folder).ledger[ENTRY].value is not None
    return folder


def fields(folder, name):
    return list(leaves(json.loads((folder / name).read_text("utf-8"))))


@pytest.mark.parametrize("name", ["ledger.json", "manifest.json"])
def test_code_in_any_field_runs_nothing(small, tmp_path, name):
    """An entry is refused with its field, or explained as what it is; no other error."""
    mark, folder = tmp_path / "mark", tmp_path / "build"
    shutil.copytree(small, folder)
    whole = json.loads((small / name).read_text("utf-8"))
    refused, other = 0, set()
    for where in fields(small, name):
        for value in spoiled(mark):
            document = json.loads(json.dumps(whole))
            put(document, where, value)
            (folder / name).write_text(json.dumps(document), "utf-8")
            try:
                build = load_finished(folder)
                for entry in build.ledger:
                    explanation(build, entry)
            except InputError:
                refused += 1
            except (KeyError, ValueError, TypeError, IndexError):
                other.add(where[2])
            assert not mark.exists(), (where, value)
    assert refused > 100
    # A method with another number of columns, or what no format is known for.
    assert other <= {"method", "p_method", "quantity", "experiment", "sources", "unit"}


def test_numbers_are_no_text(small, tmp_path):
    folder = tmp_path / "build"
    shutil.copytree(small, folder)
    document = json.loads((folder / "ledger.json").read_text("utf-8"))
    document["entries"][0]["ci_level"] = "0.95"
    (folder / "ledger.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(InputError, match=r"ledger\.json.*entries\.0\.ci_level"):
        load_finished(folder)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/hostname", "a/../../x", "a//b", "", ".", "a\\b", "C:x"]
)
def test_a_path_that_leaves_the_build(tmp_path, name):
    with pytest.raises(InputError):
        inside(tmp_path, name)


@pytest.mark.parametrize("name", ["../secret.csv", "/etc/hostname", "data/../../secret.csv"])
def test_outputs_and_sources_stay_inside(small, tmp_path, name):
    folder = tmp_path / "build"
    shutil.copytree(small, folder)
    (tmp_path / "secret.csv").write_text("a\nsecret\n")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["outputs"][name] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    for command in (["bundle", str(folder)], ["verify", str(folder)]):
        assert main(command) != 0
    assert not list(tmp_path.glob("*.zip"))
    shutil.copyfile(small / "manifest.json", folder / "manifest.json")
    document = json.loads((folder / "ledger.json").read_text("utf-8"))
    document["entries"][0]["sources"][0] = f"{name}#a"
    (folder / "ledger.json").write_text(json.dumps(document), "utf-8")
    assert main(["explain", ENTRY, "--build", str(folder)]) != 0


def test_links_are_refused(tampered, tmp_path, capsys):
    (tmp_path / "other.html").write_text("<p>mine</p>")
    (tampered / "report.html").unlink()
    (tampered / "report.html").symlink_to(tmp_path / "other.html")
    with pytest.raises(InputError, match=r"report\.html.*link"):
        verify(tampered)
    for command in (["verify", str(tampered)], ["bundle", str(tampered)],
                    ["explain", ENTRY, "--build", str(tampered)]):  # fmt: skip
        assert main(command) != 0
    assert "link" in capsys.readouterr().err


def test_members_of_the_bundle_are_plain(finished, tmp_path):
    assert main(["bundle", str(finished), "--out", str(tmp_path / "b.zip")]) == 0
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        for info in archive.infolist():
            assert not info.filename.startswith("/")
            assert ".." not in info.filename.split("/")
            assert info.external_attr >> 16 == 0o644


def test_a_unit_that_no_format_is_known_for_ends_with_a_message(small, tmp_path, capsys):
    folder = tmp_path / "build"
    shutil.copytree(small, folder)
    document = json.loads((folder / "ledger.json").read_text("utf-8"))
    document["entries"][0]["unit"] = "of another world"
    (folder / "ledger.json").write_text(json.dumps(document), "utf-8")
    assert main(["explain", ENTRY, "--build", str(folder)]) != 0
    assert "can't be explained" in capsys.readouterr().err
