"""Experiment 3b: does low entropy go with a compressed behavioural space? What n = 6 can say."""

from report.experiments.dimension.numbers import SLUG, analyse
from report.experiments.dimension.view import TITLE, present

__all__ = ["SLUG", "TITLE", "analyse", "present"]
