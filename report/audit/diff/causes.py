"""Why two builds differ: what went into them, from their manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from report.audit.diff.changes import Cause
from report.audit.finished import Finished
from report.audit.schema import StudyFields


def causes(old: Finished, new: Finished) -> tuple[Cause, ...]:
    """Return inputs, plan, code, libraries and rendering that are not the same."""
    before = {study.id: study for study in old.manifest.studies}
    after = {study.id: study for study in new.manifest.studies}
    found: list[Cause] = []
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            what = "joined the build" if one is None else "left the build"
            found.append(Cause("input", name, what))
        else:
            found += _inputs(one, other)
            found += _plan(one, other)
    found += _mapping("code", old.manifest.code, new.manifest.code)
    found += _mapping("library", old.manifest.versions, new.manifest.versions)
    found += _mapping("rendering", *(build.manifest.rendering.shown() for build in (old, new)))
    return tuple(found)


def _inputs(old: StudyFields, new: StudyFields) -> Iterator[Cause]:
    before = {item.file: item.sha256 for item in old.inputs}
    after = {item.file: item.sha256 for item in new.inputs}
    for file in dict.fromkeys((*before, *after)):
        if before.get(file) != after.get(file):
            what = (
                "is new"
                if file not in before
                else "is gone"
                if file not in after
                else f"changed ({before[file][:8]} → {after[file][:8]})"
            )
            yield Cause("input", f"{new.id}/{file}", what)


def _plan(old: StudyFields, new: StudyFields) -> Iterator[Cause]:
    before, after = old.plan.model_dump(), new.plan.model_dump()
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            what = f"{before.get(name, 'not set')} → {after.get(name, 'not set')}"
            yield Cause("plan", f"{new.id}: {name}", what)


def _mapping(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Cause]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            one, other = (side.get(name, "not recorded") for side in (old, new))
            yield Cause(kind, name, f"{one[:12]} → {other[:12]}")
