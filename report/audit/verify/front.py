"""Check of the front: every answer decided anew, and its words held against the decision."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping, Sequence

from report.audit.finished import Finished, inside, read_json
from report.audit.schema import AnswerRow, AnswersFile, ClaimsFile, GradeRow, checked
from report.audit.verify.documents import plain
from report.audit.verify.files import document_tables
from report.audit.verify.findings import Check
from report.ledger.ledger import Entry

FILE = "answers.json"

# Columns of published tables that come from the entropies of single answers.
_SINGLE = {
    "behaviour": ("rho",),
    "calibration": ("delta_nats", "p", "entropy_positive_nats", "entropy_negative_nats"),
    "generation": ("entropy_sd_nats", "entropy_median_nats"),
}
# What the table's last column must say of an answer: of printed numbers, and of captures.
_WORDS = {
    "positive": ("as printed", "measured"),
    "negative": ("as printed", "measured"),
    "both signs": ("as printed", "measured"),
    "described": ("as printed", "measured"),
    "not shown": ("not shown", "not shown"),
    "not identified": ("not identified", "not identified"),
    "not testable": ("not testable", "not testable"),
    "inferred": ("inferred", "inferred"),
    "wrong rows": ("wrong rows, not evidence", "wrong rows"),
}


def answered(build: Finished) -> Check:
    """Decide every answer anew from the ledger, and read the front back."""
    check = Check("Every answer says what the ledger decides")
    _claims(check, build)
    path = inside(build.folder, FILE)
    if not path.is_file():
        check.notes.append(f"there is no {FILE}: the build is older than the front")
        return check
    answers = checked(AnswersFile, read_json(path), path).answers
    wrong = {study.id: _misaligned(build, study.id) for study in build.manifest.studies}
    for answer in answers:
        for grade in answer.evidence:
            check.count("decisions of answers")
            _decision(check, build, answer, grade, wrong.get(answer.study, False))
    _document(check, build, answers)
    return check


def _claims(check: Check, build: Finished) -> None:
    """Hold ``claims.csv``, which counts rest on, against ``claims.json``."""
    path, table = (inside(build.folder, name) for name in ("claims.json", "claims.csv"))
    if not table.is_file():
        return
    rows = checked(ClaimsFile, read_json(path), path).claims
    with table.open(encoding="utf-8", newline="") as handle:
        found = [(row["study"], row["id"], row["verdict"]) for row in csv.DictReader(handle)]
    if found != [(row.study, row.id, row.verdict) for row in rows]:
        check.disagree("claims.csv", "has other claims or verdicts than claims.json")
    check.count("verdicts", len(rows))


def _misaligned(build: Finished, study: str) -> bool:
    """Tell whether a study's own evidence speaks for answers cut at wrong rows."""
    path = inside(build.folder, f"data/{study}/published/integrity_models.csv")
    accepted = inside(build.folder, f"data/{study}/published/accepted/integrity_models.csv")
    path = accepted if accepted.is_file() else path
    if not path.is_file():
        return False
    asked = _asked(build, study)
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return any(
            0 < _number(row.get("n_questions_supported")) < asked
            or _number(row.get("answers_without_rows")) > 0
            for row in csv.DictReader(handle)
        )


def _number(cell: str | None) -> float:
    """Read a count; 0 where there is none."""
    try:
        return float(cell or 0)
    except ValueError:
        return 0.0


def _asked(build: Finished, study: str) -> int:
    """Return the number of questions that a study asked."""
    text = inside(build.folder, f"data/{study}/study.toml").read_text(encoding="utf-8-sig")
    return int(tomllib.loads(text).get("n_questions", 30))


def _decision(
    check: Check, build: Finished, answer: AnswerRow, grade: GradeRow, misaligned: bool
) -> None:
    place = f"{FILE}, “{answer.question}” ({answer.study}, {answer.cohort})"
    try:
        entries = list(_resting_on(build, grade.rests_on))
    except KeyError as error:
        check.disagree(place, f"rests on {error.args[0]!r}, which is not in the ledger")
        return
    alpha = build.plans[answer.cohort].alpha if answer.cohort in build.plans else 0.05
    says = _says(entries, alpha, misaligned)
    if says != grade.says and not (not entries and grade.says == "described"):
        check.disagree(place, f"is said to be {grade.says}, and the ledger says {says}")
    published = {entry.evidence == "published" for entry in entries}
    if published - {answer.published}:
        check.disagree(place, "rests on printed numbers and on captures, or on the other of them")


def _resting_on(build: Finished, names: Sequence[str]) -> Iterator[Entry]:
    for name in names:
        family = build.ledger.families.get(name.removeprefix("family."))
        if name.startswith("family.") and family is not None:
            yield from (build.ledger[member] for member in family.members)
        else:
            yield build.ledger[name]


def _says(entries: Sequence[Entry], alpha: float, misaligned: bool) -> str:
    """Decide by the rule that document and build are held to."""
    if misaligned and any(map(_of_single_answers, entries)):
        return "wrong rows"
    printed = all(entry.evidence == "published" for entry in entries)
    if entries and printed and {entry.experiment for entry in entries} == {"integrity"}:
        return "inferred"
    significant = [
        entry
        for entry in entries
        if (entry.rejected if entry.rejected is not None else (entry.p or 1.0) <= alpha)
        and entry.p is not None
    ]
    rising = [(entry.value or 0.0) > 0 for entry in significant]
    if rising:
        return "positive" if all(rising) else "both signs" if any(rising) else "negative"
    if any(entry.p is not None for entry in entries):
        return "not shown"
    if any(str(entry.reason) == "not_identified" for entry in entries):
        return "not identified"
    untested = [entry for entry in entries if entry.value is not None and not entry.family]
    return "described" if untested else "not testable"


def _of_single_answers(entry: Entry) -> bool:
    if entry.evidence != "published" or entry.value is None:
        return False
    return any(
        f"/published/{table}.csv" in source and source.rpartition("#")[2] in columns
        for source in entry.sources
        for table, columns in _SINGLE.items()
    )


# --- the document -----------------------------------------------------------------------


def _document(check: Check, build: Finished, answers: Sequence[AnswerRow]) -> None:
    """Read the table of answers, and the abstract, back from ``report.qmd``."""
    path = inside(build.folder, "report.qmd")
    if not path.is_file():
        check.notes.append("report.qmd is missing, so the table of answers was not read")
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    tables: Mapping[str, list[list[str]]] = dict(document_tables(text, build.ledger))
    rows = {plain(row[1]): row for row in tables.get("answers", [])}
    for question in dict.fromkeys(answer.question for answer in answers):
        place = f"report.qmd, answers, “{question}”"
        row = rows.pop(plain(question), None)
        if row is None:
            check.disagree(place, "the table has no row of it")
            continue
        same = [answer for answer in answers if answer.question == question]
        check.count("answers in report.qmd", len(same))
        for answer in same:
            if plain(answer.sentence)[1:] not in plain(row[2]):
                check.disagree(place, f"does not say “{answer.sentence}”")
        owed = [_WORDS[g.says][not a.published] for a in same for g in a.evidence]
        given = row[4].replace("simulated", "measured").split("; ")
        if len(given) != len(owed):
            check.disagree(place, f"has the evidence {row[4]!r}, and {len(owed)} kinds are owed")
        for word, said in zip(owed, given, strict=False):
            if plain(word) not in plain(said):
                check.disagree(place, f"calls its evidence {said!r}, and it is {word}")
    if rows:
        check.disagree("report.qmd, answers", f"has a row that {FILE} does not have")
