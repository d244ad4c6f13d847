"""From captures of language models to a results document whose every number can be checked."""

__version__ = "0.1.0"
