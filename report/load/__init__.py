"""Readers: what lies in a study folder becomes arrays, or a sentence that says why not."""
