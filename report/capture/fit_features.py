"""Shipped features, fitted to the study that reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from report.capture.feature_meta import WRITE_AGAIN
from report.capture.features import Features, Problem
from report.capture.findings import listing
from report.capture.questions import MATCHED_ALIKE, folded, respelt, strangers
from report.study.study import Study
from stats.outcome import Reason


def fitted(features: Features, study: Study) -> Features:
    """Keep of shipped features what the study names; what it names and they lack is missing."""
    named = {model.key for model in study.models}
    problems = [p for p in features.problems if p.model in ("", *named)]
    unnamed = sorted((features.baselines.keys() | features.calibrations.keys()) - named)
    if unnamed:
        problems.append(
            Problem(
                "meta.json",
                "",
                f"holds models that study.toml does not name: {listing(unnamed)}",
                "Add them to study.toml, if they belong to the study.",
                str(Reason.NOT_TESTED),
                "",
                "",
                "baseline",
                note=True,
            )
        )
    baselines = {key: b for key, b in features.baselines.items() if key in named}
    for key, baseline in baselines.items():
        nothing = np.full(baseline.n_questions, np.nan)
        lacking = [a.key for a in study.axes if a.key not in baseline.projections]
        problems += [
            Problem(
                "questions.csv",
                axis,
                "is not among the features",
                WRITE_AGAIN,
                str(Reason.MISSING_CAPTURE),
                f"all that needs the projections on {axis}",
                key,
                "projections",
                axis=axis,
            )
            for axis in lacking
        ]
        projections = {a.key: baseline.projections.get(a.key, nothing) for a in study.axes}
        questions = tuple(map(folded, baseline.questions))
        problems += _spellings("questions.csv", key, baseline.questions, "projections")
        baselines[key] = replace(baseline, projections=projections, questions=questions)
    calibrations = {key: c for key, c in features.calibrations.items() if key in named}
    for key, c in calibrations.items():
        problems += _spellings("calibration.csv", key, c.question, "calibration")
        calibrations[key] = replace(c, question=tuple(map(folded, c.question)))
    asked = {key: baseline.questions for key, baseline in baselines.items()}
    problems += [p for p in strangers(study, asked, "{}_baseline.json") if p not in problems]
    return replace(
        features, baselines=baselines, calibrations=calibrations, problems=tuple(problems)
    )


def _spellings(file: str, model: str, written: Sequence[str], part: str) -> list[Problem]:
    if not (said := respelt(written)):
        return []
    return [
        Problem(
            file,
            "question",
            said,
            MATCHED_ALIKE,
            str(Reason.MISALIGNED),
            "",
            model,
            part,
            note=True,
        )
    ]
