"""From study folders to the finished document, in all the shapes that studies come in."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from report.pipeline import Built, Options, build
from report.simulate import simulate

Fields = dict[str, Any]


class Page(HTMLParser):
    """The text of an HTML page, and the tags that it is made of."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[str] = []
        self._hidden = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All visible text; typographic quotes as they were typed."""
        return re.sub("[“”]", '"', " ".join("".join(self.words).split()))


# --- odd names ---------------------------------------------------------------------------

_ODD = '<mark>|*a*_b_`c`$d$[e](f)@g#h{i}\\k~l~^m^&lt;"n"'
ROLES = ("Title", "Source", "Summary", "Author", "Place", "Model", "Cohort", "Pole", "Other")


def odd(role: str) -> str:
    # A pole has to fit beside an axis of a figure.
    return f"{role}<mark>*_|$" if role in ("Pole", "Other") else f"{role}{_ODD}{role}"


@pytest.fixture(scope="module")
def oddly_named(
    tmp_path_factory: pytest.TempPathFactory,
    write_study: Callable[[Path, Fields], Path],
) -> Built:
    folder = tmp_path_factory.mktemp("odd") / "study"
    simulate(folder, models=4, questions=10, layers=5, hidden=16, seed=1)
    fields = tomllib.loads((folder / "study.toml").read_text("utf-8"))
    fields |= {name.lower(): odd(name) for name in ("Title", "Source", "Summary")}
    fields["authors"] = [{"name": odd("Author"), "affiliation": odd("Place")}]
    fields["cohorts"][0]["title"] = odd("Cohort")
    fields["axes"][5] |= {"positive": odd("Pole"), "negative": odd("Other")}
    for model in fields["models"]:
        model |= {"name": odd("Model"), "short": "<b>|*_$&"}
    fields["models"][1]["tuning"] = "base"
    write_study(folder, fields)
    for path in [*folder.glob("raw/*.json"), *folder.glob("raw/*.jsonl")]:
        asked = json.dumps(f"Question {_ODD}")[1:-1] + "\\nnext line, twice"
        path.write_text(path.read_text("utf-8").replace("Synthetic question 3?", asked), "utf-8")
    first = folder / "raw" / "sim_01_baseline.json"
    document = json.loads(first.read_text("utf-8"))
    # The same question twice: problems name questions.
    document["responses"][4]["question"] = document["responses"][2]["question"]
    first.write_text(json.dumps(document), encoding="utf-8")
    options = Options(formats=("html", "pdf"), renderer="embedded", quick=True)
    return build([folder], tmp_path_factory.mktemp("out"), options, lambda _: None)


@pytest.mark.slow
def test_odd_names_stand_in_the_page_as_they_are(oddly_named: Built) -> None:
    page = Page((oddly_named.folder / "report.html").read_text("utf-8"))
    assert "mark" not in page.tags
    for role in ROLES:
        whole = odd(role)
        assert whole in page.text, role
        # Nothing that begins like the name goes on in another way.
        rest = page.text.replace(whole, "")
        assert [rest[m.start() : m.start() + 80] for m in re.finditer(f"{role}[<|]", rest)] == []
    assert f"Question {_ODD} next line, twice" in page.text


@pytest.mark.slow
def test_odd_names_stand_in_the_tables_as_they_are(oddly_named: Built) -> None:
    found = 0
    for path in (oddly_named.folder / "tables").glob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_text("utf-8"))):
            for cell in row:
                if "Model" in cell and "mark" in cell:
                    assert odd("Model") in cell, path.name
                    found += 1
    assert found > 10
