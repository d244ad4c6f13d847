"""Experiment 1: entropy of the next-token distribution while a model answers."""

from report.experiments.generation.numbers import SLUG, analyse
from report.experiments.generation.view import TITLE, present

__all__ = ["SLUG", "TITLE", "analyse", "present"]
