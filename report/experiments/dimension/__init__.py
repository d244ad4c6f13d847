"""Experiment 3b: does low entropy go with a compressed behavioural space? What n = 6 can say."""

from report.experiments.dimension.group import SLUG
from report.experiments.dimension.numbers import analyse
from report.experiments.dimension.view import TITLE, present

__all__ = ["SLUG", "TITLE", "analyse", "present"]
