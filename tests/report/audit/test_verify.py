import csv
import hashlib
import json
import re
import shutil
from dataclasses import replace

import pytest

from report.audit.finished import load_finished
from report.audit.recompute import reading
from report.audit.verify import files, front, numbers, prose, verify
from report.audit.verify.documents import read_html, read_markdown, read_typst
from report.cli import main
from report.document.render.embedded import compile_pdf
from report.ledger import format as fmt
from report.ledger.ledger import Entry, Ledger, settle
from stats.outcome import Estimate


@pytest.fixture(autouse=True)
def _read_anew():
    reading.table.cache_clear()


def places(check):
    return [d.place for d in check.disagreements]


def found(check, *words):
    """Return the one disagreement, which must name every word in its place."""
    assert len(check.disagreements) == 1, check.disagreements
    place = check.disagreements[0].place
    assert all(word in place for word in words), place
    return check.disagreements[0].problem


def alone(build, *ids):
    """Return the build with these entries and what its matrices rest on, outside their families."""
    matrices = [e.id for e in build.ledger.select(experiment="signature", quantity="strongest")]
    entries = {
        name: replace(build.ledger[name], family="", p_adjusted={}, rejected=None)
        for name in (*ids, *matrices)
    }
    return replace(build, ledger=Ledger(entries, {}))


def with_its_family(build, entry):
    """Return the build with one family alone."""
    family = build.ledger.families[entry.family]
    members = {name: build.ledger[name] for name in family.members}
    return replace(build, ledger=Ledger(members, {family.id: family}))


def a_test(build, *, but=None):
    """Return a test of a family with a p that is neither small nor large."""
    return next(
        e for e in build.ledger
        if e.p is not None and 0.1 < e.p < 0.9 and e.family and e is not but
    )  # fmt: skip


def a_link(build, kind="value"):
    """Return a number of the running text that stands once in its own section."""
    links = prose.read_markdown((build / "report.qmd").read_text(encoding="utf-8")).links
    return next(
        link for link in links if link.kind == kind and re.fullmatch(r"0\.\d{3}", link.text)
    )


def in_html(build, link):
    """Return the link as it stands in the page."""
    text = (build / "report.html").read_text(encoding="utf-8")
    number = re.escape(link.text)
    return re.search(f'<a href="#{link.anchor}"[^>]*data-kind="value">{number}</a>', text)[0]


def edit(path, old, new, count=1):
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def edit_ledger(build, entry_id, **fields):
    """Change fields of an entry in ledger.json and in ledger.csv, and repair the manifest."""
    path = build / "ledger.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    row = next(row for row in document["entries"] if row["id"] == entry_id)
    assert fields.keys() <= row.keys()
    row |= fields
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    ledger = load_finished(build).ledger
    (build / "ledger.csv").write_text(ledger.to_csv(), encoding="utf-8")
    manifest = json.loads((build / "manifest.json").read_text(encoding="utf-8"))
    for name in ("ledger.json", "ledger.csv"):
        manifest["outputs"][name] = hashlib.sha256((build / name).read_bytes()).hexdigest()
    (build / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    reading.table.cache_clear()


# --- an untouched build -----------------------------------------------------------------


def test_nothing_is_flagged_on_an_untouched_build(finished, synthetic):
    result = verify(finished, [synthetic])
    assert result.disagreements == []
    hashed, recomputed, printed, consistent, derived, answered = result.checks
    ledger = load_finished(finished).ledger
    assert recomputed.counts["statistics"] == sum(entry.value is not None for entry in ledger)
    assert not any("second path" in note or "in part" in note for note in recomputed.notes)
    assert hashed.counts["outputs"] == len(load_finished(finished).manifest.outputs)
    for name in ("report.html", "report.qmd", "report.typ"):
        assert printed.counts[f"rows in {name}"] == len(ledger)
        assert printed.counts[f"numbers in {name}"] > 300
    assert consistent.counts["tests"] == sum(entry.p is not None for entry in ledger)
    assert derived.counts["ledger rows"] == len(ledger)
    assert answered.counts["decisions of answers"] > 20
    assert not any("not re-read" in note for note in hashed.notes if "synthetic-1" in note)


def test_line_ends_of_another_system_are_named_as_the_cause(tampered):
    """As a checkout by Git on Windows has them."""
    texts = [
        p
        for p in tampered.rglob("*")
        if p.suffix in (".csv", ".qmd", ".json", ".toml") and p.name != "manifest.json"
    ]
    for path in texts:
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    (told,) = files.hashes(load_finished(tampered), []).disagreements
    assert "core.autocrlf false" in told.problem
    assert " more" in told.place
    edit(tampered / "claims.json", "true", "false")
    assert "claims.json" in places(files.hashes(load_finished(tampered), []))


def test_a_study_that_begins_with_a_mark_is_read(tampered, synthetic, finished):
    path = tampered / "data" / synthetic.name / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_finished(tampered).plans == load_finished(finished).plans


def test_git_leaves_the_line_ends_of_a_build(finished):
    assert (finished / ".gitattributes").read_text("utf-8") == "* -text\n"


def test_absent_captures_are_counted_and_no_error(finished):
    check = files.hashes(load_finished(finished), [])
    assert check.disagreements == []
    assert any(re.match(r"\d+ inputs of synthetic-1 not re-read", note) for note in check.notes)


# --- the document -----------------------------------------------------------------------


def test_a_number_edited_in_the_html_is_found(tampered):
    link = a_link(tampered)
    pattern = in_html(tampered, link)
    edit(tampered / "report.html", pattern, pattern.replace(link.text, "0.987"))
    build = load_finished(tampered)
    entry = next(e for e in build.ledger if e.anchor == link.anchor)
    problem = found(prose.printed(build), "report.html", link.place, entry.id, "(value)")
    assert "'0.987'" in problem
    assert fmt.show(entry, "value") in problem
    assert "report.html" in places(files.hashes(build, []))


def test_a_number_that_lost_its_link_is_found(tampered):
    link = a_link(tampered)
    edit(
        tampered / "report.html",
        in_html(tampered, link),
        "0.987",
    )
    problem = found(prose.printed(load_finished(tampered)), "report.html", link.anchor)
    assert "lost its link" in problem


def test_an_edited_row_of_the_appendix_is_found(tampered):
    build = load_finished(tampered)
    entry = next(e for e in build.ledger if e.p is not None and 0.1 < e.p < 0.9)
    text = (tampered / "report.html").read_text(encoding="utf-8")
    start = text.index(f'id="{entry.anchor}"')
    p = fmt.show(entry, "p")
    at = text.index(f">{p}<", start) + 1
    (tampered / "report.html").write_text(
        text[:at] + ".012" + text[at + len(p) :], encoding="utf-8"
    )
    found(prose.printed(build), "report.html, appendix", entry.id, "column p")


@pytest.mark.parametrize(
    ("column", "position", "new"),
    [("estimate", 2, "9.99"), ("ci", 3, "[.01, .02]"), ("adjustedp", 6, ".012"),
     ("decision", 7, "survives!"), ("pmethod", 19, "another test")],
)  # fmt: skip
def test_an_edited_cell_of_the_page_is_found(tampered, column, position, new):
    build = load_finished(tampered)
    entry = a_test(build)
    path = tampered / "report.html"
    text = path.read_text(encoding="utf-8")
    start = text.index(f'id="{entry.anchor}"')
    cells = list(re.finditer(r"(<td[^>]*>)(.*?)</td>", text[start : start + 20_000], re.DOTALL))
    cell = cells[position - 1]  # the first cell is a header
    path.write_text(
        text[: start + cell.start(2)] + new + text[start + cell.end(2) :], encoding="utf-8"
    )
    (found,) = prose.printed(build).disagreements
    assert found.place == f"report.html, appendix, {entry.id}, column {column}"
    assert new in found.problem


@pytest.mark.parametrize("name", ["report.qmd", "report.typ"])
def test_a_number_edited_in_a_source_is_found(tampered, name):
    link = a_link(tampered)
    before = f"](#{link.anchor})" if name.endswith("qmd") else f"#link(<{link.anchor}>)["
    path = tampered / name
    old = f"[{link.text}{before}" if name.endswith("qmd") else f"{before}{link.text}]"
    edit(path, old, old.replace(link.text, "0.987"))
    build = load_finished(tampered)
    entry = next(e for e in build.ledger if e.anchor == link.anchor)
    found(prose.printed(build), name, link.place, entry.id)


@pytest.mark.slow
def test_edits_of_the_pdf_and_of_its_source_are_found(small_build):
    """A number of the text, which the source then has as it was, and a cell of the appendix.

    Of all the other numbers of the PDF none is flagged.
    """
    link = a_link(small_build)
    build = load_finished(small_build)
    quoted = next(e for e in build.ledger if e.anchor == link.anchor)
    tested = a_test(build, but=quoted)
    source = small_build / "report.typ"
    row = re.search(
        rf"\[`{re.escape(tested.id)}`<{tested.anchor}>\].*?(?=\n)",
        source.read_text("utf-8"),
        re.DOTALL,
    )
    edited = re.sub(r"\[(yes|no)\]", "[perhaps]", row[0])
    assert edited != row[0]
    edit(source, row[0], edited)
    number = f"#link(<{link.anchor}>)[{{}}]"
    edit(source, number.format(link.text), number.format("0.987"))
    compile_pdf(source, small_build / "report.pdf")
    edit(source, number.format("0.987"), number.format(link.text))
    check = prose.printed(build)
    assert check.counts["rows in report.pdf"] == len(build.ledger)
    assert check.counts["numbers in report.pdf"] > 150
    problems = {d.place: d.problem for d in check.disagreements}
    cells = {f"{name}, appendix, {tested.id}, column survives"
             for name in ("report.typ", "report.pdf")}  # fmt: skip
    assert cells < problems.keys()
    (place,) = problems.keys() - cells
    assert all(word in place for word in ("report.pdf", "page ", link.place, quoted.id))
    assert "'0.987'" in problems[place]


def test_a_source_that_is_nested_too_deeply_is_said(tampered):
    (tampered / "report.qmd").write_text(">" * 3000 + " deep\n", "utf-8")
    assert "report.qmd" in places(prose.printed(load_finished(tampered)))


def test_a_pdf_that_is_none_is_said(tampered):
    (tampered / "report.pdf").write_bytes(b"not a PDF")
    assert "report.pdf" in places(prose.printed(load_finished(tampered)))


# --- tables, values, inputs -------------------------------------------------------------


def test_a_number_edited_in_a_table_is_found(tampered):
    path = next((tampered / "tables").glob("generation*.csv"))
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    rows[1][1] = "0.999"
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)
    build = load_finished(tampered)
    found(files.derived(build), f"tables/{path.name}", "row 1", rows[1][0], "column 2")
    assert places(files.hashes(build, [])) == [f"tables/{path.name}"]


@pytest.mark.parametrize("name", ["values.json", "values.tex", "_variables.yml"])
def test_an_edited_value_is_found(tampered, name):
    build = load_finished(tampered)
    entry = next(e for e in build.ledger if e.quantity == "mean" and e.value is not None)
    text = fmt.show(entry, "value")
    edit(
        tampered / name,
        f'"{text}"' if name != "values.tex" else f"{{{text}}}",
        '"0.999"' if name != "values.tex" else "{0.999}",
    )
    found(files.derived(build), name, ".value")


@pytest.mark.parametrize("name", ["report.qmd", "report.html"])
def test_a_changed_number_of_survivors_is_found(tampered, name):
    anchor = "row-family-signature-peaks-entropy-2026-02-published"
    text = (tampered / name).read_text(encoding="utf-8")
    told = re.search(rf"10 of 41[^\n]*{anchor}|{anchor}[^\n]*10 of 41", text)
    assert told is not None
    edit(tampered / name, told[0], told[0].replace("10 of 41", "12 of 41"))
    problem = found(prose.printed(load_finished(tampered)), name, "signature.peaks")
    assert "12 of 41" in problem.replace("\u00a0", " ")


def test_an_answer_beyond_its_decision_is_found(tampered):
    build = load_finished(tampered)
    for file, old, new, said in (
        ("answers.json", '"says": "not shown"', '"says": "positive"', "the ledger says not shown"),
        ("answers.json", '"says": "wrong rows"', '"says": "negative"', "the ledger says wrong"),
        ("answers.json", '"dimension.rho.seven', '"dimension.rho.eight', "not in the ledger"),
        ("report.qmd", "| as printed: not shown", "| as printed", "calls its evidence"),
        ("report.qmd", "not shown; six models", "shown; six models", "does not say"),
        ("claims.csv", "not supported", "supported", "other claims or verdicts"),
    ):
        text = (tampered / file).read_text(encoding="utf-8")
        edit(tampered / file, old, new)
        found_ = front.answered(build).disagreements
        assert any(said in one.problem for one in found_), (file, old)
        (tampered / file).write_text(text, encoding="utf-8")
    assert front.answered(build).disagreements == []
    # Wrong rows are decided by the evidence that a study brings.
    path = tampered / "data" / "entropy-2026-02" / "published" / "integrity_models.csv"
    rows = path.read_text(encoding="utf-8").splitlines()
    kept = [rows[0], *(re.sub(r",\d+,", ",30,", row, count=1) for row in rows[1:-1])]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    problems = front.answered(build).disagreements
    assert any("is said to be wrong rows" in found.problem for found in problems)
    (tampered / "answers.json").unlink()
    check = front.answered(build)
    assert not check.disagreements
    assert "older than the front" in check.notes[0]


def test_an_escaped_bracket_begins_no_number():
    entry = Entry(
        id="x.a", experiment="x", quantity="a", evidence="raw", cohort="c",
        estimate=Estimate(0.37, 6), method="made", unit="rho",
    )  # fmt: skip
    link = '[.37](#row-x-a){.stat data-kind="value"}'
    text = f'| a |\n| :-- |\n| \\[^1\\] in ({link}) and [§ 2](#sec-x) |\n\n: C {{#tbl-t w="1"}}\n'
    tables = files.document_tables(text, settle([entry], []))
    assert dict(tables) == {"t": [["[^1] in (.37) and § 2"]]}


def test_a_changed_copy_of_an_input_is_found(tampered):
    path = tampered / "data" / "entropy-2026-02" / "published" / "behaviour.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    rows[0]["rho"] = "0.11"
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    build = load_finished(tampered)
    assert any("published/behaviour.csv" in place for place in places(files.hashes(build, [])))
    name = f"behaviour.axis.{rows[0]['model']}.{rows[0]['axis']}.published".replace("_", "-")
    assert name in places(numbers.recomputed(alone(build, name)))


def test_a_changed_capture_is_found_in_a_folder_of_any_name(finished, synthetic, tmp_path):
    folder = shutil.copytree(synthetic, tmp_path / "elsewhere")
    path = next((folder / "raw").glob("*.json"))
    path.write_bytes(path.read_bytes() + b"\n")
    problem = found(files.hashes(load_finished(finished), [folder]), "synthetic-1", path.name)
    assert "changed since the build" in problem


def test_the_folder_that_is_named_last_stands_for_a_study(finished, synthetic, tmp_path):
    other = shutil.copytree(synthetic, tmp_path / "other")
    (other / "study.toml").write_bytes((other / "study.toml").read_bytes() + b"\n")
    build = load_finished(finished)
    assert places(files.hashes(build, [other])) == ["synthetic-1: study.toml"]
    assert places(files.hashes(build, [other, synthetic])) == []


def test_a_missing_output_is_found(tampered):
    (tampered / "values.tex").unlink()
    build = load_finished(tampered)
    assert places(files.hashes(build, [])) == ["values.tex"]
    assert "values.tex" in places(files.derived(build))


# --- the ledger -------------------------------------------------------------------------


def test_a_tampered_ledger_is_named_by_its_hash(tampered):
    edit(tampered / "ledger.json", '"quantity": "mean"', '"quantity": "meen"')
    assert places(files.hashes(load_finished(tampered), [])) == ["ledger.json"]


@pytest.mark.parametrize("field", ["estimate", "ci_low", "ci_high", "p", "n", "p_floor"])
def test_a_tampered_statistic_is_found_although_the_manifest_was_mended(tampered, field):
    entry = next(
        e for e in load_finished(tampered).ledger
        if e.quantity == "axis" and e.p is not None and 0.1 < e.p < 0.8
        and e.outcome.method == "Spearman, permutation"
    )  # fmt: skip
    value = entry.row()[field]
    edit_ledger(tampered, entry.id, **{field: value + 1 if field == "n" else value * 0.9})
    build = load_finished(tampered)
    assert places(files.hashes(build, [])) == []
    check = numbers.recomputed(alone(build, entry.id))
    assert {d.place for d in check.disagreements} == {entry.id}
    assert any(d.problem.startswith(field) for d in check.disagreements)


def test_a_p_that_does_not_follow_from_rho_and_n_is_found(tampered):
    entry = next(
        e for e in load_finished(tampered).ledger
        if e.quantity == "axis-t" and e.p is not None and e.p > 0.1
    )  # fmt: skip
    edit_ledger(tampered, entry.id, p=entry.p / 2)
    check = numbers.consistent(load_finished(tampered))
    assert any(d.place == entry.id and "does not follow" in d.problem for d in check.disagreements)


def test_an_impossible_exact_p_is_found(tampered):
    name = "dimension.rho.seven-models.published"
    edit_ledger(tampered, name, p=0.4971)
    assert "no multiple of 1/720" in found(numbers.consistent(load_finished(tampered)), name)


def test_a_p_below_the_floor_and_a_wrong_decision_are_found(tampered):
    entry = next(e for e in load_finished(tampered).ledger if e.rejected is False)
    edit_ledger(tampered, entry.id, rejected=True)
    assert "rejected is True" in found(numbers.consistent(load_finished(tampered)), entry.id)


def test_a_tampered_adjusted_p_is_found(tampered):
    entry = next(e for e in load_finished(tampered).ledger if "holm" in e.p_adjusted)
    edit_ledger(tampered, entry.id, p_adjusted=dict(entry.p_adjusted) | {"holm": 0.0123})
    check = numbers.recomputed(with_its_family(load_finished(tampered), entry))
    assert any(d.place == entry.id and "holm" in d.problem for d in check.disagreements)


def test_a_family_that_lost_a_member_is_found(tampered):
    path = tampered / "ledger.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    family = document["families"][0]
    family["members"] = family["members"][1:]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert family["id"] in places(numbers.consistent(load_finished(tampered)))


def test_adjustment_agrees_with_known_values():
    p = [0.01, 0.02, 0.03, 0.04, 0.05]
    assert numbers.holm(p) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert numbers.step_up(p) == pytest.approx([0.05] * 5)
    assert numbers.step_up([0.005, 0.9], 1.5) == pytest.approx([0.015, 1.0])


# --- the command ------------------------------------------------------------------------


def test_the_command_tells_the_place_and_exits_with_1(tampered, capsys, monkeypatch):
    monkeypatch.setattr(prose, "printed", lambda _: numbers.Check("not read here"))
    monkeypatch.setattr(numbers, "recomputed", lambda _: numbers.Check("not recomputed here"))
    (tampered / "values.tex").unlink()
    assert main(["verify", str(tampered), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["agrees"] is False
    assert told["checks"][0]["disagreements"][0]["place"] == "values.tex"
    assert main(["verify", str(tampered)]) == 1
    assert "✗ values.tex: the manifest lists it" in capsys.readouterr().out


def test_what_is_no_build_is_said(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 3
    assert "so it is no finished build" in capsys.readouterr().err


# --- readers ----------------------------------------------------------------------------


def test_readers_agree_on_a_small_document():
    html = (
        "<h2>Part <em>one</em></h2><p><a href='#row-a-b' class='stat' data-kind='p='>"
        "p &lt; .001</a>"
        "<table><tr><th>Statistic</th><th><em>n</em></th></tr>"
        "<tr><td><span id='row-a-b'>a.b</span> words</td><td>6</td></tr></table>"
    )
    markdown = (
        '## Part one {#x}\n\n[p \\< .001](#row-a-b){.stat data-kind="p="}\n\n'
        "| Statistic | *n* |\n|:--|--:|\n| [a.b]{#row-a-b} words | 6 |\n"
    )
    typst = "== Part one\n#link(<row-a-b>)[p \\< .001]\n[a.b<row-a-b> words], [6],\n"
    first, second = read_html(html), read_markdown(markdown)
    third = read_typst(typst, ["statistic", "n"])
    for content in (first, second, third):
        assert content.links[0].text == "p < .001"
        assert content.links[0].place == "Part one"
        assert content.rows["row-a-b"]["n"].strip() == "6"
    assert first.links[0].kind == second.links[0].kind == "p="


# --- matrices ---------------------------------------------------------------------------


MATRICES = "figures/synthetic-1/layer_axis_heatmaps.csv"


def test_every_cell_of_the_matrices_is_recomputed(finished):
    check = numbers.recomputed(alone(load_finished(finished)))
    rows = list(csv.DictReader((finished / MATRICES).read_text("utf-8").splitlines()))
    assert len(rows) == 3 * 4 * 5  # models, axes, layers
    assert check.counts["cells of matrices"] == 2 * len(rows)
    assert places(check) == []


@pytest.mark.parametrize("column", ["rho", "p_maxt"])
def test_a_changed_cell_of_a_matrix_is_found(tampered, column):
    path = tampered / MATRICES
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    rows[8][column] = "0.25"
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    check = numbers.recomputed(alone(load_finished(tampered)))
    assert f"{column} is '0.25'" in found(check, rows[8]["model"], f"layer {rows[8]['layer']}")


def test_a_lost_row_of_a_matrix_is_found(tampered):
    path = tampered / MATRICES
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), "utf-8")
    check = numbers.recomputed(alone(load_finished(tampered)))
    assert any(d.problem == "is not one row an axis and layer" for d in check.disagreements)


def test_a_reference_that_a_narrow_cell_splits_is_no_number():
    from report.audit.verify.prose import _REFERENCE, _unhyphenated

    assert _REFERENCE.match(_unhyphenated("Sec-\ntion 7"))
    assert not _REFERENCE.match(_unhyphenated("−.53"))
