import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from report.cli import main
from report.study.paths import DATA
from report.synthetic.simulate import simulate

COMMANDS = (
    "build", "tables", "figures", "values", "extract", "check", "claims", "verify", "explain",
    "bundle", "watch", "init", "simulate",
)  # fmt: skip


def test_help_names_every_command_and_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    text = capsys.readouterr().out
    assert stopped.value.code == 0
    assert all(command in text for command in COMMANDS)
    assert "exit codes" in text


def test_help_imports_no_heavy_library():
    code = (
        "import sys; from report.cli import _parser; _parser().format_help(); "
        "print([m for m in ('numpy', 'scipy', 'matplotlib', 'pydantic', 'rich', 'jinja2')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_pipeline_imports_no_library_before_it_is_used():
    """Commands without figures, and builds that replace nothing, need neither of these."""
    code = (
        "import sys, report.pipeline; print([m for m in "
        "('matplotlib', 'scipy', 'statsmodels', 'pandas', 'rich', 'report.audit')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_study_is_named_with_its_remedy(tmp_path, capsys):
    assert main(["build", str(tmp_path), "--out", str(tmp_path / "out")]) == 3
    assert "study.toml" in capsys.readouterr().err


def test_a_wrong_field_is_named(tmp_path, capsys):
    (tmp_path / "study.toml").write_text('id = "x"\ncolour = "red"\n')
    assert main(["check", str(tmp_path)]) == 1
    assert "study.toml: " in capsys.readouterr().err


def test_the_backend_that_jupyter_names_is_not_asked_for(tmp_path):
    """Jupyter sets MPLBACKEND for every `!command`; outside of it there is no such module."""
    command = [sys.executable, "-m", "report", "figures", PUBLISHED, "--only", "exp1", "--quick"]
    backend = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], env=os.environ | backend, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".svg")


@pytest.mark.parametrize(
    ("line", "replacement", "said"),
    [
        ("n_questions = 12", "n_question = 12", "no such field here. Is it n_questions?"),
        ("seed = 1", "sead = 1", "plan.sead: there is no such field here. Is it seed?"),
        ("seed = 1", "", "plan.seed: the field is missing. Add it."),
        ('key = "sim_01"', 'key = "Sim-01"', "'Sim-01' can't be used. Use small letters"),
        ('cohort = "synthetic"', 'cohort = "real"', "model sim_01 names the unknown cohort 'real'"),
    ],
)  # fmt: skip
def test_slips_in_a_study_are_named_with_their_remedy(
    synthetic, tmp_path, capsys, line, replacement, said
):
    text = (synthetic / "study.toml").read_text(encoding="utf-8")
    assert line in text
    (tmp_path / "study.toml").write_text(text.replace(line, replacement, 1), encoding="utf-8")
    assert main(["check", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err


def test_a_simulation_overwrites_nothing(synthetic, tmp_path, capsys):
    before = (synthetic / "study.toml").read_bytes()
    assert main(["simulate", str(synthetic), "--models", "1"]) == 2
    assert "is not empty; name a new folder" in capsys.readouterr().err
    assert (synthetic / "study.toml").read_bytes() == before
    assert main(["simulate", str(tmp_path / "new"), "--questions", "2"]) == 2
    assert "--questions must be at least 4, got 2" in capsys.readouterr().err


def test_nothing_is_extracted_where_there_are_no_captures(synthetic, tmp_path, capsys):
    (tmp_path / "study.toml").write_bytes((synthetic / "study.toml").read_bytes())
    assert main(["extract", str(tmp_path)]) == 3
    assert "raw: it holds no captures" in capsys.readouterr().err
    assert not (tmp_path / "features").exists()


def test_a_folder_that_is_no_build_is_named(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 3
    assert f"there is none in {tmp_path}, so it is no finished build" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["0", "-1", "many"])
def test_a_number_of_processes_that_can_not_be_is_wrong_use(jobs, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["build", f"--jobs={jobs}"])
    assert stopped.value.code == 2
    assert "is not a number from 1" in capsys.readouterr().err


def test_a_quarto_that_was_passed_over_is_said(tmp_path, capsys, monkeypatch):
    simulate(tmp_path / "study", models=1, questions=6, layers=2, hidden=8, seed=1)
    shutil.rmtree(tmp_path / "study" / "raw")
    monkeypatch.setenv("QUARTO_PATH", str(tmp_path / "none"))
    command = ["build", str(tmp_path / "study"), "--quick", "--to", "md", "--out", str(tmp_path)]
    assert main([*command[:-1], str(tmp_path / "out")]) == 0
    assert "note: Quarto is not used: QUARTO_PATH names" in capsys.readouterr().err


def test_no_format_at_all_is_wrong_use(tmp_path, capsys):
    assert main(["build", "--to", ",", "--out", str(tmp_path)]) == 2
    assert "--to names no format" in capsys.readouterr().err


def test_an_unknown_format_is_wrong_use(tmp_path, capsys):
    assert main(["build", "--to", "papyrus", "--out", str(tmp_path)]) == 2
    assert "papyrus" in capsys.readouterr().err


def test_a_wrong_command_is_wrong_use():
    with pytest.raises(SystemExit) as stopped:
        main(["publish"])
    assert stopped.value.code == 2


PUBLISHED = str(DATA / "entropy-2026-02")


def test_tables_of_one_experiment_in_the_formats_of_a_manuscript(tmp_path, capsys):
    out = str(tmp_path)
    wanted = ["--format", "latex,csv,typst,html,docx", "--only", "exp1", "--quick", "--out", out]
    assert main(["tables", PUBLISHED, *wanted]) == 0
    written = {Path(line).name for line in capsys.readouterr().out.split()}
    stem = "generation-entropy-2026-02-published"
    assert written == {f"{stem}.{end}" for end in ("tex", "csv", "typ", "html", "docx")}
    latex = (tmp_path / "tables" / f"{stem}.tex").read_text(encoding="utf-8")
    assert r"\toprule" in latex
    assert "Gemma 2 9B & 0.173 & [0.156, 0.190]" in latex
    assert not (tmp_path / "figures").exists()


def test_tables_of_an_earlier_command_are_named(tmp_path, capsys):
    command = ["tables", PUBLISHED, "--format", "csv", "--quick", "--out", str(tmp_path), "--only"]
    assert main([*command, "exp1"]) == 0
    assert capsys.readouterr().err == ""
    assert main([*command, "exp2"]) == 0
    said = capsys.readouterr().err
    assert "may be out of date: generation-entropy-2026-02-published.csv." in said
    assert "layers" not in said


def test_one_figure_by_its_id(tmp_path, capsys, every_format):
    only = "layers-entropy-2026-02-published"
    assert main(["figures", PUBLISHED, "--only", only, "--quick", "--out", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.split()) == 3
    assert main(["figures", PUBLISHED, "--only", "exp9", "--quick", "--out", str(tmp_path)]) == 2
    assert "there is no 'exp9'" in capsys.readouterr().err


def test_named_numbers_for_a_manuscript(tmp_path):
    assert main(["values", PUBLISHED, "--quick", "--out", str(tmp_path)]) == 0
    values = json.loads((tmp_path / "values.json").read_text(encoding="utf-8"))
    assert values["dimension.rho.seven-models.published"]["p"] == ".497"
    assert values["dimension.rho.seven-models.published"]["evidence"] == "published"
    macros = (tmp_path / "values.tex").read_text(encoding="utf-8")
    assert r"\@namedef{stat@dimension.rho.seven-models.published.value}{.37}" in macros
    variables = json.loads((tmp_path / "_variables.yml").read_text(encoding="utf-8"))
    assert variables["dimension"]["rho"]["seven-models"]["published"]["value"] == ".37"


def test_a_member_of_a_family_is_quoted_with_its_adjusted_p(tmp_path):
    """So that a manuscript does not print the uncorrected one by oversight."""
    command = ["values", PUBLISHED, "--quick", "--only", "behaviour", "--out", str(tmp_path)]
    assert main(command) == 0
    values = json.loads((tmp_path / "values.json").read_text(encoding="utf-8"))
    quoted = values["behaviour.axis.mistral-7b.formal-casual.published"]
    assert (quoted["p"], quoted["adjusted"]) == ("< .001", ".032")
    assert quoted["apa"] == "ρ = .58, n = 30, 95% CI [.25, .79], adjusted p = .032"
    family = values["family.behaviour.axis.entropy-2026-02.published"]
    assert family == {"m": "41", "rule": "BH", "survivors": "3"}
    # Its own numbers, and those that its tables show beside them.
    about = {name.removeprefix("family.").split(".")[0] for name in values}
    assert about == {"behaviour", "generation", "dimension"}


def test_values_of_one_table(tmp_path, capsys):
    table = "without-dimension-seven-models-published"
    command = ["values", PUBLISHED, "--quick", "--only", table, "--out", str(tmp_path)]
    if main(command):
        raise AssertionError(capsys.readouterr().err)
    values = json.loads((tmp_path / "values.json").read_text(encoding="utf-8"))
    assert {name.split(".")[0] for name in values} == {"dimension", "generation"}
    assert len(values) < 20


def test_claims_can_sit_in_ci(tmp_path, capsys):
    study = tmp_path / "study"
    shutil.copytree(PUBLISHED, study)
    assert main(["claims", str(study), "--quick", "--no-cache"]) == 0
    (study / "claims.toml").write_text("""
        [[claims]]
        id = "wrong"
        sentence = "Gemma has the highest entropy."
        where = "abstract"
        expected = "supported"
        [[claims.checks]]
        kind = "extreme"
        which = "highest"
        of = ["generation.mean.*.published"]
        members = ["generation.mean.gemma-9b.published"]
        """)
    capsys.readouterr()
    assert main(["claims", str(study), "--quick", "--no-cache", "--json"]) == 1
    verdict = json.loads(capsys.readouterr().out)[0]
    assert verdict["verdict"] == "contradicted"


def test_a_simulated_study_can_be_extracted_and_shipped(tmp_path):
    folder = tmp_path / "trial"
    sizes = ["--models", "2", "--questions", "8", "--layers", "3", "--hidden", "16"]
    assert main(["simulate", str(folder), *sizes]) == 0
    assert main(["extract", str(folder)]) in (0, 1)
    assert (folder / "features" / "questions.csv").is_file()


def test_the_version_is_told(capsys):
    from report import __version__

    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip().endswith(__version__)
